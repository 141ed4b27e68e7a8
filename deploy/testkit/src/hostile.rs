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
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Where attackers stand: each is a network of its own, and none is 127.0.0.1.
pub const NETWORKS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)];

/// A connection from 127.0.0.2, which says `words`; `None` where it is not taken.
pub async fn connect(to: SocketAddr, words: &[u8]) -> Option<TcpStream> {
    connect_from(NETWORKS[0], to, words).await
}

/// The same from an address that is given.
pub async fn connect_from(from: Ipv4Addr, to: SocketAddr, words: &[u8]) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let mut peer = tokio::time::timeout(Duration::from_secs(10), socket.connect(to)).await.ok()?.ok()?;
    peer.write_all(words).await.ok()?;
    Some(peer)
}

/// As many connections as are asked for, each with the same words; those that are hung up on are not missed.
pub async fn hold(to: SocketAddr, count: usize, words: &[u8]) -> Vec<TcpStream> {
    hold_from(NETWORKS[0], to, count, words).await
}

/// The same from an address that is given.
pub async fn hold_from(from: Ipv4Addr, to: SocketAddr, count: usize, words: &[u8]) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        held.extend(connect_from(from, to, words).await);
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

/// The same with so many bytes of a body that goes on.
pub fn large_post(stream: u32, path: &str, bytes: usize) -> Vec<u8> {
    [slow_post(stream, path), frame(DATA, 0, stream, &vec![b' '; bytes.saturating_sub(1)])].concat()
}

/// A `POST` whose body goes on and whose head is as large as a few bytes make it: a long value is put into the
/// connection's table (RFC 7541 §6.2.1) by the stream that comes `first`, and each stream names it `times` times.
pub fn bomb(stream: u32, path: &str, first: bool, times: usize) -> Vec<u8> {
    let mut block = fields("POST", path, &[("content-type", "application/json")]);
    if first {
        block.extend([0x40, 1, b'x']);
        // 3 900 in a prefix of 7 bits (RFC 7541 §5.1).
        block.extend([0x7f, 0xbd, 0x1d]);
        block.extend([b'y'; 3_900]);
    }
    // The youngest entry of the table has the index after the static ones.
    block.extend(vec![0x80 | 62; times]);
    [frame(HEADERS, END_HEADERS, stream, &block), frame(DATA, 0, stream, b"{")].concat()
}

/// A head that goes on over so many frames, all of it one value.
pub fn endless_head(stream: u32, frames: usize) -> Vec<u8> {
    let mut block = fields("GET", "/healthz", &[]);
    // A value of 2^21 and some bytes, of which those that follow are a part.
    block.extend([0x00, 1, b'x', 0x7f, 0xff, 0xff, 0x7f]);
    let mut words = frame(HEADERS, END_STREAM, stream, &block);
    for _ in 0..frames {
        words.extend(frame(CONTINUATION, 0, stream, &[b'y'; 16_384]));
    }
    words
}

/// So many pings, or settings, that want an answer each.
pub fn controls(pings: usize, settings: usize) -> Vec<u8> {
    [frame(PING, 0, 0, &[0; 8]).repeat(pings), frame(SETTINGS, 0, 0, &[]).repeat(settings)].concat()
}

/// So many answers to pings that nobody sent.
pub fn pongs(count: usize) -> Vec<u8> {
    frame(PING, ACK, 0, &[1; 8]).repeat(count)
}

/// So many times a window is made wider by a byte.
pub fn windows(count: usize) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()).repeat(count)
}

/// A call of gRPC with so many bytes of a message of 4 MiB, less one.
pub fn grpc_large(stream: u32, path: &str, bytes: usize) -> Vec<u8> {
    let head = fields("POST", path, &[("content-type", "application/grpc"), ("te", "trailers")]);
    let mut message = vec![0];
    message.extend(((4_u32 << 20) - 1).to_be_bytes());
    message.resize(bytes.max(5), 0);
    let mut words = frame(HEADERS, END_HEADERS, stream, &head);
    for piece in message.chunks(16_384) {
        words.extend(frame(DATA, 0, stream, piece));
    }
    words
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
