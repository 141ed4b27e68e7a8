//! Which methods a path takes, as it says itself: `HEAD` wherever `GET` is, `OPTIONS`, and `Allow`.

use std::collections::BTreeMap;

use reqwest::{Client, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::OPEN;
use crate::every_operation::{Callers, path};
use crate::harness::{ADMIN, Api, GATEWAY_TOKEN, PASSWORD, contract};

/// Each path with the methods that it has, in the order of the alphabet.
fn paths() -> BTreeMap<String, Vec<String>> {
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for operation in contract().operations() {
        paths.entry(path(operation)).or_default().push(operation.method.clone());
    }
    paths.extend(OPEN.map(|path| (path.to_owned(), vec!["GET".to_owned()])));
    for methods in paths.values_mut() {
        methods.push("OPTIONS".to_owned());
        if methods.contains(&"GET".to_owned()) {
            methods.push("HEAD".to_owned());
        }
        methods.sort();
    }
    paths
}

#[tokio::test]
async fn every_path_says_what_it_takes() {
    let api = Api::start().await;
    let http = Client::new();
    let (user, _) = api.player("ada").await;
    for (path, methods) in paths() {
        let url = format!("http://{}{path}", api.rest);
        let allow = methods.join(", ");
        let answer = http.request(Method::OPTIONS, &url).send().await.unwrap();
        let named = answer.headers()["allow"].to_str().unwrap();
        assert_eq!((answer.status().as_u16(), named), (204, allow.as_str()), "{path}");
        assert!(answer.headers().contains_key("x-request-id"), "{path}");
        for other in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"] {
            if methods.iter().any(|method| method == other) {
                continue;
            }
            let request = http.request(other.parse().unwrap(), &url).header("X-User-ID", &user);
            let request = match path.starts_with("/api/v1/admin/") {
                true => request.basic_auth(ADMIN, Some(PASSWORD)),
                false => request.bearer_auth(GATEWAY_TOKEN),
            };
            let answer = request.send().await.unwrap();
            let named = answer.headers().get("allow").map_or("", |allow| allow.to_str().unwrap());
            assert_eq!((answer.status().as_u16(), named), (405, allow.as_str()), "{other} {path}");
        }
    }
    for nowhere in ["/nowhere", "/api/v1/user/nowhere", "/api/v1/user/lobby/games/"] {
        let answer = http.request(Method::OPTIONS, format!("http://{}{nowhere}", api.rest)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{nowhere}");
    }
}

#[tokio::test]
async fn the_server_says_what_it_takes() {
    let api = Api::start().await;
    let mut methods: Vec<String> = paths().into_values().flatten().collect();
    methods.sort();
    methods.dedup();
    for (method, status, allow) in [("OPTIONS", 204, Some(methods.join(", "))), ("GET", 404, None)] {
        let mut peer = TcpStream::connect(api.rest).await.unwrap();
        let head = format!("{method} * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        peer.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        peer.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let named = answer.lines().find_map(|line| line.strip_prefix("allow: "));
        assert_eq!(named, allow.as_deref(), "{answer}");
    }
}

#[tokio::test]
async fn head_is_get_without_its_content() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    let mut found = 0;
    for operation in contract.operations().iter().filter(|o| o.method == "GET") {
        let get = callers.bad(operation, path(operation)).header("X-Request-ID", "a").send().await;
        let client = callers.of(operation);
        let head = client.request(Method::HEAD, path(operation)).bad().header("X-Request-ID", "a").send().await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{}", operation.name());
        found += usize::from(get.status == 200);
        for (name, value) in &get.headers {
            // The first two tell the time. That an answer comes in parts is a matter of its content.
            let differs = ["date", "content-disposition", "transfer-encoding"].contains(&name.as_str());
            assert!(differs || head.headers.get(name) == Some(value), "{} {name}", operation.name());
        }
    }
    assert!(found > 10, "most of them were not found: {found}");
    for path in OPEN {
        let url = format!("http://{}{path}", api.rest);
        let head = Client::new().head(&url).send().await.unwrap();
        let length: usize = head.headers()["content-length"].to_str().unwrap().parse().unwrap();
        assert_eq!(head.status(), 200, "{path}");
        assert_eq!(length, reqwest::get(&url).await.unwrap().bytes().await.unwrap().len(), "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
    // Refused as GET is.
    let refused = Client::new().head(format!("http://{}/api/v1/user/account", api.rest)).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate") && refused.headers().contains_key("content-length"));
}

#[tokio::test]
async fn the_page_of_the_document_can_be_switched_off() {
    let api = Api::start_with(&[("BACKEND_DOCS_ENABLED", "false")]).await;
    let status = async |path: &str| reqwest::get(format!("http://{}{path}", api.rest)).await.unwrap().status().as_u16();
    assert_eq!(status("/docs").await, 404);
    assert_eq!(status("/openapi.json").await, 200);
}
