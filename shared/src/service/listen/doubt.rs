//! Requests that two readers may understand in two ways: a proxy before us as one, and we as another.

use std::net::Ipv6Addr;

use http::uri::Authority;
use http::{HeaderMap, Uri, Version, header};

use super::Peer;

/// What of a request is in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Where it ends (RFC 9112 §6.1).
    #[error(
        "a request has either Content-Length or one Transfer-Encoding: chunked, and one with the second is not sent ahead"
    )]
    End,
    /// Whom it is for: nobody is named (RFC 9112 §3.2, RFC 9113 §8.3.1).
    #[error("a request names the host, over HTTP/2 perhaps in :authority")]
    NoHost,
    /// Whom it is for: there are two `Host` (RFC 9112 §3.2).
    #[error("Host is given more than once")]
    TwoHosts,
    /// Whom it is for: what is named is no host (RFC 9112 §3.2), or says who asks (RFC 9110 §4.2.4).
    #[error("Host is a name or an address, with a port or without")]
    NoSuchHost,
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
    let mut hosts = headers.get_all(header::HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (None, _) if wanted => return Err(Doubt::NoHost),
        (Some(_), Some(_)) => return Err(Doubt::TwoHosts),
        (named, _) => named.map(http::HeaderValue::as_bytes),
    };
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    // What has no authority says so by an empty one.
    let hosts = authority.into_iter().chain(named.filter(|host| !host.is_empty()));
    if hosts.into_iter().all(is_host) { Ok(()) } else { Err(Doubt::NoSuchHost) }
}

/// Whether the body of a request with `Transfer-Encoding` is in the one coding that we know, once. Of another one, or of
/// several, hyper looks at the last alone, and takes what is under it for the content (RFC 9112 §6.1, §7).
pub(super) fn is_chunked_alone(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let only = codings.next().is_some_and(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    only && codings.next().is_none()
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2): a name, an IPv4 address or one of IPv6 in brackets, and nobody's.
fn is_host(host: &[u8]) -> bool {
    let Some(host) = std::str::from_utf8(host).ok().filter(|host| !host.contains('@')) else { return false };
    let Ok(parsed) = host.parse::<Authority>() else { return false };
    let name = parsed.host();
    let in_brackets = || name.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let port = match host.strip_prefix(name) {
        Some("") => Some(""),
        rest => rest.and_then(|rest| rest.strip_prefix(':')),
    };
    let is_port =
        |port: &str| port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    !name.is_empty() && (!name.starts_with('[') || in_brackets().is_some()) && port.is_some_and(is_port)
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

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let network = Network::of(nowhere.ip());
        let peer = Peer { address: nowhere, local: nowhere, network, tls: false, own: false, ambiguous: false };
        let judged = |uri: &str, host: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, http::HeaderValue::from_bytes(host).unwrap());
            unambiguous(&peer, Version::HTTP_11, &uri.parse().unwrap(), &headers)
        };
        let good = ["", "a", "a.example", "a.example:8080", "a:", "1.2.3.4:80", "[::1]", "[::1]:65535", "a_b-c~d"];
        let bad: [&[u8]; 16] = [
            b"a b",
            b"u@x",
            b"@x",
            b"u:p@x:80",
            b":80",
            b"a:80:80",
            b"a:b",
            b"a:+80",
            b"a:65536",
            b"a/b",
            b"a?b",
            b"http://a",
            b"::1",
            b"[::1",
            b"[a]:80",
            b"a\xff",
        ];
        for host in good {
            assert_eq!(judged("/healthz", host.as_bytes()), Ok(()), "{host}");
        }
        for host in bad {
            assert_eq!(judged("/healthz", host), Err(Doubt::NoSuchHost), "{:?}", String::from_utf8_lossy(host));
        }
        assert_eq!(judged("http://a:80/healthz", b"a"), Ok(()));
        assert_eq!(judged("http://u@a/healthz", b"a"), Err(Doubt::NoSuchHost), "by a whole URI");
    }

    #[test]
    fn a_body_is_chunked_once_and_nothing_else() {
        let alone = |codings: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for coding in codings {
                headers.append(header::TRANSFER_ENCODING, http::HeaderValue::from_static(coding));
            }
            is_chunked_alone(&headers)
        };
        assert!(alone(&["chunked"]) && alone(&["Chunked"]) && alone(&[" chunked "]));
        for codings in [
            &["gzip, chunked"][..],
            &["chunked, chunked"],
            &["chunked", "chunked"],
            &["gzip", "chunked"],
            &["identity, chunked"],
            &[", chunked"],
            &["chunked;q=1"],
            &["xchunked"],
            &[""],
            &[],
        ] {
            assert!(!alone(codings), "{codings:?}");
        }
    }
}
