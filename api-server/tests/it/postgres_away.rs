//! Postgres out of reach, as callers see it: every call is answered `unavailable`, and all is well when it is back.

use std::time::Duration;

use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use testkit::pgbouncer::{PgBouncer, PoolMode};
use testkit::proxy::TcpProxy;
use testkit::{PostgresConfig, PostgresServer, TestDb, eventually};

use crate::binary::Binary;
use crate::harness::GATEWAY_TOKEN;

/// A deadline that only a hang reaches.
const SOON: Duration = Duration::from_secs(90);

/// Reads and writes of every kind of caller.
const CALLS: [(Method, &str); 4] = [
    (Method::POST, "/api/v1/public/auth/send-email-code"),
    (Method::GET, "/api/v1/internal/sessions/0197b0a0-0000-7000-8000-000000000001"),
    (Method::POST, "/api/v1/internal/identities/provision"),
    (Method::GET, "/api/v1/user/account"),
];

/// The status and the problem's code of each of [`CALLS`].
async fn call_all(replica: &Binary) -> Vec<(StatusCode, String, bool)> {
    let client = reqwest::Client::new();
    let call = |(method, path): (Method, &'static str)| {
        let request = client
            .request(method.clone(), format!("http://{}{path}", replica.rest))
            .bearer_auth(GATEWAY_TOKEN)
            .header("X-User-ID", "0197b0a0-0000-7000-8000-000000000001");
        let body = match path.rsplit('/').next() {
            Some("provision") => json!({"kind": "telegram", "external_id": "4711"}),
            _ => json!({"email": "ada@example.org"}),
        };
        let request = if method == Method::POST { request.json(&body) } else { request };
        async move {
            let answer = request.send().await.unwrap();
            let (status, later) = (answer.status(), answer.headers().contains_key("retry-after"));
            let body: Value = answer.json().await.unwrap_or_default();
            (status, body["code"].as_str().unwrap_or_default().to_owned(), later)
        }
    };
    join_all(CALLS.map(call)).await
}

async fn serves(replica: &Binary) {
    eventually(SOON, "every call is served", || async {
        let answers = call_all(replica).await;
        if answers.iter().all(|(status, ..)| !status.is_server_error()) { Ok(()) } else { Err(answers) }
    })
    .await;
}

fn all_unavailable(answers: &[(StatusCode, String, bool)]) {
    for (answer, (_, path)) in answers.iter().zip(CALLS) {
        assert_eq!(answer, &(StatusCode::SERVICE_UNAVAILABLE, "unavailable".to_owned(), true), "{path}");
    }
}

#[tokio::test]
async fn a_network_that_holds_packets_is_unavailable_by_the_operation_timeout_and_costs_no_connection() {
    let db = TestDb::new().await;
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    let dsn = db.dsn_via(proxy.addr());
    let settings = [
        ("BACKEND_POSTGRES_DSN", dsn.as_str()),
        ("BACKEND_POSTGRES_OPERATION_TIMEOUT", "2s"),
        ("BACKEND_POSTGRES_MAX_CONNS", "4"),
    ];
    let mut replica = Binary::start(&db, &settings);
    replica.ready().await;
    serves(&replica).await;
    proxy.stall();
    // The request's own limit is 30 s and another code: what answers is the database's.
    for _ in 0..2 {
        all_unavailable(&call_all(&replica).await);
    }
    proxy.restore().await.unwrap();
    serves(&replica).await;
    // The connections of before never answer again: the pool does without them.
    proxy.freeze();
    serves(&replica).await;
    replica.stop().await;
}

#[tokio::test]
async fn a_read_only_postgres_is_unavailable_and_never_an_internal_error() {
    let server = PostgresServer::start(PostgresConfig::default()).unwrap();
    let db = TestDb::on(&server).await;
    let mut replica = Binary::start(&db, &[]);
    replica.ready().await;
    serves(&replica).await;
    let mut admin = PgConnection::connect(&server.dsn("postgres")).await.unwrap();
    for (on, statement) in [
        (true, "ALTER SYSTEM SET default_transaction_read_only = on"),
        (false, "ALTER SYSTEM RESET default_transaction_read_only"),
    ] {
        sqlx::raw_sql(statement).execute(&mut admin).await.unwrap();
        sqlx::raw_sql("SELECT pg_reload_conf()").execute(&mut admin).await.unwrap();
        if !on {
            break;
        }
        eventually(SOON, "writes are unavailable, and readiness says why", || async {
            let answers = call_all(&replica).await;
            assert!(answers.iter().all(|(status, ..)| *status != StatusCode::INTERNAL_SERVER_ERROR), "{answers:?}");
            let ready = reqwest::get(format!("http://{}/readyz", replica.ops)).await.unwrap();
            let (status, said) = (ready.status(), ready.text().await.unwrap());
            let written = [&answers[0], &answers[2]].iter().all(|a| a.0 == StatusCode::SERVICE_UNAVAILABLE && a.2);
            if written && status == 503 && said.contains("read-only") { Ok(()) } else { Err((answers, said)) }
        })
        .await;
    }
    replica.ready().await;
    serves(&replica).await;
    replica.stop().await;
}

#[tokio::test]
async fn behind_a_pooler_in_session_mode_everything_works() {
    let db = TestDb::new().await;
    let pin = format!("ALTER DATABASE \"{}\" SET search_path = backend", db.name());
    sqlx::raw_sql(sqlx::AssertSqlSafe(pin)).execute(&db.pool()).await.unwrap();
    let bouncer = PgBouncer::start(db.server_addr(), PoolMode::Session).unwrap();
    let (pooled, direct) = (db.dsn_via(bouncer.addr()), db.dsn());
    let settings = [("BACKEND_POSTGRES_DSN", pooled.as_str()), ("BACKEND_POSTGRES_LISTEN_DSN", direct.as_str())];
    let mut replica = Binary::start(&db, &settings);
    replica.ready().await;
    for answers in join_all((0..25).map(|_| call_all(&replica))).await {
        assert!(answers.iter().all(|(status, ..)| !status.is_server_error()), "{answers:?}");
    }
    eventually(SOON, "notifications arrive on the direct connection", || async {
        let metrics = reqwest::get(format!("http://{}/metrics", replica.ops)).await.unwrap().text().await.unwrap();
        metrics.lines().any(|line| line.starts_with("queue_notify_state") && line.trim_end().ends_with(" 2"))
    })
    .await;
    replica.stop().await;
}
