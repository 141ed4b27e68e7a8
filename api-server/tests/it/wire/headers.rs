//! Headers that a request has once, and those that every answer has.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{OPEN, pointers};
use crate::every_operation::{Callers, path};
use crate::harness::{Api, GATEWAY_TOKEN, contract};

#[tokio::test]
async fn a_header_that_decides_something_is_given_once() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    for operation in contract().operations() {
        // What SPEC §3 names, and what else decides something; `Host` below.
        for (name, value) in [
            ("Authorization", format!("Bearer {GATEWAY_TOKEN}")),
            ("X-User-ID", "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10".to_owned()),
            ("Idempotency-Key", "key".to_owned()),
            ("Content-Type", "application/json".to_owned()),
            ("Content-Encoding", "identity".to_owned()),
            ("Origin", format!("http://{}", api.rest)),
            ("Sec-Fetch-Site", "same-origin".to_owned()),
        ] {
            let request = callers.bad(operation, path(operation));
            let request = match name {
                "Authorization" | "X-User-ID" => request.header(name, &value),
                _ => request.another_header(name, &value),
            };
            let answer = request.another_header(name, &value).send().await.expect_problem(400, "invalid_request");
            assert_eq!(pointers(&answer), [format!("/header/{name}")], "{}", operation.name());
        }
    }
}

#[tokio::test]
async fn two_hosts_are_none() {
    let api = Api::start().await;
    for path in ["/healthz", "/api/v1/user/account", "/nowhere"] {
        let mut peer = tokio::net::TcpStream::connect(api.rest).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n");
        peer.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"/header/Host\""), "{answer}");
    }
}

#[tokio::test]
async fn what_is_no_host_is_refused() {
    let api = Api::start().await;
    for (host, status) in [("a b", 400), ("u@x", 400), ("x:port", 400), ("é", 400), ("", 200), ("[::1]:8080", 200)] {
        let mut peer = tokio::net::TcpStream::connect(api.rest).await.unwrap();
        let head = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        peer.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host:?}: {answer}");
        assert_eq!(answer.contains("\"/header/Host\""), status == 400, "{host:?}: {answer}");
    }
}

#[tokio::test]
async fn over_http2_too_a_request_names_one_host() {
    let api = Api::start().await;
    let socket = tokio::net::TcpStream::connect(api.rest).await.unwrap();
    let shaken = http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(socket)).await;
    let (mut sender, connection) = shaken.unwrap();
    tokio::spawn(connection);
    let whole = format!("http://{}/healthz", api.rest);
    let rows: [(&str, &[&str], u16); 5] = [
        (whole.as_str(), &[], 200),
        // A path alone is sent without `:authority`.
        ("/healthz", &["x"], 200),
        ("/healthz", &[], 400),
        ("/healthz", &["x", "x"], 400),
        // Both, and not the same.
        (whole.as_str(), &["x"], 400),
    ];
    for (uri, hosts, status) in rows {
        let mut request = hyper::Request::get(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        let answer = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{uri} {hosts:?}");
    }
}

#[tokio::test]
async fn every_answer_tells_browsers_what_they_may() {
    let api = Api::start().await;
    let http = Client::new();
    let contract = contract();
    let operations = contract.operations().iter().map(|o| (o.method.clone(), path(o)));
    let open = OPEN.into_iter().chain(["/nowhere"]).map(|path| ("GET".to_owned(), path.to_owned()));
    let others = [("OPTIONS".to_owned(), "/healthz".to_owned()), ("PUT".to_owned(), "/healthz".to_owned())];
    for (method, path) in operations.chain(open).chain(others) {
        let request = http.request(method.parse().unwrap(), format!("http://{}{path}", api.rest));
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map_or("", |v| v.to_str().unwrap());
        assert_eq!(header("x-content-type-options"), "nosniff", "{method} {path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{method} {path}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{method} {path}");
        assert!(header("content-security-policy").contains("default-src 'none'"), "{method} {path}");
        assert_eq!(answer.headers().get_all("content-security-policy").iter().count(), 1, "{method} {path}");
        assert!(!header("content-security-policy").contains("unsafe"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_refused_request_counts_under_the_template_of_its_path() {
    let db = testkit::TestDb::new().await;
    let mut replica = crate::binary::Binary::start(&db, &[]);
    replica.ready().await;
    let http = Client::new();
    let game = "/api/v1/user/lobby/games/0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10";
    let ask =
        |method: &str, path: &str| http.request(method.parse().unwrap(), format!("http://{}{path}", replica.rest));
    let template = "/api/v1/user/lobby/games/{game_id}";
    let gateway = |path: &str| ask("GET", path).bearer_auth(GATEWAY_TOKEN);
    for (request, method, path, status) in [
        (ask("GET", game), "GET", template, 401_u16),
        (gateway(game).header("X-User-ID", "nobody"), "GET", template, 401),
        (gateway(game).header("X-User-ID", "a").header("X-User-ID", "b"), "GET", template, 400),
        (ask("HEAD", game), "HEAD", template, 401),
        (ask("OPTIONS", game), "OPTIONS", template, 204),
        (ask("NONSENSE", "/healthz"), "other", "/healthz", 405),
        (ask("GET", "/api/v1/user/nowhere"), "GET", "unknown", 401),
        (ask("GET", "/nowhere"), "GET", "unknown", 404),
    ] {
        assert_eq!(request.send().await.unwrap().status(), status, "{method} {path}");
        let metrics = reqwest::get(format!("http://{}/metrics", replica.ops)).await.unwrap().text().await.unwrap();
        let labels = [format!("method=\"{method}\""), format!("path=\"{path}\""), format!("status=\"{status}\"")];
        let counted = metrics
            .lines()
            .filter(|line| line.starts_with("http_requests_total{"))
            .any(|line| labels.iter().all(|label| line.contains(label)));
        assert!(counted, "{labels:?} not in\n{metrics}");
    }
}
