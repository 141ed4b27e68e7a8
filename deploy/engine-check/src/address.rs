//! An address for an engine on this machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU8, Ordering};

/// An address of loopback for one engine, which nobody else is given. A port of `127.0.0.1` that is free now may be anybody's before
/// the engine listens: everybody's connections begin there. On Linux all of `127.0.0.0/8` is loopback, so that each process has
/// addresses of its own, and each of its engines another one. Elsewhere it is `127.0.0.1` after all.
///
/// # Errors
/// When no port is free.
pub fn own_address() -> io::Result<SocketAddr> {
    static ENGINES: AtomicU8 = AtomicU8::new(0);
    let number = ENGINES.fetch_add(1, Ordering::Relaxed) % 128;
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 64 + number, high, low);
    let port = TcpListener::bind((own, 0)).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    port.local_addr()
}
