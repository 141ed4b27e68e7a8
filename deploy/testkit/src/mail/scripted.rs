//! A relay that says at each step what a test tells it to, byte by byte.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What the relay is asked, and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum At {
    /// The connection was made: the greeting.
    Banner,
    /// `EHLO`.
    Ehlo,
    /// `STARTTLS`. There is no TLS behind it.
    StartTls,
    /// `AUTH`, and each line of its dialogue.
    Auth,
    /// `MAIL`.
    Mail,
    /// `RCPT`.
    Rcpt,
    /// `DATA`.
    Data,
    /// The message, with its final dot.
    Dot,
    /// `NOOP`.
    Noop,
    /// `RSET`.
    Rset,
    /// `QUIT`.
    Quit,
}

/// An answer, as it goes over the wire.
#[derive(Debug, Clone)]
pub enum Say {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These bytes, one after each pause.
    Slowly(Vec<u8>, Duration),
    /// These bytes, and the end of the connection.
    Last(Vec<u8>),
    /// These bytes, and nothing any more until the peer goes.
    Stuck(Vec<u8>),
    /// These bytes without end.
    Endlessly(Vec<u8>),
}

/// A relay that follows a script. Where the script is silent, it is an honest one that offers nothing. Ends when dropped.
pub struct ScriptedRelay {
    addr: SocketAddr,
    script: Arc<Mutex<Script>>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Script {
    /// Ends the connections that are open.
    drop: CancellationToken,
    says: HashMap<At, VecDeque<Say>>,
    always: HashMap<At, Say>,
    to: HashMap<String, Say>,
    asked: Vec<At>,
    commands: Vec<String>,
    messages: Vec<Vec<u8>>,
    connections: usize,
}

impl ScriptedRelay {
    /// A relay on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<ScriptedRelay> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let relay =
            ScriptedRelay { addr: listener.local_addr()?, script: Arc::default(), stop: CancellationToken::new() };
        let (script, stop) = (relay.script.clone(), relay.stop.clone());
        tokio::spawn(async move {
            loop {
                let accepted =
                    tokio::select! { accepted = listener.accept() => accepted, () = stop.cancelled() => return };
                let Ok((io, _)) = accepted else { continue };
                let (script, stop) = (script.clone(), stop.clone());
                let drop = script.lock().drop.clone();
                tokio::spawn(async move {
                    // A client that breaks off is what is tested.
                    tokio::select! { _ = serve(script, io) => {}, () = stop.cancelled() => {}, () = drop.cancelled() => {} }
                });
            }
        });
        Ok(relay)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Says this the next time it is asked there; several wait in line.
    pub fn say(&self, at: At, say: Say) {
        self.script.lock().says.entry(at).or_default().push_back(say);
    }

    /// Forgets what waits in line there.
    pub fn unsay(&self, at: At) {
        self.script.lock().says.remove(&at);
    }

    /// Says this whenever it is asked there and nothing else waits in line.
    pub fn always(&self, at: At, say: Say) {
        self.script.lock().always.insert(at, say);
    }

    /// Says this to every `RCPT` with this address in it.
    pub fn say_to(&self, address: &str, say: Say) {
        self.script.lock().to.insert(address.to_owned(), say);
    }

    /// Forgets the script, and what was asked and sent, and cuts all connections.
    pub fn clear(&self) {
        std::mem::take(&mut *self.script.lock()).drop.cancel();
    }

    /// The messages that came with their final dot, dots and all, whatever was said to them.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.script.lock().messages.clone()
    }

    /// What it was asked, in order, over all connections.
    pub fn asked(&self) -> Vec<At> {
        self.script.lock().asked.clone()
    }

    /// The commands as they came, over all connections.
    pub fn commands(&self) -> Vec<String> {
        self.script.lock().commands.clone()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.script.lock().connections
    }
}

impl Drop for ScriptedRelay {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn honest(at: At) -> &'static [u8] {
    match at {
        At::Banner => b"220 scripted.test\r\n",
        At::Data => b"354 go on\r\n",
        At::StartTls => b"220 go on\r\n",
        At::Auth => b"235 welcome\r\n",
        At::Quit => b"221 bye\r\n",
        _ => b"250 ok\r\n",
    }
}

/// Answers; `false` when the connection is to end.
async fn answer(io: &mut BufReader<TcpStream>, say: Say) -> std::io::Result<bool> {
    match say {
        Say::Bytes(bytes) => io.write_all(&bytes).await?,
        Say::Slowly(bytes, pause) => {
            for byte in bytes {
                tokio::time::sleep(pause).await;
                io.write_all(&[byte]).await?;
            }
        }
        Say::Last(bytes) => {
            io.write_all(&bytes).await?;
            io.shutdown().await?;
            return Ok(false);
        }
        Say::Stuck(bytes) => {
            io.write_all(&bytes).await?;
            let mut rest = [0; 4096];
            while io.read(&mut rest).await? > 0 {}
            return Ok(false);
        }
        Say::Endlessly(bytes) => loop {
            io.write_all(&bytes).await?;
        },
    }
    Ok(true)
}

async fn serve(script: Arc<Mutex<Script>>, io: TcpStream) -> std::io::Result<()> {
    io.set_nodelay(true)?;
    let mut io = BufReader::new(io);
    script.lock().connections += 1;
    let (mut at, mut line, mut authenticates) = (At::Banner, String::new(), false);
    loop {
        let say = {
            let mut script = script.lock();
            script.asked.push(at);
            let told = script.to.iter().find(|(address, _)| at == At::Rcpt && line.contains(address.as_str()));
            let told = told.map(|(_, say)| say.clone());
            let queued = told.or_else(|| script.says.get_mut(&at)?.pop_front());
            queued.or_else(|| script.always.get(&at).cloned())
        };
        let say = say.unwrap_or_else(|| Say::Bytes(honest(at).to_vec()));
        let goes_on =
            matches!(&say, Say::Bytes(bytes) | Say::Slowly(bytes, _) if bytes.windows(3).any(|code| code == b"354"));
        let challenges = matches!(&say, Say::Bytes(bytes) if bytes.starts_with(b"334"));
        if !answer(&mut io, say).await? || at == At::Quit {
            return Ok(());
        }
        authenticates = challenges && (at == At::Auth || authenticates);
        if at == At::Data && goes_on {
            let mut message = Vec::new();
            while !message.ends_with(b"\r\n.\r\n") {
                if io.read_until(b'\n', &mut message).await? == 0 {
                    return Ok(());
                }
            }
            script.lock().messages.push(message);
            at = At::Dot;
            continue;
        }
        line.clear();
        if io.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        script.lock().commands.push(line.trim_end().to_owned());
        let verb = line.split([' ', '\r', '\n', ':']).next().unwrap_or_default().to_ascii_uppercase();
        at = match verb.as_str() {
            _ if authenticates => At::Auth,
            "EHLO" | "HELO" => At::Ehlo,
            "STARTTLS" => At::StartTls,
            "AUTH" => At::Auth,
            "MAIL" => At::Mail,
            "RCPT" => At::Rcpt,
            "DATA" => At::Data,
            "RSET" => At::Rset,
            "QUIT" => At::Quit,
            _ => At::Noop,
        };
    }
}
