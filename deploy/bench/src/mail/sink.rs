//! A relay that takes every mail, at once or with a pause before each answer, and notes when.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the address of a code begins with; its number follows.
pub const CODE: &str = "code-";

/// The relay. It ends when dropped.
pub struct Sink {
    /// Where it listens.
    pub addr: SocketAddr,
    taken: Arc<Taken>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Taken {
    pause: Duration,
    mails: AtomicUsize,
    /// By their numbers, when it said yes to them.
    codes: Mutex<HashMap<usize, Instant>>,
    first: Mutex<Option<Vec<u8>>>,
}

impl Sink {
    /// A relay on a free port, which waits for so long before each answer.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn start(pause: Duration) -> Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), pause).await
    }

    /// The same on a port of ours, which was somebody else's until now.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_at(addr: SocketAddr, pause: Duration) -> Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let taken = Arc::new(Taken { pause, ..Taken::default() });
        let serving = tokio::spawn(serve(listener, Arc::clone(&taken)));
        Ok(Self { addr, taken, serving })
    }

    /// Waits until it has taken so many mails.
    ///
    /// # Errors
    /// When they do not come within the patience.
    pub async fn has(&self, mails: usize, patience: Duration) -> Result<()> {
        let began = Instant::now();
        while self.mails() < mails {
            ensure!(began.elapsed() < patience, "{} of {mails} mails came", self.mails());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// How many mails it has taken.
    pub fn mails(&self) -> usize {
        self.taken.mails.load(Ordering::Relaxed)
    }

    /// When it said yes to each code, by their numbers.
    pub fn codes(&self) -> HashMap<usize, Instant> {
        self.taken.codes.lock().clone()
    }

    /// The first message, as a client would hand it over.
    ///
    /// # Errors
    /// When there was none.
    pub fn first(&self) -> Result<Vec<u8>> {
        self.taken.first.lock().clone().context("no mail has come")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, taken: Arc<Taken>) {
    while let Ok((peer, _)) = listener.accept().await {
        tokio::spawn(converse(peer, Arc::clone(&taken)));
    }
}

async fn converse(peer: TcpStream, taken: Arc<Taken>) -> Result<()> {
    peer.set_nodelay(true)?;
    let mut peer = BufReader::new(peer);
    let (mut line, mut code) = (String::new(), None);
    say(&mut peer, &taken, "220 sink\r\n").await?;
    loop {
        line.clear();
        if peer.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "RCPT" => {
                code = number(&line);
                say(&mut peer, &taken, "250 ok\r\n").await?;
            }
            "DATA" => {
                say(&mut peer, &taken, "354 go on\r\n").await?;
                let message = message(&mut peer).await?;
                let number = code.take();
                if number.is_none() {
                    taken.first.lock().get_or_insert(message);
                }
                say(&mut peer, &taken, "250 taken\r\n").await?;
                if let Some(number) = number {
                    taken.codes.lock().insert(number, Instant::now());
                }
                taken.mails.fetch_add(1, Ordering::Relaxed);
            }
            "QUIT" => return say(&mut peer, &taken, "221 bye\r\n").await,
            _ => say(&mut peer, &taken, "250 ok\r\n").await?,
        }
    }
}

async fn say(peer: &mut BufReader<TcpStream>, taken: &Taken, answer: &str) -> Result<()> {
    // Even a sleep of nothing waits for the timer's next tick.
    if !taken.pause.is_zero() {
        tokio::time::sleep(taken.pause).await;
    }
    Ok(peer.write_all(answer.as_bytes()).await?)
}

/// The message without its final dot.
async fn message(peer: &mut BufReader<TcpStream>) -> Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let begins = message.len();
        ensure!(peer.read_until(b'\n', &mut message).await? > 0, "it broke off");
        if message.get(begins..) == Some(b".\r\n".as_slice()) {
            message.truncate(begins);
            return Ok(message);
        }
    }
}

fn number(line: &str) -> Option<usize> {
    let (_, rest) = line.split_once(CODE)?;
    rest.split_once('@')?.0.parse().ok()
}
