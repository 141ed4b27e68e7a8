use std::sync::Arc;

use futures::FutureExt;
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::web::{Json, Path};
use poem::{EndpointExt, IntoResponse, Response, Route, Server, get, handler};
use serde_json::{Value, json};
use testkit::openapi::{Contract, ContractClient, ContractRequest, seen_file};

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": { "title": "t", "version": "1" },
        "servers": [{ "url": "/api/v1" }],
        "paths": {
            "/things/{id}": {
                "get": {
                    "operationId": "get_thing",
                    "security": [{ "Gateway": [] }],
                    "parameters": [
                        { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
                        { "name": "limit", "in": "query", "schema": { "type": "integer", "exclusiveMinimum": 0 } }
                    ],
                    "responses": {
                        "200": { "content": { "application/json; charset=utf-8": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
                        "404": { "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } } }
                    }
                },
                "post": {
                    "requestBody": { "required": true, "content": { "application/json": { "schema": {
                        "type": "object", "required": ["name"], "additionalProperties": false,
                        "properties": { "name": { "type": "string", "maxLength": 5 }, "note": { "type": ["string", "null"] } }
                    } } } },
                    "responses": { "204": { "description": "done" } }
                }
            },
            "/things/special": { "get": { "operationId": "special", "responses": { "204": { "description": "none" } } } }
        },
        "components": { "schemas": {
            "Thing": { "type": "object", "required": ["id"], "properties": {
                "id": { "type": "string" }, "next": { "anyOf": [{ "$ref": "#/components/schemas/Thing" }, { "type": "null" }] },
                "at": { "type": "string", "format": "date-time" }
            } },
            "Problem": { "type": "object", "required": ["code"], "properties": { "code": { "type": "string", "enum": ["nope"] } } }
        } }
    })
}

#[handler]
fn thing(Path(id): Path<String>) -> Response {
    match id.as_str() {
        "good" => Json(json!({ "id": "good", "next": { "id": "x", "next": null }, "at": "2026-01-01T00:00:00Z" }))
            .into_response(),
        "missing" => problem(StatusCode::NOT_FOUND, "nope"),
        "wrong" => Json(json!({ "id": 5 })).into_response(),
        "null" => Json(json!({ "id": null })).into_response(),
        "time" => Json(json!({ "id": "x", "at": "noon" })).into_response(),
        "teapot" => problem(StatusCode::IM_A_TEAPOT, "nope"),
        "busy" => problem(StatusCode::SERVICE_UNAVAILABLE, "nope"),
        "code" => problem(StatusCode::NOT_FOUND, "other"),
        _ => "text".into_response(),
    }
}

fn problem(status: StatusCode, code: &str) -> Response {
    let body = json!({ "code": code }).to_string();
    body.with_content_type("application/problem+json").with_status(status).into_response()
}

#[handler]
fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

async fn server() -> ContractClient {
    let app = Route::new()
        .at("/api/v1/things/:id", get(thing).post(nothing))
        .at("/api/v1/things/special", get(nothing))
        .catch_all_error(async |_| problem(StatusCode::NOT_FOUND, "nope"));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap()).run(app));
    let contract: Arc<Contract> = Contract::parse(&document().to_string()).unwrap();
    ContractClient::with_contract(contract, format!("http://{addr}"))
}

async fn fault(request: ContractRequest) -> String {
    let fault = std::panic::AssertUnwindSafe(request.send()).catch_unwind().await.expect_err("it must not pass");
    fault.downcast_ref::<String>().expect("a message").clone()
}

#[tokio::test]
async fn passes_what_fits_and_records_it() {
    let client = server().await;
    let answer = client.get("/api/v1/things/good").query("limit", 3).send().await.expect(200);
    assert_eq!(answer.json()["id"], "good");
    client.get("/api/v1/things/missing").send().await.expect_problem(404, "nope");
    client.get("/api/v1/things/special").send().await.expect(204);
    client.post("/api/v1/things/a").json(&json!({ "name": "n", "note": null })).send().await.expect(204);
    let seen = std::fs::read_to_string(seen_file()).unwrap();
    assert!(seen.contains(r#"{"code":"nope","id":"get_thing","operation":"GET /things/{id}","status":404}"#), "{seen}");
    let operation = client.contract().find("GET", "/api/v1/things/x").unwrap();
    assert_eq!((operation.security.as_slice(), operation.statuses().len()), (["Gateway".to_owned()].as_slice(), 2));
}

#[tokio::test]
async fn fails_an_answer_that_does_not_fit() {
    let client = server().await;
    for (id, words) in [
        ("wrong", vec!["the 200 answer of GET /things/{id}", r#"at "/id""#, "5 is not of type \"string\""]),
        ("null", vec!["may it be null in the document?"]),
        ("time", vec![r#""noon" is not a "date-time""#]),
        ("teapot", vec!["has no 418 in the document"]),
        ("code", vec!["\"other\" is not"]),
        ("text", vec!["came as \"text/plain\""]),
    ] {
        let message = fault(client.get(format!("/api/v1/things/{id}"))).await;
        for word in words {
            assert!(message.contains(word), "{id}: {message}");
        }
    }
}

#[tokio::test]
async fn fails_a_request_that_does_not_fit_unless_it_is_meant() {
    let client = server().await;
    let post = || client.post("/api/v1/things/a");
    for (request, word) in [
        (client.get("/api/v1/nowhere"), "no such operation"),
        (client.get("/api/v1/things/good").query("limit", 0), "limit=\"0\""),
        (client.get("/api/v1/things/good").query("page", 1), "no query parameter \"page\""),
        (client.get("/api/v1/things/good").json(&1), "takes no body"),
        (post(), "needs a body"),
        (post().json(&json!({ "name": "too long" })), "longer than 5"),
        (post().json(&json!({ "name": "n", "more": 1 })), "'more' was unexpected"),
        (post().body("text/plain", "name"), "not \"text/plain\""),
    ] {
        let message = fault(request).await;
        assert!(message.contains(word), "{word}: {message}");
    }
    client.get("/api/v1/nowhere").bad().send().await.expect_problem(404, "nope");
    assert!(
        fault(client.get("/api/v1/things/teapot").bad()).await.contains("has no 418"),
        "the answer is held to it still"
    );
    assert!(fault(client.get("/api/v1/things/busy")).await.contains("has no 503"));
    assert!(fault(client.get("/api/v1/things/wrong").bad()).await.contains("not of type"));
}
