//! Callers that cost little: HTTP/1.1 over connections that stay, one request under way on each, nothing parsed but what must be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::calls::Call;

/// What was measured.
pub struct Rate {
    /// Answers a second.
    pub per_second: f64,
    /// 99 of 100 were answered within so many milliseconds.
    pub p99_ms: f64,
}

/// Calls as fast as answers come, over so many connections, for so long.
///
/// # Errors
/// When an answer has another status than the call says.
pub async fn measure(address: SocketAddr, connections: usize, time: Duration, call: &Call) -> Result<Rate> {
    let next = Arc::new(AtomicU32::new(0));
    let began = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..connections.max(1) {
        let (next, request, wanted) = (next.clone(), call.request.clone(), call.status);
        callers.spawn(async move {
            let mut stream = connect(address).await?;
            let mut took = Vec::new();
            let mut body = Vec::new();
            while began.elapsed() < time {
                let bytes = request(next.fetch_add(1, Ordering::Relaxed));
                let started = Instant::now();
                let (status, closes) = exchange(&mut stream, &bytes, &mut body).await?;
                took.push(started.elapsed());
                ensure!(status == wanted, "answered {status}: {}", String::from_utf8_lossy(&body));
                if closes {
                    stream = connect(address).await?;
                }
            }
            Ok(took)
        });
    }
    let mut took = Vec::new();
    while let Some(caller) = callers.join_next().await {
        took.extend(caller??);
    }
    let elapsed = began.elapsed().as_secs_f64();
    took.sort_unstable();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    let answers = u32::try_from(took.len()).map(f64::from)?;
    Ok(Rate { per_second: answers / elapsed, p99_ms: p99.as_secs_f64() * 1e3 })
}

/// A connection for [`exchange`].
///
/// # Errors
/// When it is not taken.
pub async fn connect(address: SocketAddr) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

/// One request and its answer: the status, and whether the server closes the connection.
///
/// # Errors
/// When the server hangs up before it has answered, or its answer cannot be read.
pub async fn exchange(stream: &mut BufReader<TcpStream>, request: &[u8], body: &mut Vec<u8>) -> Result<(u16, bool)> {
    stream.get_mut().write_all(request).await?;
    let (mut status, mut length, mut closes, mut line) = (None, 0, false, String::new());
    loop {
        line.clear();
        ensure!(stream.read_line(&mut line).await? > 0, "the server hung up");
        let head = line.trim_end();
        if status.is_none() {
            status = Some(head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status")?);
        } else if head.is_empty() {
            break;
        } else if let Some((name, value)) = head.split_once(": ") {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse()?;
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.eq_ignore_ascii_case("close");
            }
        }
    }
    body.resize(length, 0);
    stream.read_exact(body).await?;
    Ok((status.context("no status")?, closes))
}
