//! The `healthcheck` subcommand: asks the process's own readiness, for images without a shell.

use std::{
    io::{Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use anyhow::{Context as _, bail};

use crate::config::OpsConfig;

/// Budget of each step; container runtimes give a health check a few seconds in all.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Asks `/readyz` of the process that listens on this machine with this configuration. Blocks.
///
/// # Errors
/// When nothing answers, or it is not ready; the message holds the answer.
pub fn ask_readiness(config: &OpsConfig) -> anyhow::Result<()> {
    let host = config.listen_addr.local_host();
    let addresses = (host, config.listen_addr.port()).to_socket_addrs()?;
    let mut stream = None;
    for address in addresses {
        if let Ok(connected) = TcpStream::connect_timeout(&address, TIMEOUT) {
            stream = Some(connected);
            break;
        }
    }
    let mut stream = stream.with_context(|| format!("nothing listens on {}", config.listen_addr))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split_ascii_whitespace().nth(1) {
        Some("200") => Ok(()),
        Some(status) => bail!("not ready ({status}): {body}"),
        None => bail!("not an HTTP answer: {head:?}"),
    }
}
