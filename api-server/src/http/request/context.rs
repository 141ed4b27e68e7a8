//! What every request carries along, read from its headers: its id, its trace, and where it came from.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use poem::http::uri::Authority;
use poem::http::{HeaderMap, header};
use poem::{FromRequest, Request, RequestBody};
use shared::ids::RequestId;

use crate::refusal::Problem;
use crate::use_cases::caller::Context;

/// Reads it from the headers; `peer` is the socket's address, `tls` whether the connection is encrypted.
pub fn read(headers: &HeaderMap, peer: IpAddr, tls: bool, trusted: &[IpNet]) -> Context {
    let request_id = headers
        .get("x-request-id")
        .and_then(|v| v.to_str().ok())
        .filter(|v| !v.is_empty() && v.len() <= 128 && v.bytes().all(|b| b.is_ascii_graphic()))
        .map_or_else(|| RequestId::new().to_string(), str::to_owned);
    let ip = client_address(headers, peer, trusted);
    let secure = tls || ip.is_loopback() || by_proxy(headers, peer, trusted) || on_its_own_machine(headers);
    Context { request_id, traceparent: None, ip, secure, reason: None, operation_id: None }
}

/// Whether a trusted proxy says that it was called over TLS: by the last `X-Forwarded-Proto`, which is its own.
fn by_proxy(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&peer.to_canonical()))
        && members(headers, "x-forwarded-proto").next_back().is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"))
}

/// The members of a list over all fields of its name, without the blanks around them. Each is judged by itself: the client writes
/// the beginning of what a proxy appends to, and a byte of its that is no text must not take the proxy's words away.
fn members<'h>(headers: &'h HeaderMap, name: &str) -> impl DoubleEndedIterator<Item = &'h [u8]> {
    headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// Whether the client called an address of its own machine: a port that a container publishes on loopback, or a tunnel. The peer is
/// somebody between then, but no network that others read is. A proxy writes a `Host` of its own, so one that tells of itself is not
/// believed to hand on the client's.
fn on_its_own_machine(headers: &HeaderMap) -> bool {
    const OF_PROXIES: [&str; 5] = ["x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"];
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let is_loopback = host.as_ref().map(Authority::host).is_some_and(|host| {
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse::<IpAddr>();
        match address {
            Ok(ip) => ip.to_canonical().is_loopback(),
            // RFC 6761 §6.3: these names are loopback everywhere.
            Err(_) => {
                let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
                name == "localhost" || name.ends_with(".localhost")
            }
        }
    });
    is_loopback && OF_PROXIES.iter().all(|name| !headers.contains_key(*name))
}

impl<'a> FromRequest<'a> for Context {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        request.extensions().get::<Self>().cloned().ok_or_else(|| Problem::internal(&"request without context").into())
    }
}

/// Walks `X-Forwarded-For` from its end: each hop that a trusted proxy reported is believed as long as the reporter is trusted.
fn client_address(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(&ip.to_canonical()));
    let mut client = peer.to_canonical();
    for hop in members(headers, "x-forwarded-for").rev() {
        if !is_trusted(&client) {
            break;
        }
        match hop_address(hop) {
            Some(ip) => client = ip.to_canonical(),
            // What a trusted proxy could not say well-formed is not guessed at.
            None => break,
        }
    }
    client
}

/// The address of one hop: bare, or as `address:port` and `[v6]:port`, which load balancers write; quoted as `Forwarded` wants it
/// (RFC 7239 §6).
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?;
    let hop = hop.strip_prefix('"').and_then(|hop| hop.strip_suffix('"')).unwrap_or(hop);
    if let Ok(address) = hop.parse::<IpAddr>() {
        return Some(address);
    }
    if let Ok(socket) = hop.parse::<SocketAddr>() {
        return Some(socket.ip());
    }
    hop.strip_prefix('[')?.strip_suffix(']')?.parse().map(IpAddr::V6).ok()
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn headers(forwarded: &[impl AsRef<[u8]>]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in forwarded {
            map.append("x-forwarded-for", HeaderValue::from_bytes(value.as_ref()).unwrap());
        }
        map
    }

    #[test]
    fn the_last_untrusted_hop_is_the_client() {
        let loopback: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap()];
        let from = |peer: &str, forwarded: &[&str]| {
            client_address(&headers(forwarded), peer.parse().unwrap(), &loopback).to_string()
        };
        assert_eq!(from("127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
        assert_eq!(
            from("127.0.0.1", &["198.51.100.1, 203.0.113.7"]),
            "203.0.113.7",
            "what the client wrote itself is not believed"
        );
        assert_eq!(from("127.0.0.1", &["198.51.100.1, 203.0.113.7", "127.0.0.2"]), "203.0.113.7");
        assert_eq!(from("192.0.2.1", &["203.0.113.7"]), "192.0.2.1", "an untrusted peer forwards nothing");
        for (hop, address) in [
            ("203.0.113.7:51234", "203.0.113.7"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("\"203.0.113.7\"", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
            (" 203.0.113.7 ", "203.0.113.7"),
        ] {
            assert_eq!(from("127.0.0.1", &[hop]), address, "{hop}");
            assert_eq!(from("127.0.0.1", &[&format!("198.51.100.1:4, {hop}")]), address, "{hop}");
        }
        for hop in [
            "nonsense",
            "",
            "unknown",
            "_hidden",
            "203.0.113.7:",
            "203.0.113.7:99999",
            "[203.0.113.7]",
            "[2001:db8::1]x",
            "\"",
        ] {
            assert_eq!(from("127.0.0.1", &[hop]), "127.0.0.1", "{hop}");
        }
        assert_eq!(from("::ffff:127.0.0.1", &["203.0.113.7"]), "203.0.113.7");
    }

    #[test]
    fn what_the_client_wrote_takes_nothing_of_what_its_proxy_says_away() {
        let trusted: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap()];
        let peer = "127.0.0.1".parse().unwrap();
        for (forwarded, client) in [
            (&[&b"\xff, 203.0.113.7"[..]][..], "203.0.113.7"),
            (&[b"198.51.100.1\xc3\xa9,\xff\xfe ,203.0.113.7"], "203.0.113.7"),
            (&[b"\xff", b"203.0.113.7, 127.0.0.2"], "203.0.113.7"),
            // What the trusted proxy itself said cannot be read: what stands before it is the client's.
            (&[b"203.0.113.7, \xff"], "127.0.0.1"),
            (&[b"203.0.113.7", b"\xff"], "127.0.0.1"),
            (&[b"198.51.100.1, 203.0.113.7\xff"], "127.0.0.1"),
            (&["203.0.113.7\u{a0}".as_bytes()], "127.0.0.1"),
        ] {
            assert_eq!(client_address(&headers(forwarded), peer, &trusted).to_string(), client, "{forwarded:?}");
        }
        let mut given = headers(&["203.0.113.7"]);
        for (said, secure) in [
            (&[&b"\xff, https"[..]][..], true),
            (&[b"\xff", b"https"], true),
            (&[b"https, \xff"], false),
            (&[b"https", b"\xff"], false),
            (&[b"https\xff"], false),
        ] {
            given.remove("x-forwarded-proto");
            for line in said {
                given.append("x-forwarded-proto", HeaderValue::from_bytes(line).unwrap());
            }
            assert_eq!(read(&given, peer, false, &trusted).secure, secure, "{said:?}");
        }
    }

    mod fuzz {
        use testkit::fuzz::Target;

        use super::*;

        #[test]
        fn a_client_is_the_peer_or_what_a_trusted_proxy_named() {
            let trusted: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
            let samples = [
                "198.51.100.1, 203.0.113.7",
                "[2001:db8::1]:443, 127.0.0.2",
                "\"203.0.113.7\"",
                "unknown, _hidden",
                "::ffff:127.0.0.1",
            ];
            let words =
                &[",", "127.0.0.1", "[", "]:80", "\"", "::ffff:203.0.113.7", " ", "2001:db8::1", ", ,", "%eth0"];
            Target::new(10_000).samples(samples).words(words).bytes(|given| {
                let mut headers = HeaderMap::new();
                for line in given.split(|byte| *byte == b'\n').take(4) {
                    let Ok(value) = HeaderValue::from_bytes(line) else { continue };
                    headers.append("x-forwarded-for", value.clone());
                    headers.insert("x-request-id", value);
                }
                // Told apart otherwise than by the code: by the text of each line, whatever of it is none.
                let lines = headers.get_all("x-forwarded-for").iter();
                let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect();
                let hops: Vec<IpAddr> = lines
                    .iter()
                    .flat_map(|line| line.split(','))
                    .filter_map(|hop| hop_address(hop.trim_matches([' ', '\t']).as_bytes()))
                    .map(|ip| ip.to_canonical())
                    .collect();
                // However much a client writes before it: the hop that its proxy appends is who is believed.
                headers.append("x-forwarded-for", HeaderValue::from_static("203.0.113.200"));
                let appended = read(&headers, "127.0.0.1".parse().unwrap(), false, &trusted).ip;
                assert_eq!(appended.to_string(), "203.0.113.200");
                let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().cloned().collect();
                headers.remove("x-forwarded-for");
                for line in lines.split_last().map_or(&[][..], |(_, before)| before) {
                    headers.append("x-forwarded-for", line.clone());
                }
                for (peer, believed) in [("192.0.2.1", false), ("127.0.0.1", true), ("::ffff:127.0.0.1", true)] {
                    let peer: IpAddr = peer.parse().unwrap();
                    let context = read(&headers, peer, false, &trusted);
                    assert_eq!(context.ip, context.ip.to_canonical());
                    assert!(
                        context.ip == peer.to_canonical() || believed && hops.contains(&context.ip),
                        "{}",
                        context.ip
                    );
                    assert!((1..=128).contains(&context.request_id.len()));
                    assert!(context.request_id.bytes().all(|byte| byte.is_ascii_graphic()));
                }
            });
        }
    }

    #[test]
    fn what_is_sent_is_safe_by_tls_or_on_this_machine_and_only_a_trusted_proxy_is_believed() {
        let trusted: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        let secure = |peer: &str, tls: bool, said: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in said {
                map.append(*name, value.parse().unwrap());
            }
            read(&map, peer.parse().unwrap(), tls, &trusted).secure
        };
        let (forwarded, https) = (("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https"));
        assert!(
            secure("127.0.0.1", false, &[]) && secure("203.0.113.7", true, &[]) && secure("10.0.0.1", false, &[https])
        );
        assert!(secure("127.0.0.1", false, &[forwarded, https]));
        assert!(!secure("10.0.0.1", false, &[]) && !secure("203.0.113.7", false, &[https]));
        assert!(!secure("127.0.0.1", false, &[forwarded]));
        assert!(!secure("127.0.0.1", false, &[forwarded, ("x-forwarded-proto", "https, http")]));
        // As through a published port: the peer is a bridge, and the client wrote an address of its own machine.
        for own in ["127.0.0.1:8080", "127.9.9.9", "localhost", "LOCALHOST:8080", "console.localhost.", "[::1]:8080"] {
            assert!(secure("172.19.0.1", false, &[("host", own)]), "{own}");
            for proxy in ["x-forwarded-for", "x-forwarded-proto", "x-real-ip", "forwarded", "via"] {
                assert!(!secure("172.19.0.1", false, &[("host", own), (proxy, "127.0.0.1")]), "{own} by {proxy}");
            }
        }
        for other in ["10.0.0.1:8080", "localhost.example", "notlocalhost", "127.0.0.1.example", "[::2]", "", "a b"] {
            assert!(!secure("172.19.0.1", false, &[("host", other)]), "{other}");
        }
    }

    #[test]
    fn an_unusable_request_id_is_replaced() {
        let mut map = HeaderMap::new();
        let peer = "127.0.0.1".parse().unwrap();
        map.insert("x-request-id", "abc-1".parse().unwrap());
        assert_eq!(read(&map, peer, false, &[]).request_id, "abc-1");
        map.insert("x-request-id", "a b".parse().unwrap());
        assert_ne!(read(&map, peer, false, &[]).request_id, "a b");
        map.insert("x-request-id", "x".repeat(129).parse().unwrap());
        assert_eq!(read(&map, peer, false, &[]).request_id.len(), 36);
    }
}
