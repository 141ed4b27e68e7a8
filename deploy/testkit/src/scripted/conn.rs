//! One connection, read and written byte by byte: HTTP as far as our own client speaks it.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// What was asked.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Value,
}

/// What is answered.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    /// Pause after each byte.
    pub(super) dribble: Duration,
    /// The connection ends with it.
    pub(super) last: bool,
}

/// The next request on the connection; `None` at its end.
pub(super) async fn request(peer: &mut BufReader<TcpStream>) -> Result<Option<Request>> {
    let mut line = String::new();
    if peer.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { bail!("no request line: {line:?}") };
    let url = reqwest::Url::parse("http://engine").and_then(|base| base.join(&target)).context("the target")?;
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        if peer.read_line(&mut line).await? == 0 {
            bail!("the head ended early");
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
    let mut body = vec![0; length];
    peer.read_exact(&mut body).await?;
    Ok(Some(Request {
        method,
        path: url.path().to_owned(),
        query: url.query_pairs().into_owned().collect(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }))
}

/// Says it, as slowly as it is to be said.
pub(super) async fn say(peer: &mut BufReader<TcpStream>, answer: &Answer) -> Result<()> {
    if answer.dribble.is_zero() {
        peer.write_all(&answer.bytes).await?;
    } else {
        for byte in &answer.bytes {
            peer.write_all(&[*byte]).await?;
            tokio::time::sleep(answer.dribble).await;
        }
    }
    Ok(peer.flush().await?)
}
