//! Browsers' scripts from other origins: who may call is told before any guard, and nobody else hears anything of it.

use reqwest::Method;

use super::OPEN;
use crate::every_operation::path;
use crate::harness::{Api, contract};

const ALLOWED: &str = "https://play.example";

#[tokio::test]
async fn a_preflight_is_answered_before_any_guard() {
    let api = Api::start_with(&[("BACKEND_CORS_ORIGINS", "https://other.example, https://play.example")]).await;
    let http = reqwest::Client::new();
    let contract = contract();
    for operation in contract.operations() {
        let preflight = |origin: &str| {
            let url = format!("http://{}{}", api.rest, path(operation));
            http.request(Method::OPTIONS, url)
                .header("Origin", origin)
                .header("Access-Control-Request-Method", &operation.method)
                .header("Access-Control-Request-Headers", "authorization,content-type,x-user-id")
        };
        let name = operation.name();
        let answer = preflight(ALLOWED).send().await.unwrap();
        assert_eq!(answer.status(), 204, "{name}");
        let header = |name: &str| answer.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_lowercase();
        assert_eq!(header("access-control-allow-origin"), ALLOWED, "{name}");
        assert!(header("access-control-allow-methods").contains(&operation.method.to_lowercase()), "{name}");
        for wanted in ["authorization", "content-type", "x-user-id", "idempotency-key", "x-request-id"] {
            assert!(header("access-control-allow-headers").contains(wanted), "{name}: {wanted}");
        }
        assert!(header("vary").contains("origin") && !header("access-control-max-age").is_empty(), "{name}");
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        for other in ["https://play.example.evil.example", "http://play.example", "null"] {
            let answer = preflight(other).send().await.unwrap();
            assert_eq!(answer.status(), 204, "{name}");
            let told = answer.headers().keys().filter(|name| name.as_str().starts_with("access-control"));
            assert_eq!(told.count(), 0, "{name} for {other}");
        }
    }
}

#[tokio::test]
async fn the_script_of_an_allowed_origin_sees_every_answer() {
    let api = Api::start_with(&[("BACKEND_CORS_ORIGINS", ALLOWED)]).await;
    let http = reqwest::Client::new();
    let asked = contract();
    let operations = asked.operations().iter().map(|o| (o.method.parse::<Method>().unwrap(), path(o)));
    let open = OPEN.into_iter().chain(["/nowhere"]).map(|path| (Method::GET, path.to_owned()));
    for (method, path) in operations.chain(open) {
        // Nobody in particular: most answers are refusals.
        let ask =
            |origin: &str| http.request(method.clone(), format!("http://{}{path}", api.rest)).header("Origin", origin);
        let answer = ask(ALLOWED).send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_lowercase();
        assert_eq!(header("access-control-allow-origin"), ALLOWED, "{method} {path}");
        for seen in ["location", "retry-after", "x-request-id"] {
            assert!(header("access-control-expose-headers").contains(seen), "{method} {path}: {seen}");
        }
        assert!(header("vary").contains("origin"), "{method} {path}");
        let answer = ask("http://evil.example").send().await.unwrap();
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{method} {path}");
        assert_eq!(answer.headers()["vary"], "Origin", "{method} {path}");
    }
}

#[tokio::test]
async fn without_origins_nobody_hears_of_them() {
    let api = Api::start().await;
    let http = reqwest::Client::new();
    let answer = http
        .request(Method::OPTIONS, format!("http://{}/api/v1/user/account", api.rest))
        .header("Origin", ALLOWED)
        .header("Access-Control-Request-Method", "GET");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 204);
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
}
