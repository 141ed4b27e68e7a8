//! The service frame as a process: `examples/frame.rs`, run as an operator would.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use testkit::{
    TestDb, eventually,
    process::{Proc, ProcConfig, free_addr},
    proxy::TcpProxy,
    target_dir,
};

const SOON: Duration = Duration::from_secs(90);

/// `cargo test` builds examples, unless told to build one test alone.
fn frame() -> ProcConfig {
    let path: PathBuf = target_dir().join("debug/examples/frame");
    assert!(path.exists(), "{} is missing: cargo build -p galaxy-shared --example frame", path.display());
    ProcConfig::new(path).env("BACKEND_OTEL_TRACES_EXPORTER", "none").env("BACKEND_OTEL_METRICS_EXPORTER", "prometheus")
}

pub fn frame_on(dsn: &str) -> (ProcConfig, SocketAddr) {
    let ops = free_addr();
    (frame().env("BACKEND_POSTGRES_DSN", dsn).env("BACKEND_OPS_LISTEN_ADDR", ops), ops)
}

async fn get(ops: SocketAddr, path: &str) -> Result<(u16, String), reqwest::Error> {
    let answer = reqwest::get(format!("http://{ops}{path}")).await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// Waits until `/readyz` answers with this status and text.
pub async fn becomes(ops: SocketAddr, status: u16, text: &str) {
    eventually(SOON, format!("readiness {status} with {text:?}"), || async move {
        match get(ops, "/readyz").await {
            Ok((seen, body)) if seen == status && body.contains(text) => Ok(()),
            Ok((seen, body)) => Err(format!("{seen} {body}")),
            Err(error) => Err(error.to_string()),
        }
    })
    .await;
}

async fn exit_code(process: &mut Proc) -> Option<i32> {
    process.wait_exit(SOON).await.unwrap().code()
}

#[tokio::test]
async fn every_fault_of_the_configuration_is_listed_at_once_and_nothing_secret() {
    let config = frame()
        .env("BACKEND_POSTGRES_DSN", "postgres://u:hunter2@h/d?search_path=public")
        .env("BACKEND_SHUTDOWN_TIMEOUT", "soon")
        .env("BACKEND_SHUTDOWN_DELAY", "1m")
        .arg("--postgres-max-conns=0");
    let mut process = Proc::start(config).unwrap();
    assert_eq!(exit_code(&mut process).await, Some(2));
    process.wait_for_line(|line| line.contains("--help"), SOON).await;
    let said = process.tail(20);
    for part in [
        "4 faults",
        "BACKEND_POSTGRES_DSN: ",
        "BACKEND_SHUTDOWN_TIMEOUT: ",
        "BACKEND_SHUTDOWN_DELAY: ",
        "BACKEND_POSTGRES_MAX_CONNS: ",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn it_is_ready_on_a_fitting_schema_answers_its_healthcheck_and_stops_clean() {
    let db = TestDb::new().await;
    let (config, ops) = frame_on(&db.dsn());
    let mut process = Proc::start(config).unwrap();
    becomes(ops, 200, r#""status":"ok""#).await;
    assert_eq!(get(ops, "/healthz").await.unwrap().0, 200);
    let metrics = get(ops, "/metrics").await.unwrap().1;
    assert!(metrics.lines().any(|line| line.starts_with("db_pool_acquires_total ")), "{metrics}");
    assert!(process.rss_bytes() < 32 << 20, "{} bytes resident", process.rss_bytes());

    let ask = frame().env("BACKEND_OPS_LISTEN_ADDR", ops).arg("healthcheck");
    assert_eq!(exit_code(&mut Proc::start(ask.clone()).unwrap()).await, Some(0));

    process.terminate();
    assert_eq!(exit_code(&mut process).await, Some(0));
    assert_eq!(exit_code(&mut Proc::start(ask).unwrap()).await, Some(1), "nobody listens any more");
    for line in process.lines() {
        let object: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        for key in ["ts", "level", "caller", "service", "msg"] {
            assert!(object[key].is_string(), "{key} in {line}");
        }
    }
    let within_a_span = process.lines().into_iter().find(|line| line.contains(r#""msg":"wiring""#)).unwrap();
    let object: serde_json::Value = serde_json::from_str(&within_a_span).unwrap();
    assert_eq!(object["otel_trace_id"].as_str().map(str::len), Some(32), "{within_a_span}");
    assert_eq!(object["request_id"], "none");
    db.close().await;
}

#[tokio::test]
async fn metrics_are_served_where_the_exporter_says_so_and_elsewhere_it_is_said_how() {
    let db = TestDb::new().await;
    let (config, ops) = frame_on(&db.dsn());
    let mut process = Proc::start(config.env("BACKEND_OTEL_METRICS_EXPORTER", "otlp")).unwrap();
    becomes(ops, 200, "postgres").await;
    let (status, said) = get(ops, "/metrics").await.unwrap();
    assert_eq!(status, 404);
    assert!(said.contains("BACKEND_OTEL_METRICS_EXPORTER=prometheus"), "{said}");
    process.terminate();
    assert_eq!(exit_code(&mut process).await, Some(0));
}

#[tokio::test]
async fn it_starts_without_postgres_and_follows_its_comings_and_goings() {
    let db = TestDb::new().await;
    let proxy = TcpProxy::start(db.server_addr()).await.unwrap();
    proxy.cut().await;
    let (config, ops) = frame_on(&db.dsn_via(proxy.addr()));
    let mut process = Proc::start(config).unwrap();
    becomes(ops, 503, "refused").await;
    assert_eq!(get(ops, "/healthz").await.unwrap().0, 200);
    proxy.restore().await.unwrap();
    becomes(ops, 200, "postgres").await;
    proxy.cut().await;
    becomes(ops, 503, "refused").await;
    proxy.restore().await.unwrap();
    becomes(ops, 200, "postgres").await;
    assert!(process.is_running());
    process.terminate();
    assert_eq!(exit_code(&mut process).await, Some(0));
    db.close().await;
}

#[tokio::test]
async fn on_an_unfit_schema_it_stays_up_and_looks_again() {
    let db = TestDb::empty().await;
    let (config, ops) = frame_on(&db.dsn());
    let mut process = Proc::start(config).unwrap();
    becomes(ops, 503, "run `migrate`").await;

    let mut conn = db.connect().await;
    let run = async |conn: &mut sqlx::PgConnection, sql: String| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(conn).await.unwrap();
    };
    run(&mut conn, "CREATE SCHEMA backend".to_owned()).await;
    becomes(ops, 503, "no migration was ever applied").await;

    let mine = shared::SCHEMA_VERSION;
    let table = "CREATE TABLE backend.schema_versions (version bigint, compatible_from bigint, applied_at timestamptz)";
    let row =
        |version: i64, from: i64| format!("INSERT INTO backend.schema_versions VALUES ({version}, {from}, now())");
    run(&mut conn, format!("{table}; {}", row(mine - 1, 1))).await;
    becomes(ops, 503, "older than this binary").await;
    run(&mut conn, row(mine, 1)).await;
    becomes(ops, 200, "schema").await;
    run(&mut conn, row(mine + 1, mine + 1)).await;
    becomes(ops, 503, "deploy a newer binary").await;
    run(&mut conn, format!("DELETE FROM backend.schema_versions WHERE version > {mine}; {}", row(mine + 1, mine)))
        .await;
    becomes(ops, 200, "schema").await;
    process.terminate();
    assert_eq!(exit_code(&mut process).await, Some(0));
    drop(conn);
    db.close().await;
}

#[tokio::test]
async fn a_failing_or_panicking_task_ends_the_process_with_a_failure() {
    let db = TestDb::new().await;
    for (behaviour, said) in [("fail", "asked to fail"), ("panic", "it panicked: asked to panic")] {
        let mut process = Proc::start(frame_on(&db.dsn()).0.env("BACKEND_FRAME_BEHAVIOUR", behaviour)).unwrap();
        process.wait_for_line(|line| line.contains(said) && line.contains(r#""level":"error""#), SOON).await;
        assert_eq!(exit_code(&mut process).await, Some(1), "{behaviour}");
    }
    db.close().await;
}

#[tokio::test]
async fn a_hanging_task_is_abandoned_within_the_budget_and_a_second_signal_ends_at_once() {
    let db = TestDb::new().await;
    let hanging = |budget: &str| {
        let (config, ops) = frame_on(&db.dsn());
        (config.env("BACKEND_FRAME_BEHAVIOUR", "hang").env("BACKEND_SHUTDOWN_TIMEOUT", budget), ops)
    };
    let (config, _) = hanging("2s");
    let mut process = Proc::start(config).unwrap();
    process.wait_for_line(|line| line.contains(r#""msg":"started""#), SOON).await;
    process.terminate();
    assert_eq!(exit_code(&mut process).await, Some(1));
    assert!(process.tail(10).contains("abandoning work"), "{}", process.tail(10));

    let (config, ops) = hanging("10m");
    let mut process = Proc::start(config).unwrap();
    becomes(ops, 200, "ok").await;
    process.terminate();
    becomes(ops, 503, "stopping").await;
    process.terminate();
    assert_eq!(exit_code(&mut process).await, Some(143));
    db.close().await;
}
