//! What is malformed gets the right 4xx as problem+json from the real process, and nothing is written.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ALLOW, CONTENT_TYPE};
use reqwest::{Body, Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, Row as _};
use testkit::stack::Summary;

use crate::world::{stack, stop};

const SEND: &str = "/api/v1/public/auth/send-email-code";
const CONFIRM: &str = "/api/v1/public/auth/confirm-email-code";
const SOME_ID: &str = "0190a5a4-0000-7000-8000-000000000000";

struct Api {
    client: Client,
    base: String,
    summary: Summary,
}

impl Api {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    fn post(&self, path: &str, body: impl Into<Body>) -> RequestBuilder {
        self.request(Method::POST, path).header(CONTENT_TYPE, "application/json").body(body)
    }

    fn json(&self, path: &str, body: &Value) -> RequestBuilder {
        self.post(path, body.to_string())
    }

    fn key(&self, key: &str) -> RequestBuilder {
        self.json(CONFIRM, &json!({ "challenge_id": SOME_ID, "code": "123456", "client_public_key": key }))
    }
}

/// Sends it and demands this refusal; `pointer`: the field that must be named.
async fn refused(request: RequestBuilder, what: &str, status: u16, code: &str, pointer: Option<&str>) {
    let response = request.send().await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
    let got = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{what}: {got} is no JSON: {text}"));
    assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{what}: {body}");
    let media_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    assert!(media_type.starts_with("application/problem+json"), "{what}: {media_type}");
    assert_eq!(body["status"], status, "{what}");
    for field in ["type", "title", "detail"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{what}: no {field} in {body}");
    }
    let id = headers.get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default();
    assert!(!id.is_empty() && body["request_id"] == id, "{what}: request id {id:?} in {body}");
    if let Some(pointer) = pointer {
        let named =
            body["errors"].as_array().is_some_and(|errors| errors.iter().any(|error| error["pointer"] == pointer));
        assert!(named, "{what}: {pointer} is not named in {body}");
    }
    if status == 405 {
        assert!(headers.get(ALLOW).is_some_and(|allow| !allow.is_empty()), "{what}: no Allow");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_in_one_shape_and_writes_nothing() {
    let stack = stack("bad-input", 1).await;
    let summary = stack.summary().clone();
    let client = Client::builder().no_proxy().build().unwrap();
    let api = Api { client, base: summary.rest[0].clone(), summary };
    // An administrator who signs in is written down with their network: once, and by this request that is taken.
    let admin = api.request(Method::GET, "/api/v1/admin/games");
    let admin = admin.basic_auth(&api.summary.admin_user, Some(&api.summary.admin_password));
    assert_eq!(admin.send().await.unwrap().status(), 200);
    let before = rows(&api.summary).await;

    bodies(&api).await;
    keys(&api).await;
    paths(&api).await;
    credentials(&api).await;

    assert_eq!(rows(&api.summary).await, before, "a refused request wrote something");
    stop(stack).await;
}

async fn bodies(api: &Api) {
    let invalid = "invalid_request";
    for (what, body) in [
        ("cut JSON", "{\"email\": \"ada@players.example\""),
        ("no JSON", "email=ada"),
        ("an empty body", ""),
        ("two values", "{\"email\": \"ada@players.example\"} {}"),
        ("an array", "[]"),
        ("null", "null"),
        ("a lone surrogate", "{\"email\": \"\\ud800@players.example\"}"),
    ] {
        refused(api.post(SEND, body), what, 400, invalid, None).await;
    }
    refused(api.post(SEND, vec![b'"', 0xff, 0xfe, b'"']), "broken UTF-8", 400, invalid, None).await;
    let deep = "[".repeat(100_000);
    refused(api.post(SEND, deep), "a bottomless array", 400, invalid, None).await;
    let unknown = json!({ "email": "ada@players.example", "admin": true });
    refused(api.json(SEND, &unknown), "an unknown field", 400, invalid, Some("/admin")).await;
    for (what, email) in [
        ("a number", json!(7)),
        ("null", Value::Null),
        ("an object", json!({})),
        ("no address", json!("ada")),
        ("a header", json!("ada@players.example\r\nBcc: x@y.example")),
    ] {
        refused(api.json(SEND, &json!({ "email": email })), what, 400, invalid, Some("/email")).await;
    }
    refused(api.json(SEND, &json!({})), "a missing field", 400, invalid, Some("/email")).await;
    let wrong_code = json!({ "challenge_id": SOME_ID, "code": "12345x" });
    refused(api.json(CONFIRM, &wrong_code), "a code of letters", 400, invalid, Some("/code")).await;
    let wrong_id = json!({ "challenge_id": "7", "code": "123456" });
    refused(api.json(CONFIRM, &wrong_id), "a challenge that is no UUID", 400, invalid, Some("/challenge_id")).await;

    let huge = format!("{{\"email\": \"{}\"}}", "a".repeat(1 << 20));
    refused(api.post(SEND, huge.clone()), "a body over 1 MiB", 413, "payload_too_large", None).await;
    // Without a length, so that only reading it can tell.
    let chunks = futures::stream::iter(
        huge.into_bytes().chunks(8192).map(|c| Ok::<_, std::io::Error>(c.to_vec())).collect::<Vec<_>>(),
    );
    refused(api.post(SEND, Body::wrap_stream(chunks)), "a chunked body over 1 MiB", 413, "payload_too_large", None)
        .await;
    let form =
        api.request(Method::POST, SEND).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body("email=ada");
    refused(form, "a form", 415, "unsupported_media_type", None).await;
}

async fn keys(api: &Api) {
    let pointer = Some("/client_public_key");
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    // y = 2 is on no point of the curve.
    let mut no_point = [0; 32];
    no_point[0] = 2;
    let order_eight = "JuiVj8KyJ7BFw/SJ8u+Y8NXfrAXTxjM5sTgCiG1T/AU=";
    for (what, key) in [
        ("no base64", "!!!!".to_owned()),
        ("31 bytes", STANDARD.encode([9; 31])),
        ("33 bytes", STANDARD.encode([9; 33])),
        ("an empty key", String::new()),
        ("no point of the curve", STANDARD.encode(no_point)),
        ("the neutral element", STANDARD.encode(one)),
        ("order two", STANDARD.encode(minus_one)),
        ("order four", STANDARD.encode([0; 32])),
        ("order eight", order_eight.to_owned()),
    ] {
        refused(api.key(&key), &format!("a key: {what}"), 400, "invalid_request", pointer).await;
    }
}

async fn paths(api: &Api) {
    let gateway = |request: RequestBuilder| request.bearer_auth(&api.summary.gateway_token);
    let get = |path: &str| gateway(api.request(Method::GET, path));
    refused(get("/api/v1/internal/sessions/7"), "a path id that is no UUID", 400, "invalid_request", None).await;
    refused(get(&format!("/api/v1/internal/sessions/{SOME_ID}")), "an unknown session", 404, "session_not_found", None)
        .await;
    for path in
        ["/", "/api", "/api/v1", "/api/v1/nothing", "/api/v2/user/account", "/api/v1/public/auth/", "/api/v1/../x"]
    {
        refused(get(path), path, 404, "not_found", None).await;
    }
    // No text column takes it: refused before anything is looked up.
    refused(get("/%00"), "a path with U+0000", 404, "not_found", None).await;
    refused(api.request(Method::DELETE, SEND), "a wrong method", 405, "method_not_allowed", None).await;
    refused(api.request(Method::GET, SEND), "another wrong method", 405, "method_not_allowed", None).await;
    let admin = api.request(Method::GET, "/api/v1/admin/games/7");
    let admin = admin.basic_auth(&api.summary.admin_user, Some(&api.summary.admin_password));
    refused(admin, "a game that is no UUID", 400, "invalid_request", None).await;
    for query in ["limit=0", "limit=201", "limit=many", "cursor=%3F%3F"] {
        let list = api.request(Method::GET, &format!("/api/v1/admin/games?{query}"));
        let list = list.basic_auth(&api.summary.admin_user, Some(&api.summary.admin_password));
        refused(list, query, 400, "invalid_request", None).await;
    }
    let odd_id = api.request(Method::GET, "/nowhere").header("x-request-id", "a".repeat(129));
    let answer = odd_id.send().await.unwrap();
    let given = answer.headers()["x-request-id"].to_str().unwrap();
    assert!(given.len() <= 128, "a request id that is too long is replaced, not taken");
}

async fn credentials(api: &Api) {
    let account = |token: &str| api.request(Method::GET, "/api/v1/user/account").bearer_auth(token);
    let right = &api.summary.gateway_token;
    refused(api.request(Method::GET, "/api/v1/user/account"), "no token", 401, "credentials_required", None).await;
    refused(account("wrong").header("x-user-id", SOME_ID), "a wrong token", 401, "credentials_required", None).await;
    refused(
        account(&api.summary.worker_token).header("x-user-id", SOME_ID),
        "the workers' token",
        401,
        "credentials_required",
        None,
    )
    .await;
    refused(account(right), "no user", 401, "user_unknown", None).await;
    refused(account(right).header("x-user-id", "7"), "a user id that is none", 401, "user_unknown", None).await;
    refused(account(right).header("x-user-id", SOME_ID), "an unknown user", 401, "user_unknown", None).await;
    let games = || api.request(Method::GET, "/api/v1/admin/games");
    refused(games(), "no administrator", 401, "admin_credentials_required", None).await;
    refused(games().bearer_auth(right), "the gateway as administrator", 401, "admin_credentials_required", None).await;
    let wrong = games().basic_auth(&api.summary.admin_user, Some("wrong"));
    refused(wrong, "a wrong password", 401, "admin_credentials_required", None).await;
}

/// The number of rows of every table, but for those that processes write by themselves.
async fn rows(summary: &Summary) -> BTreeMap<String, i64> {
    let mut conn = PgConnection::connect(summary.postgres_dsn.split('?').next().unwrap()).await.unwrap();
    let tables = sqlx::query(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'backend'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
            AND relname NOT IN ('workers', 'stat_minutes') ORDER BY relname",
    );
    let mut counts = BTreeMap::new();
    for table in tables.fetch_all(&mut conn).await.unwrap() {
        let name: String = table.get(0);
        // That an administrator was refused is in the trail.
        let which = if name == "audit_log" { " WHERE outcome = 'done'" } else { "" };
        let count = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM backend.\"{name}\"{which}")))
            .fetch_one(&mut conn)
            .await
            .unwrap();
        counts.insert(name, count.get(0));
    }
    assert!(counts.len() > 20, "{counts:?}");
    counts
}
