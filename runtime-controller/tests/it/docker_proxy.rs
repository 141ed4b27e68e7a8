//! Between a controller and the daemon's socket: calls that hang, and a daemon that is away. One call to a connection, as our client makes
//! them.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use testkit::eventually;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::world::SOON;

/// Where a call hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangs {
    /// Before the daemon has it. It does it late, though nobody waits for it any more.
    Before,
    /// When it is done: the answer is kept back.
    Done,
    /// In its answer, after the head.
    Answering,
}

/// How far a call that hangs is.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    hangs: bool,
    released: bool,
    answered: bool,
}

/// A call that hangs, or will.
#[derive(Debug, Clone)]
pub struct Hung {
    what: String,
    fate: watch::Sender<Fate>,
}

impl Hung {
    fn new(what: &str) -> Self {
        Self { what: what.to_owned(), fate: watch::Sender::default() }
    }

    /// Waits until it hangs.
    pub async fn hangs(&self) {
        eventually(SOON, format!("{} hangs", self.what), || async { self.fate.borrow().hangs }).await;
    }

    /// The daemon goes on with it. Waits until it has answered.
    pub async fn goes_on(&self) {
        self.fate.send_modify(|fate| fate.released = true);
        eventually(SOON, format!("{} is done", self.what), || async { self.fate.borrow().answered }).await;
    }

    async fn wait(&self) {
        self.fate.send_modify(|fate| fate.hangs = true);
        // An error means that the test is over.
        let _ = self.fate.subscribe().wait_for(|fate| fate.released).await;
    }

    async fn wait_for_answer(&self) {
        let _ = self.fate.subscribe().wait_for(|fate| fate.answered).await;
    }
}

struct Rule {
    hangs: Hangs,
    fits: Box<dyn Fn(&str) -> bool + Send>,
    hung: Hung,
}

struct Shared {
    upstream: PathBuf,
    /// Each is for one call.
    rules: Mutex<Vec<Rule>>,
    /// All calls wait for it.
    all: Mutex<Option<Hung>>,
    /// The first lines of all requests.
    asked: Mutex<Vec<String>>,
}

impl Shared {
    fn what_becomes_of(&self, line: &str) -> Option<(Hangs, Hung)> {
        if let Some(all) = &*self.all.lock() {
            return Some((Hangs::Before, all.clone()));
        }
        let mut rules = self.rules.lock();
        let at = rules.iter().position(|rule| (rule.fits)(line))?;
        let rule = rules.remove(at);
        Some((rule.hangs, rule.hung))
    }
}

/// The proxy. Ends when dropped.
pub struct DockerProxy {
    socket: PathBuf,
    shared: Arc<Shared>,
    running: Mutex<Option<(CancellationToken, TaskTracker)>>,
}

impl DockerProxy {
    /// Listens in `dir` for the daemon at `host`.
    pub fn start(host: &str, dir: &Path) -> Self {
        let upstream = host.strip_prefix("unix://").expect("GALAXY_TEST_DOCKER_HOST is a socket").into();
        let (rules, all, asked) = (Mutex::default(), Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { upstream, rules, all, asked });
        let proxy = Self { socket: dir.join("docker-proxy.sock"), shared, running: Mutex::default() };
        proxy.listen();
        proxy
    }

    /// For `BACKEND_DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The next call whose first line (`GET /v1.41/info HTTP/1.1`) fits is to hang.
    pub fn hang(&self, what: &str, hangs: Hangs, fits: impl Fn(&str) -> bool + Send + 'static) -> Hung {
        let hung = Hung::new(what);
        self.shared.rules.lock().push(Rule { hangs, fits: Box::new(fits), hung: hung.clone() });
        hung
    }

    /// From now on every call hangs before the daemon has it. What it is answering already goes on: its events, most of all.
    pub fn hang_all(&self) -> Hung {
        let hung = Hung::new("any call");
        *self.shared.all.lock() = Some(hung.clone());
        hung
    }

    /// Calls from now on are answered again.
    pub fn hang_no_more(&self) {
        *self.shared.all.lock() = None;
    }

    /// The daemon is gone: what was open is closed, and nobody listens.
    pub async fn cut(&self) {
        let running = self.running.lock().take();
        if let Some((stop, tasks)) = running {
            stop.cancel();
            tasks.close();
            tasks.wait().await;
        }
    }

    /// It is back.
    pub fn restore(&self) {
        std::fs::remove_file(&self.socket).unwrap();
        self.listen();
    }

    /// How many requests had first lines with all of these words in them.
    pub fn asked(&self, words: &[&str]) -> usize {
        self.shared.asked.lock().iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    fn listen(&self) {
        let listener = UnixListener::bind(&self.socket).unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (token, tracker, shared) = (stop.clone(), tasks.clone(), Arc::clone(&self.shared));
        tasks.spawn(async move {
            while let Some(Ok((client, _))) = token.run_until_cancelled(listener.accept()).await {
                let (token, shared) = (token.clone(), Arc::clone(&shared));
                // Whoever leaves, leaves.
                tracker.spawn(async move { token.run_until_cancelled(carry(client, &shared)).await.map(drop) });
            }
        });
        *self.running.lock() = Some((stop, tasks));
    }
}

impl Drop for DockerProxy {
    fn drop(&mut self) {
        if let Some((stop, _)) = self.running.lock().take() {
            stop.cancel();
        }
    }
}

async fn carry(mut client: UnixStream, shared: &Shared) -> Result<()> {
    let mut head = Vec::new();
    read_head(&mut client, &mut head).await?;
    let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    shared.asked.lock().push(line.clone());
    let becomes = shared.what_becomes_of(&line);
    if let Some((Hangs::Before, hung)) = &becomes {
        hung.wait().await;
    }
    let mut server = UnixStream::connect(&shared.upstream).await?;
    server.write_all(&head).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        // The daemon would break off a call whose client has left: one that hung is done all the same.
        if let Some((_, hung)) = &becomes {
            hung.wait_for_answer().await;
        }
        to_server.shutdown().await
    };
    let answering = async {
        let mut answer = Vec::new();
        read_head(&mut from_server, &mut answer).await?;
        if let Some((hangs, hung)) = &becomes {
            hung.fate.send_modify(|fate| fate.answered = true);
            if *hangs == Hangs::Answering {
                let end = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
                let body = answer.split_off(end);
                to_client.write_all(&std::mem::replace(&mut answer, body)).await?;
            }
            if *hangs != Hangs::Before {
                hung.wait().await;
            }
        }
        to_client.write_all(&answer).await?;
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::try_join!(asking, answering).map(drop)
}

/// The head, and what came with it.
async fn read_head(from: &mut (impl AsyncRead + Unpin), head: &mut Vec<u8>) -> Result<()> {
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if from.read_buf(head).await? == 0 {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
    }
    Ok(())
}
