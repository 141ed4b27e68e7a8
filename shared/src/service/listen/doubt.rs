//! Requests that two readers may understand in two ways: a proxy before us as one, and we as another.

use http::{HeaderMap, Uri, Version, header};

use super::Peer;

/// What of a request is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Where it ends (RFC 9112 §6.1).
    #[error("a request has either Content-Length or Transfer-Encoding, and one with the second is not sent ahead")]
    End,
    /// Whom it is for: nobody is named (RFC 9112 §3.2, RFC 9113 §8.3.1).
    #[error("a request names the host, over HTTP/2 perhaps in :authority")]
    NoHost,
    /// Whom it is for: there are two `Host` (RFC 9112 §3.2).
    #[error("Host is given more than once")]
    TwoHosts,
}

/// Whether a request of `peer` has one meaning. HTTP/1.0 knows no `Host`, and need not have one.
///
/// # Errors
/// What is in doubt. It is answered 400 and not carried out.
pub fn unambiguous(peer: &Peer, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Doubt> {
    if peer.ambiguous {
        return Err(Doubt::End);
    }
    let wanted = match version {
        Version::HTTP_09 | Version::HTTP_10 => false,
        // Also where the target is a whole URI.
        Version::HTTP_11 => true,
        _ => uri.authority().is_none(),
    };
    match headers.get_all(header::HOST).iter().count() {
        0 if wanted => Err(Doubt::NoHost),
        0 | 1 => Ok(()),
        _ => Err(Doubt::TwoHosts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::network::Network;

    #[test]
    fn a_request_has_one_end_and_one_host() {
        let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let network = Network::of(nowhere.ip());
        let plain = Peer { address: nowhere, local: nowhere, network, tls: false, own: false, ambiguous: false };
        let (path, whole) = (Uri::from_static("/healthz"), Uri::from_static("http://a/healthz"));
        let rows: [(Version, &Uri, usize, Result<(), Doubt>); 11] = [
            (Version::HTTP_10, &path, 0, Ok(())),
            (Version::HTTP_10, &path, 1, Ok(())),
            (Version::HTTP_10, &path, 2, Err(Doubt::TwoHosts)),
            (Version::HTTP_11, &path, 0, Err(Doubt::NoHost)),
            (Version::HTTP_11, &whole, 0, Err(Doubt::NoHost)),
            (Version::HTTP_11, &path, 1, Ok(())),
            (Version::HTTP_11, &path, 2, Err(Doubt::TwoHosts)),
            (Version::HTTP_2, &path, 0, Err(Doubt::NoHost)),
            (Version::HTTP_2, &path, 1, Ok(())),
            (Version::HTTP_2, &whole, 0, Ok(())),
            (Version::HTTP_2, &whole, 2, Err(Doubt::TwoHosts)),
        ];
        for (version, uri, hosts, wanted) in rows {
            let mut headers = HeaderMap::new();
            for _ in 0..hosts {
                headers.append(header::HOST, http::HeaderValue::from_static("a"));
            }
            assert_eq!(unambiguous(&plain, version, uri, &headers), wanted, "{version:?} {uri} {hosts}");
            let unsure = Peer { ambiguous: true, ..plain };
            assert_eq!(unambiguous(&unsure, version, uri, &headers), Err(Doubt::End));
        }
    }
}
