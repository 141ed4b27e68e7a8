//! Addresses to listen on, in Go's notation.

use std::{fmt, io, net::SocketAddr};

use tokio::net::TcpListener;

/// Where to listen: `:8080` is port 8080 on all interfaces, IPv4 and IPv6; `127.0.0.1:0` is any free port on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddr {
    host: Option<String>,
    port: u16,
}

impl ListenAddr {
    /// Reads `:port`, `address:port`, `[v6]:port` or `name:port`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(value: &str) -> Result<Self, String> {
        let wrong = || format!("{value:?} is not an address to listen on such as :8080 or 127.0.0.1:8080");
        let (host, port) = value.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        if host.is_empty() {
            return Ok(Self { host: None, port });
        }
        let bare_v6 = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
        if bare_v6 || host.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self { host: Some(host.trim_start_matches('[').trim_end_matches(']').to_owned()), port })
    }

    /// The port; 0 lets the system choose.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host part to reach this listener from the same machine.
    #[must_use]
    pub fn local_host(&self) -> &str {
        match self.host.as_deref() {
            None | Some("0.0.0.0" | "::") => "localhost",
            Some(host) => host,
        }
    }

    /// Binds. "All interfaces" is one IPv6 socket that takes IPv4 too, or plain IPv4 where IPv6 is switched off; peers
    /// then show as `::ffff:a.b.c.d`, so use [`std::net::IpAddr::to_canonical`] on them.
    ///
    /// # Errors
    /// The system's, naming the address.
    pub async fn bind(&self) -> io::Result<TcpListener> {
        let bound = match &self.host {
            Some(host) => TcpListener::bind((host.as_str(), self.port)).await,
            None => match TcpListener::bind(SocketAddr::from(([0u16; 8], self.port))).await {
                Err(e) if e.kind() != io::ErrorKind::AddrInUse => TcpListener::bind(("0.0.0.0", self.port)).await,
                bound => bound,
            },
        };
        bound.map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {self}: {e}")))
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, ":{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_notation_is_read_and_written_back() {
        for text in [":8080", "127.0.0.1:0", "[::1]:9100", "localhost:80"] {
            assert_eq!(ListenAddr::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "8080", ":", ":x", ":70000", "::1:80", "a b:1"] {
            assert!(ListenAddr::parse(text).is_err(), "{text}");
        }
        assert_eq!(ListenAddr::parse("0.0.0.0:9100").unwrap().local_host(), "localhost");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = ListenAddr::parse("127.0.0.1:0").unwrap().bind().await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = ListenAddr::parse(&address).unwrap().bind().await.unwrap_err();
        assert!(error.to_string().contains(&address), "{error}");
    }
}
