//! JetStream of NATS at the same work: a stream in files, each message flushed before it is acknowledged, and a push consumer
//! for each gateway. Its client is ours, in the few words of NATS's protocol that this takes, so that it is as fast as that
//! of the hub.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use testkit::process::{Proc, ProcConfig, free_addr};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, BufWriter};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;

use super::clock::{Clock, payload};
use super::follow;
use super::publish::{BATCH, CALLS, PACE, of_a_call, wire_bytes};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(600);
/// For the server to listen.
const START: Duration = Duration::from_secs(30);
const SUBJECT: &str = "events";

/// A server with the stream; it ends when dropped, and its files go with it.
pub struct JetStream {
    address: SocketAddr,
    _process: Proc,
    _dir: TempDir,
}

/// A gateway with its consumer.
pub struct Gateway(Client);

/// From where a consumer delivers.
#[derive(Debug, Clone, Copy)]
pub enum Deliver {
    /// What comes from now on.
    New,
    /// All that is there.
    All,
}

impl JetStream {
    /// Starts the server and makes the stream.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(program: &Path) -> Result<Self> {
        let (dir, address) = (tempfile::tempdir()?, free_addr());
        let store = dir.path().join("store");
        let settings = format!(
            "listen: \"{address}\"\nping_interval: \"10m\"\nmax_pending: 1073741824\n\
             jetstream {{\n  store_dir: {store:?}\n  sync_interval: always\n}}\n"
        );
        let file = dir.path().join("nats.conf");
        std::fs::write(&file, settings)?;
        let process = Proc::start(
            ProcConfig::new(program).arg("--config").arg(&file).straight_to(dir.path().join("nats-server.log")),
        )?;
        let stream = format!(
            r#"{{"name":"BENCH","subjects":["{SUBJECT}"],"storage":"file","retention":"limits","discard":"old",
                "num_replicas":1,"max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0}}"#
        );
        Client::connect(address).await?.request("$JS.API.STREAM.CREATE.BENCH", &stream).await?;
        Ok(Self { address, _process: process, _dir: dir })
    }

    /// A consumer for each of so many gateways.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn subscribe(&self, count: usize, from: Deliver) -> Result<Vec<Gateway>> {
        let policy = match from {
            Deliver::New => "new",
            Deliver::All => "all",
        };
        let mut gateways = Vec::with_capacity(count);
        for number in 0..count {
            let mut client = Client::connect(self.address).await?;
            client.say(&format!("SUB gateway.{number} 1\r\nPING\r\n")).await?;
            client.reader.pong().await?;
            let consumer = format!(
                r#"{{"stream_name":"BENCH","config":{{"deliver_subject":"gateway.{number}","deliver_policy":"{policy}","#,
            ) + r#""ack_policy":"none","replay_policy":"instant"}}"#;
            // By another connection: on this one messages may come at once.
            Client::connect(self.address).await?.request("$JS.API.CONSUMER.CREATE.BENCH", &consumer).await?;
            gateways.push(Gateway(client));
        }
        Ok(gateways)
    }

    /// Publishes so many messages: as many without an answer as calls of the hub hold, or so many a second.
    ///
    /// # Errors
    /// When a message is not stored.
    pub async fn publish(&self, messages: usize, per_second: Option<usize>, clock: &Arc<Clock>) -> Result<()> {
        let publishing = publish(self.address, messages, per_second, clock);
        tokio::time::timeout(PATIENCE, publishing).await.context("messages are not stored")?
    }
}

impl follow::Gateway for Gateway {
    async fn event(&mut self, clock: &Clock) -> Result<u32> {
        let Client { reader, message, .. } = &mut self.0;
        reader.message(message).await?;
        Ok(clock.late(message))
    }
}

async fn publish(address: SocketAddr, messages: usize, per_second: Option<usize>, clock: &Arc<Clock>) -> Result<()> {
    let mut client = Client::connect(address).await?;
    client.say("SUB _INBOX.acks 1\r\nPING\r\n").await?;
    client.reader.pong().await?;
    let Client { mut reader, mut write, .. } = client;
    let window = Arc::new(Semaphore::new(BATCH * CALLS));
    let freed = Arc::clone(&window);
    let acks = tokio::spawn(async move {
        let mut answer = Vec::new();
        for _ in 0..messages {
            reader.message(&mut answer).await?;
            stored(&answer)?;
            freed.add_permits(1);
        }
        anyhow::Ok(())
    });
    let bytes = wire_bytes();
    let each = per_second.map_or(BATCH, of_a_call);
    let mut tick = per_second.map(|_| tokio::time::interval(PACE));
    for first in (0..messages).step_by(each) {
        let at = match &mut tick {
            Some(tick) => tick.tick().await.into_std(),
            None => Instant::now(),
        };
        for number in first..messages.min(first + each) {
            match window.try_acquire() {
                Ok(permit) => permit.forget(),
                Err(_) => {
                    write.flush().await?;
                    window.acquire().await?.forget();
                }
            }
            clock.sent(number, at);
            write.write_all(format!("PUB {SUBJECT} _INBOX.acks {bytes}\r\n").as_bytes()).await?;
            write.write_all(&payload(number, bytes)).await?;
            write.write_all(b"\r\n").await?;
        }
        write.flush().await?;
    }
    acks.await?
}

/// Fails where the answer is an error.
fn stored(answer: &[u8]) -> Result<()> {
    let answer = String::from_utf8_lossy(answer);
    ensure!(!answer.contains("\"error\""), "JetStream says {answer}");
    Ok(())
}

struct Client {
    reader: Reader,
    // The server ends a connection whose other half is gone.
    write: BufWriter<OwnedWriteHalf>,
    message: Vec<u8>,
}

struct Reader {
    read: BufReader<OwnedReadHalf>,
    line: String,
}

impl Client {
    /// As soon as somebody listens.
    async fn connect(address: SocketAddr) -> Result<Self> {
        let began = Instant::now();
        let tcp = loop {
            match TcpStream::connect(address).await {
                Ok(tcp) => break tcp,
                Err(_) if began.elapsed() < START => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => return Err(error.into()),
            }
        };
        tcp.set_nodelay(true)?;
        let (read, write) = tcp.into_split();
        let reader = Reader { read: BufReader::with_capacity(64 << 10, read), line: String::new() };
        let mut client = Self { reader, write: BufWriter::with_capacity(64 << 10, write), message: Vec::new() };
        let hello = r#"CONNECT {"verbose":false,"pedantic":false,"lang":"rust","version":"0","protocol":1}"#;
        client.say(&format!("{hello}\r\nPING\r\n")).await?;
        client.reader.pong().await?;
        Ok(client)
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        self.write.write_all(text.as_bytes()).await?;
        Ok(self.write.flush().await?)
    }

    /// Asks the server's API.
    async fn request(&mut self, subject: &str, body: &str) -> Result<()> {
        let ask = format!("SUB _INBOX.api 9\r\nUNSUB 9 1\r\nPUB {subject} _INBOX.api {}\r\n{body}\r\n", body.len());
        self.say(&ask).await?;
        let asked = tokio::time::timeout(START, self.reader.message(&mut self.message)).await;
        asked.with_context(|| format!("{subject} is not answered"))??;
        stored(&self.message).with_context(|| subject.to_owned())
    }
}

impl Reader {
    async fn line(&mut self) -> Result<&str> {
        self.line.clear();
        ensure!(self.read.read_line(&mut self.line).await? > 0, "nats-server hung up");
        ensure!(!self.line.starts_with("-ERR"), "nats-server says {}", self.line.trim_end());
        Ok(&self.line)
    }

    /// Whatever was said before is dealt with by then.
    async fn pong(&mut self) -> Result<()> {
        while !self.line().await?.starts_with("PONG") {}
        Ok(())
    }

    /// The payload of the next message.
    async fn message(&mut self, payload: &mut Vec<u8>) -> Result<()> {
        loop {
            // MSG subject sid [reply] bytes
            let Some(head) = self.line().await?.strip_prefix("MSG ") else { continue };
            let bytes: usize = head.trim_end().rsplit(' ').next().unwrap_or_default().parse()?;
            payload.resize(bytes + 2, 0);
            self.read.read_exact(payload).await?;
            payload.truncate(bytes);
            return Ok(());
        }
    }
}
