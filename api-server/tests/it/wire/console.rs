//! `/console`, whether this build has one or not: what is embedded is the business of `deploy/console`, how it is served is ours.

use api_server::http::console::assets::BUILT;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use crate::harness::Api;

async fn get(api: &Api, path: &str, headers: &[(&str, &str)]) -> Response {
    let client = Client::builder().redirect(Policy::none()).build().unwrap();
    let request = client.get(format!("http://{}{path}", api.rest));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

fn said<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_door_leads_to_the_page_whatever_stands_before_it() {
    let api = Api::start().await;
    for (path, location) in [("/console", "console/"), ("/console?a=b", "console/?a=b")] {
        let answer = get(&api, path, &[]).await;
        assert_eq!((answer.status().as_u16(), said(&answer, "location")), (308, location), "{path}");
    }
}

#[tokio::test]
async fn a_page_is_new_each_time_and_a_build_without_one_says_how() {
    let api = Api::start().await;
    let page = BUILT.pages.first().copied().unwrap_or("overview");
    for path in ["/console/".to_owned(), format!("/console/{page}"), format!("/console/{page}/7?tab=history")] {
        let (first, second) = (get(&api, &path, &[]).await, get(&api, &path, &[]).await);
        assert_eq!(said(&first, "content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(said(&first, "cache-control"), "no-store", "{path}");
        assert!(said(&first, "content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        let Some(index) = BUILT.index else {
            assert_eq!(first.status(), 404, "{path}");
            assert!(first.text().await.unwrap().contains("cargo xtask console"), "{path}");
            continue;
        };
        assert_eq!(first.status(), 200, "{path}");
        let policy = said(&first, "content-security-policy").to_owned();
        assert_ne!(policy, said(&second, "content-security-policy"), "{path}");
        let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
        let text = first.text().await.unwrap();
        assert_eq!(text.matches(nonce).count(), index.matches("__NONCE__").count(), "{path}");
        assert!(!text.contains("__NONCE__"), "{path}");
    }
}

#[tokio::test]
async fn assets_are_kept_compressed_and_known_again() {
    let api = Api::start().await;
    for file in BUILT.files {
        let path = format!("/console/{}", file.name);
        let plain = get(&api, &path, &[]).await;
        let tag = said(&plain, "etag").to_owned();
        assert_eq!((plain.status().as_u16(), said(&plain, "content-encoding")), (200, ""), "{path}");
        let kept = said(&plain, "cache-control").contains("immutable");
        assert_eq!(kept, file.name.starts_with("assets/"), "{path}");
        assert_eq!(plain.bytes().await.unwrap(), file.plain, "{path}");
        for (accepted, form) in [("gzip, br", file.br), ("gzip", file.gzip)] {
            let answer = get(&api, &path, &[("accept-encoding", accepted)]).await;
            assert_ne!(said(&answer, "etag"), tag, "{path} {accepted}");
            assert_eq!(answer.bytes().await.unwrap(), form.unwrap(), "{path} {accepted}");
        }
        let known = get(&api, &path, &[("if-none-match", &tag)]).await;
        assert_eq!((known.status().as_u16(), said(&known, "etag")), (304, tag.as_str()), "{path}");
        assert!(known.bytes().await.unwrap().is_empty(), "{path}");
        let head = Client::new().head(format!("http://{}{path}", api.rest)).send().await.unwrap();
        assert_eq!(said(&head, "content-length"), file.plain.len().to_string(), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_answered_by_no_page() {
    let api = Api::start().await;
    for path in ["/console/assets/index-00000000.js", "/console/assets/", "/console/index.html", "/console/built.txt"] {
        let answer = get(&api, path, &[]).await;
        assert_eq!(answer.status(), 404, "{path}");
        if BUILT.index.is_some() {
            assert_eq!(said(&answer, "content-type"), "application/problem+json", "{path}");
        }
    }
    assert_eq!(get(&api, "/consoles", &[]).await.status(), 404);
}

#[tokio::test]
async fn the_console_can_be_switched_off() {
    let api = Api::start_with(&[("BACKEND_CONSOLE_ENABLED", "false")]).await;
    for path in ["/console", "/console/", "/console/games"] {
        let answer = get(&api, path, &[]).await;
        assert_eq!(
            (answer.status().as_u16(), said(&answer, "content-type")),
            (404, "application/problem+json"),
            "{path}"
        );
    }
}
