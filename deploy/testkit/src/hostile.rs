//! A peer that says what it likes, byte by byte, from an address of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// How HTTP/2 begins.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A connection from 127.0.0.2, which says `words`; `None` where it is not taken.
pub async fn connect(to: SocketAddr, words: &[u8]) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0))).unwrap();
    let mut peer = tokio::time::timeout(Duration::from_secs(10), socket.connect(to)).await.ok()?.ok()?;
    peer.write_all(words).await.ok()?;
    Some(peer)
}

/// As many connections as are asked for, each with the same words; those that are hung up on are not missed.
pub async fn hold(to: SocketAddr, count: usize, words: &[u8]) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.extend(connect(to, words).await);
    }
    held
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Fields in HPACK's plainest form (RFC 7541 §6.2.2), with names of the static table where there is one.
fn fields(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let text = |block: &mut Vec<u8>, text: &str| {
        block.push(u8::try_from(text.len()).unwrap());
        block.extend(text.as_bytes());
    };
    let mut block = vec![if method == "GET" { 0x82 } else { 0x83 }, 0x86, 0x04];
    text(&mut block, path);
    block.push(0x01);
    text(&mut block, "localhost");
    for (name, value) in more {
        block.push(0x00);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

/// The words that begin HTTP/2 with this window for each stream.
pub fn opening(window: u32) -> Vec<u8> {
    let mut settings = vec![0, 4];
    settings.extend(window.to_be_bytes());
    [PREFACE, &frame(SETTINGS, 0, 0, &settings), &frame(SETTINGS, ACK, 0, &[])].concat()
}

/// A `GET` on a stream.
pub fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &fields("GET", path, &[]))
}

/// A `POST` of JSON on a stream, with the first byte of a body that goes on.
pub fn slow_post(stream: u32, path: &str) -> Vec<u8> {
    let head = fields("POST", path, &[("content-type", "application/json")]);
    [frame(HEADERS, END_HEADERS, stream, &head), frame(DATA, 0, stream, b"{")].concat()
}

/// A call of gRPC with an empty message; `ends` or not.
pub fn grpc_call(stream: u32, path: &str, ends: bool) -> Vec<u8> {
    let head = fields("POST", path, &[("content-type", "application/grpc"), ("te", "trailers")]);
    let (flags, message): (_, &[u8]) = if ends { (END_STREAM, &[0; 5]) } else { (0, &[0; 4]) };
    [frame(HEADERS, END_HEADERS, stream, &head), frame(DATA, flags, stream, message)].concat()
}

/// A stream that is opened and taken back at once.
pub fn reset(stream: u32, path: &str) -> Vec<u8> {
    [get(stream, path), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
}

/// A connection of HTTP/2 that answers pings, and does nothing else.
pub struct Alive {
    /// To say more.
    pub write: OwnedWriteHalf,
    reading: JoinHandle<Ended>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// It was told so.
    pub goaway: bool,
    /// Streams that were reset.
    pub resets: usize,
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Alive {
    /// Connects and says `words` after the opening; `None` where it is not taken.
    pub async fn connect(to: SocketAddr, window: u32, words: &[u8]) -> Option<Self> {
        let (mut read, write) = connect(to, &[&opening(window), words].concat()).await?.into_split();
        let reading = tokio::spawn(async move {
            let mut ended = Ended::default();
            let mut head = [0; 9];
            while read.read_exact(&mut head).await.is_ok() {
                let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
                if read.read_exact(&mut payload).await.is_err() {
                    break;
                }
                match (head[3], head[4]) {
                    (PING, 0) => {
                        let pong = frame(PING, ACK, 0, &payload);
                        let _ = read.as_ref().try_write(&pong);
                    }
                    (GOAWAY, _) => ended.goaway = true,
                    (RST_STREAM, _) => ended.resets += 1,
                    _ => {}
                }
            }
            ended
        });
        Some(Self { write, reading })
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> Ended {
        (&mut self.reading).await.unwrap()
    }
}
