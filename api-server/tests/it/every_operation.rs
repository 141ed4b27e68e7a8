//! What holds for every operation of the document, walked over it: a new one is covered by being there.

use std::time::Duration;

use api_server::http::request::body::MAX_BODY;
use serde_json::{Value, json};
use testkit::eventually;
use testkit::openapi::{Contract, ContractClient, ContractRequest, Operation};

use crate::access::some_value;
use crate::harness::{Api, contract};

/// Whoever may call an operation.
pub struct Callers {
    anyone: ContractClient,
    gateway: ContractClient,
    user: ContractClient,
    admin: ContractClient,
}

impl Callers {
    pub async fn new(api: &Api) -> Self {
        let (_, user) = api.player("ada").await;
        Self { anyone: api.client.clone(), gateway: api.gateway(), user, admin: api.admin() }
    }

    pub fn of(&self, operation: &Operation) -> &ContractClient {
        match operation.path.split('/').nth(3).unwrap() {
            "public" => &self.anyone,
            "internal" => &self.gateway,
            "user" => &self.user,
            "admin" => &self.admin,
            other => panic!("{} is in the unknown group {other}", operation.name()),
        }
    }

    /// A request that departs from the document on purpose.
    pub fn bad(&self, operation: &Operation, path: String) -> ContractRequest {
        self.of(operation).request(operation.method.parse().unwrap(), path).bad()
    }
}

pub fn path(operation: &Operation) -> String {
    operation.path_with(some_value)
}

pub fn takes_body(operation: &Operation) -> bool {
    operation.spec()["requestBody"].is_object()
}

pub fn parameters<'a>(operation: &'a Operation, place: &'a str) -> impl Iterator<Item = &'a Value> {
    let all = operation.spec()["parameters"].as_array().into_iter().flatten();
    all.filter(move |parameter| parameter["in"] == place)
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    for operation in contract.operations().iter().filter(|o| takes_body(o)) {
        let send = |content_type: &str, body: &[u8]| {
            callers.bad(operation, path(operation)).body(content_type, body.to_vec()).send()
        };
        for body in [&b"{"[..], b"", b"\xff", b"[]", b"\"text\"", b"null", br#"{"nobody_knows_this":1}"#] {
            let answer = send("application/json", body).await.expect_problem(400, "invalid_request");
            assert!(answer.json()["errors"].is_array(), "{}: {}", operation.name(), answer.json());
        }
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/json5"] {
            send(content_type, b"{}").await.expect_problem(415, "unsupported_media_type");
        }
        callers.bad(operation, path(operation)).send().await.expect_problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_whether_one_is_wanted_or_not() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    for operation in contract().operations() {
        let large = vec![b' '; MAX_BODY + 1];
        let answer = callers.bad(operation, path(operation)).body("application/json", large).send().await;
        answer.expect_problem(413, "payload_too_large");
    }
}

#[tokio::test]
async fn every_operation_is_turned_away_where_too_much_is_under_way() {
    let api = Api::start_with(&[("BACKEND_HTTP_MAX_IN_FLIGHT", "1")]).await;
    let callers = Callers::new(&api).await;
    let (_, ada) = api.player("eve").await;
    let game = api.open_private_game(&ada, json!({})).await;
    let mut elsewhere = api.pool().begin().await.unwrap();
    sqlx::query("SELECT FROM games WHERE game_id = $1::uuid FOR UPDATE")
        .bind(&game)
        .execute(&mut *elsewhere)
        .await
        .unwrap();
    let waiting = tokio::spawn(ada.post(format!("/api/v1/user/lobby/games/{game}/cancel")).send());
    eventually(Duration::from_secs(90), "the one place is taken, by who waits for the game", || async {
        api.count("pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").await > 0
    })
    .await;
    for operation in contract().operations() {
        let answer = callers.bad(operation, path(operation)).send().await.expect_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "1", "{}", operation.name());
    }
    // Probes are answered however busy the replica is.
    assert_eq!(reqwest::get(format!("http://{}/readyz", api.rest)).await.unwrap().status(), 200);
    elsewhere.rollback().await.unwrap();
    waiting.await.unwrap().expect(200);
    ada.get("/api/v1/user/account").send().await.expect(200);
}

#[tokio::test]
async fn a_body_may_not_hold_what_no_text_can() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    for operation in contract.operations() {
        let Some(Value::Object(example)) = contract.example_body(operation) else { continue };
        for (field, _) in example.iter().filter(|(_, value)| value.is_string()) {
            // A hint is cleaned, or dropped, and never an error (SPEC §6).
            if operation.name().ends_with("/internal/identities/provision") && field == "display_name" {
                continue;
            }
            let mut body = Value::Object(example.clone());
            body[field] = "a\0b".into();
            let answer = callers.bad(operation, path(operation)).json(&body).send().await;
            let answer = answer.expect_problem(400, "invalid_request").json();
            assert_eq!(answer["errors"][0]["pointer"], format!("/{field}"), "{}: {answer}", operation.name());
        }
    }
}

#[tokio::test]
async fn a_parameter_that_cannot_be_read_is_refused_by_name() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    for operation in contract.operations() {
        let refused = async |request: ContractRequest, pointer: &str| {
            // The body, where there is one, is at no fault.
            let request = match contract.example_body(operation) {
                Some(body) => request.json(&body),
                None => request,
            };
            let answer = request.send().await.expect_problem(400, "invalid_request").json();
            assert_eq!(answer["errors"][0]["pointer"], pointer, "{}: {answer}", operation.name());
        };
        for parameter in parameters(operation, "path") {
            let name = parameter["name"].as_str().unwrap();
            let text = parameter["schema"]["type"] == "string" && parameter["schema"]["format"] != "uuid";
            let with = |bad: &str| operation.path_with(|n| if n == name { bad.to_owned() } else { some_value(n) });
            if !text {
                refused(callers.bad(operation, with("neither-id-nor-number")), &format!("/path/{name}")).await;
            }
            for bad in ["a%00b", "%ff"] {
                refused(callers.bad(operation, with(bad)), &format!("/path/{name}")).await;
            }
        }
        for parameter in parameters(operation, "query") {
            let name = parameter["name"].as_str().unwrap();
            let bad = match name {
                "limit" => "0",
                "cursor" => "%",
                _ if parameter["schema"]["type"] != "string" || parameter["schema"]["enum"].is_array() => "?",
                _ if ["uuid", "date-time"].iter().any(|format| parameter["schema"]["format"] == *format) => "?",
                _ => continue,
            };
            refused(callers.bad(operation, path(operation)).query(name, bad), &format!("/query/{name}")).await;
        }
        for parameter in parameters(operation, "header") {
            assert_eq!(parameter["name"], "Idempotency-Key", "{}: say here what is wrong with it", operation.name());
            for bad in ["with space", "", "café-1", "a\tb", &"k".repeat(129)] {
                let request = callers.bad(operation, path(operation)).header("Idempotency-Key", bad);
                refused(request, "/header/Idempotency-Key").await;
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract: &Contract = &contract();
    for operation in contract.operations().iter().filter(|o| o.path.contains('{')) {
        let request = callers.of(operation).request(operation.method.parse().unwrap(), path(operation));
        let answer = match contract.example_body(operation) {
            Some(body) => request.json(&body).send().await,
            None => request.send().await,
        };
        let name = operation.name();
        if operation.id == "revoke_all_sessions" {
            // Nobody has no sessions, and all of them are revoked.
            answer.expect(200);
            continue;
        }
        let code = answer.expect(404).json()["code"].as_str().unwrap().to_owned();
        assert!(code.ends_with("_not_found"), "{name}: {code}");
    }
}
