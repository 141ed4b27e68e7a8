//! Bodies: one JSON value in UTF-8, nothing twice, nothing unknown, and faults that are counted.

use serde_json::{Value, json};

use super::{fault, object, pointers};
use crate::every_operation::{Callers, path, takes_body};
use crate::harness::{Api, contract, game};

const JSON: &str = "application/json";

#[tokio::test]
async fn an_encoded_body_is_refused_whether_one_is_wanted_or_not() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    for operation in contract().operations() {
        for coding in ["gzip", "br", "identity, gzip", "x-nobody-knows"] {
            let request = callers.bad(operation, path(operation)).header("Content-Encoding", coding);
            let answer = request.body(JSON, b"\x1f\x8b".to_vec()).send().await;
            let answer = answer.expect_problem(415, "unsupported_media_type");
            assert_eq!(answer.header("accept-encoding"), "identity", "{}", operation.name());
        }
    }
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_not_passed_over() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    for operation in contract().operations().iter().filter(|o| !takes_body(o)) {
        let send = |body: &str| callers.bad(operation, path(operation)).body(JSON, body).send();
        let answer = send(r#"{"reason":"left the team"}"#).await.expect_problem(400, "invalid_request");
        assert_eq!(pointers(&answer), ["/reason"], "{}", operation.name());
        assert_eq!(fault(&answer).0, "unknown_field");
        send("[1]").await.expect_problem(400, "invalid_request");
        send("{").await.expect_problem(400, "invalid_request");
        let text = callers.bad(operation, path(operation)).body("text/csv", "a,b").send().await;
        text.expect_problem(415, "unsupported_media_type");
        // Clients that always send an object say nothing with it.
        if operation.method == "GET" {
            for body in ["{}", " ", ""] {
                assert!(![400, 415].contains(&send(body).await.status.as_u16()), "{} {body:?}", operation.name());
            }
        }
    }
}

#[tokio::test]
async fn a_member_is_given_once_in_every_body() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    for operation in contract.operations() {
        for (name, value) in object(contract.example_body(operation)).into_iter().flatten() {
            let body = format!("{{{name:?}:{value},{name:?}:{value}}}");
            let answer = callers.bad(operation, path(operation)).body(JSON, body).send().await;
            let answer = answer.expect_problem(400, "invalid_request");
            assert_eq!(pointers(&answer)[0], format!("/{name}"), "{}", operation.name());
            assert_eq!(fault(&answer).0, "duplicate", "{}", operation.name());
        }
    }
    let (_, eve) = api.player("eve").await;
    let commands = "/api/v1/user/games/00000000-0000-7000-8000-000000000001/commands";
    let nested = r#"{"commands":[{"move":{"from":1,"to":2,"from":3}}]}"#;
    let answer = eve.post(commands).bad().body(JSON, nested).send().await.expect_problem(400, "invalid_request");
    assert_eq!(pointers(&answer), ["/commands/0/move/from"]);
}

#[tokio::test]
async fn a_byte_order_mark_and_a_charset_are_passed_over() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    for operation in contract.operations() {
        let Some(example) = contract.example_body(operation) else { continue };
        let marked = format!("\u{FEFF}{example}");
        let send =
            |content_type: &str| callers.bad(operation, path(operation)).body(content_type, marked.as_str()).send();
        let answer = send("application/json; charset=UTF-8").await;
        let refused = answer.status == 415 || (answer.status == 400 && fault(&answer).0 == "json");
        assert!(!refused, "{}: {}", operation.name(), answer.json());
        send("application/json; charset=utf-16").await.expect_problem(415, "unsupported_media_type");
    }
}

/// Whether a schema takes values of this type; null may stand beside: `["integer", "null"]`.
fn takes(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || schema["type"][0] == kind
}

#[tokio::test]
async fn a_whole_number_may_be_written_in_any_way_and_has_bounds() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let (_, eve) = api.player("eve").await;
    api.engine_version().await;
    let made = eve.post("/api/v1/user/lobby/games").bad().body(JSON, game(json!({ "max_players": 5.0 })).to_string());
    assert_eq!(made.send().await.expect(201).json()["max_players"], 5);
    let contract = contract();
    let mut seen = 0;
    for operation in contract.operations() {
        let Some(example) = object(contract.example_body(operation)) else { continue };
        for (name, schema) in contract.body_fields(operation).filter(|(_, schema)| takes(schema, "integer")) {
            seen += 1;
            let send = |number: &str| {
                let mut members = example.clone();
                members.remove(name);
                let members = members.iter().map(|(name, value)| format!("{name:?}:{value},")).collect::<String>();
                let body = format!("{{{members}{name:?}:{number}}}");
                callers.bad(operation, path(operation)).body(JSON, body).send()
            };
            for whole in ["3.0", "3e0", "0.3e1"] {
                let answer = send(whole).await;
                let refused = answer.status == 400 && fault(&answer).0 == "type";
                assert!(!refused, "{} {whole}: {}", operation.name(), answer.json());
            }
            for beyond in ["2147483648", "9223372036854775808", "-2147483649", "1e300", "99999999999999999999999"] {
                if schema["format"] == "int64" && beyond.len() < 15 {
                    continue;
                }
                let answer = send(beyond).await.expect_problem(400, "invalid_request");
                assert_eq!(pointers(&answer), [format!("/{name}")], "{} {beyond}", operation.name());
                assert_eq!(fault(&answer).0, "range", "{} {beyond}: {}", operation.name(), answer.json());
            }
            for other in ["1.5", "\"3\"", "true"] {
                let answer = send(other).await.expect_problem(400, "invalid_request");
                assert!(fault(&answer).1.starts_with("must be a whole number"), "{}", answer.json());
            }
        }
    }
    assert!(seen > 5, "{seen}");
}

#[tokio::test]
async fn faults_are_counted_and_nothing_is_repeated() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    let unknown: String = (0..20_000).map(|n| format!("\"x{n}\":1,")).collect();
    let unknown = format!("{{{}}}", unknown.trim_end_matches(','));
    let twice = format!("{{{}}}", vec!["\"a\":1"; 50_000].join(","));
    let long = format!("{{\"{}\":1}}", "y".repeat(900_000));
    for operation in contract.operations() {
        for body in [&unknown, &twice, &long] {
            let answer = callers.bad(operation, path(operation)).body(JSON, body.as_str()).send().await;
            let answer = answer.expect_problem(400, "invalid_request");
            assert!(answer.body.len() < 8 * 1024, "{}: {} bytes", operation.name(), answer.body.len());
        }
        let Some(example) = object(contract.example_body(operation)) else { continue };
        for (name, _) in contract.body_fields(operation).filter(|(_, schema)| takes(schema, "string")) {
            let mut body = Value::Object(example.clone());
            body[name] = format!("top secret {}", "z".repeat(100_000)).into();
            let answer = callers.bad(operation, path(operation)).json(&body).send().await;
            let said = String::from_utf8_lossy(&answer.body);
            assert!(said.len() < 8 * 1024 && !said.contains("top secret"), "{} {name}: {said:.300}", operation.name());
        }
    }
}

/// Ids have one form in bodies too, and what is empty is not there: absent and null say so.
#[tokio::test]
async fn ids_in_other_forms_and_empty_words_are_refused() {
    let api = Api::start().await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    /// Texts that may well be empty, or are looked at by nobody.
    const MAY_BE_EMPTY: [&str; 3] = ["text", "display-name", "line"];
    let id = "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10";
    for operation in contract.operations() {
        let Some(example) = object(contract.example_body(operation)) else { continue };
        for (name, schema) in contract.body_fields(operation).filter(|(_, schema)| takes(schema, "string")) {
            let format = schema["format"].as_str().unwrap_or_default();
            let mut bad: Vec<String> = Vec::new();
            if !MAY_BE_EMPTY.contains(&format) {
                bad.push(String::new());
            }
            if format == "uuid" {
                bad.extend([id.replace('-', ""), format!("{{{id}}}"), format!("urn:uuid:{id}")]);
            }
            for bad in bad {
                let mut body = Value::Object(example.clone());
                body[name] = bad.clone().into();
                let answer = callers.bad(operation, path(operation)).json(&body).send().await;
                let refused = [400, 404, 422].contains(&answer.status.as_u16());
                assert!(refused, "{} {name} ({format}) {bad:?}: {}", operation.name(), answer.status);
            }
        }
    }
}
