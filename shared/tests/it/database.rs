//! A Postgres that goes silent, turns read-only, or stands behind a pooler: what becomes of connections, readiness and leases.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::try_join_all;
use shared::config::{PostgresConfig, Source, load};
use shared::db::Db;
use shared::queue::{Timing, Worker};
use shared::random::Random;
use shared::service::health::{Health, watch_schema};
use shared::service::lifecycle::Lifecycle;
use sqlx::{Connection as _, PgConnection};
use testkit::pgbouncer::{PgBouncer, PoolMode};
use testkit::process::Proc;
use testkit::proxy::{Direction, TcpProxy};
use testkit::{PostgresServer, TestDb, eventually};

use crate::service::{becomes, frame_on};

/// A deadline that only a hang reaches.
const SOON: Duration = Duration::from_secs(90);
const PLACES: u32 = 3;

fn connect(dsn: String) -> Db {
    let env = [
        ("BACKEND_POSTGRES_DSN", dsn),
        ("BACKEND_POSTGRES_MAX_CONNS", PLACES.to_string()),
        ("BACKEND_POSTGRES_MIN_CONNS", "0".to_owned()),
        ("BACKEND_POSTGRES_OPERATION_TIMEOUT", "1s".to_owned()),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value)).into();
    Db::connect(&load::<PostgresConfig>("test", Source::new(BTreeMap::new(), env)).unwrap().config, "test")
}

async fn ask(db: &Db) -> Result<i32, shared::db::Error> {
    db.try_within(async { Ok(sqlx::query_scalar("SELECT 1").fetch_one(&mut *db.acquire().await?).await?) }).await
}

/// Every place of the pool can be had at once, and its connection works.
async fn has_all_places(db: &Db) {
    eventually(SOON, "every place can be had", || async {
        db.try_within(async {
            let conns = try_join_all((0..PLACES).map(|_| db.acquire())).await?;
            for mut conn in conns {
                sqlx::query("SELECT 1").execute(&mut *conn).await?;
            }
            Ok::<_, shared::db::Error>(())
        })
        .await
    })
    .await;
}

#[tokio::test]
async fn a_statement_on_a_dead_connection_ends_and_its_place_is_free_again() {
    let base = TestDb::new().await;
    let proxy = TcpProxy::start(base.server_addr()).await.unwrap();
    let db = connect(base.dsn_via(proxy.addr()));
    has_all_places(&db).await;
    // In the middle of a transaction; the connections that lie idle are dead as well.
    let work = db.try_within(async {
        let mut tx = db.begin().await?;
        sqlx::query("SELECT 1").execute(&mut *tx).await?;
        proxy.freeze();
        sqlx::query("SELECT 2").execute(&mut *tx).await?;
        tx.commit().await
    });
    let ended = tokio::time::timeout(SOON, work).await.expect("it ends, though nothing ever answers");
    assert!(ended.unwrap_err().is_unavailable());
    has_all_places(&db).await;
}

/// As a firewall leaves a connection that forgot half of it: Postgres hears nothing more from us, or we hear nothing more from it.
#[tokio::test]
async fn a_connection_of_which_one_way_was_closed_ends_and_its_place_is_free_again() {
    for direction in [Direction::ToUpstream, Direction::ToClient] {
        let base = TestDb::new().await;
        let proxy = TcpProxy::start(base.server_addr()).await.unwrap();
        let db = connect(base.dsn_via(proxy.addr()));
        has_all_places(&db).await;
        // Here too the connections that lie idle are hit as well.
        let work = db.try_within(async {
            let mut tx = db.begin().await?;
            sqlx::query("SELECT 1").execute(&mut *tx).await?;
            proxy.half_close(direction);
            sqlx::query("SELECT 2").execute(&mut *tx).await?;
            tx.commit().await
        });
        let ended = tokio::time::timeout(SOON, work).await.expect("it ends, though it is never closed");
        assert!(ended.unwrap_err().is_unavailable(), "{direction:?}");
        has_all_places(&db).await;
    }
}

#[tokio::test]
async fn each_statement_of_a_savepoint_has_a_limit_of_its_own() {
    let base = TestDb::new().await;
    let db = connect(base.dsn());
    db.try_within(async {
        let mut tx = db.begin().await?;
        let mut savepoint = shared::db::savepoint(&mut tx).await?;
        // Together they take longer than a connection may be silent.
        for _ in 0..4 {
            sqlx::query("SELECT pg_sleep(0.4)").execute(&mut *savepoint).await?;
        }
        savepoint.commit().await?;
        tx.commit().await
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_caller_that_gives_up_on_a_dead_connection_does_not_take_its_place_along() {
    let base = TestDb::new().await;
    let proxy = TcpProxy::start(base.server_addr()).await.unwrap();
    let db = connect(base.dsn_via(proxy.addr()));
    has_all_places(&db).await;
    let mut conns = try_join_all((0..PLACES).map(|_| db.acquire())).await.unwrap();
    drop(conns.pop());
    let tx = db.begin().await.unwrap();
    proxy.freeze();
    for conn in &mut conns {
        let asked = sqlx::query("SELECT 1").execute(&mut **conn);
        assert!(tokio::time::timeout(Duration::from_millis(20), asked).await.is_err(), "nothing answers");
    }
    drop((conns, tx));
    has_all_places(&db).await;
}

#[tokio::test]
async fn a_read_only_postgres_is_not_worked_with_and_not_ready_until_it_takes_writes() {
    let server = PostgresServer::start(testkit::PostgresConfig::default()).unwrap();
    let base = TestDb::on(&server).await;
    let db = connect(base.dsn());
    let (health, lifecycle, random) = (Health::new(), Lifecycle::new(Duration::from_secs(5)), Random::system());
    let gate = watch_schema(&db, &health, shared::SCHEMA_VERSION, &lifecycle);
    let timing = Timing {
        beat: Duration::from_millis(200),
        lease: Duration::from_millis(1_500),
        margin: Duration::from_millis(300),
        ..Timing::default()
    };
    let worker = Worker::start_with(&db, "test", "test", &lifecycle, &random, timing);
    worker.report(&health, &lifecycle);
    let ready = async || {
        eventually(SOON, "ready", || async {
            let report = health.report();
            if report.http_status() == 200 { Ok(()) } else { Err(report) }
        })
        .await;
    };
    let failed = async |part: &str, reason: &str| {
        eventually(SOON, format!("{part} says {reason:?}"), || async {
            let report = health.report();
            let said = report.parts.iter().find(|p| p.name == part).and_then(|p| p.reason.clone()).unwrap_or_default();
            if said.contains(reason) && report.http_status() == 503 { Ok(()) } else { Err(report) }
        })
        .await;
    };
    let write = async || {
        db.try_within(async {
            let mut tx = db.begin().await?;
            sqlx::query("UPDATE queues SET updated_at = clock_timestamp()").execute(&mut *tx).await?;
            tx.commit().await
        })
        .await
    };
    ready().await;
    let mut admin = PgConnection::connect(&server.dsn("postgres")).await.unwrap();
    // The server as a whole, under the sessions that there are; then one database, whose sessions keep what they began with.
    let switch = |on: bool| {
        let system = if on { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
        [format!("ALTER SYSTEM {system}"), "SELECT pg_reload_conf()".to_owned()]
    };
    let database = |on: bool| {
        let what = if on { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()";
        let begin = "SET default_transaction_read_only = off".to_owned();
        [begin, format!("ALTER DATABASE \"{}\" {what}", base.name()), end.replace("{}", base.name())]
    };
    for (on, off) in
        [(switch(true).to_vec(), switch(false).to_vec()), (database(true).to_vec(), database(false).to_vec())]
    {
        for statement in on {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
        failed("postgres", "read-only").await;
        failed("lease", "lease").await;
        assert!(!gate.is_open(), "nothing is claimed");
        assert!(write().await.unwrap_err().is_unavailable());
        for statement in off.into_iter().filter(|statement| !statement.contains("terminate")) {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
        }
        // By itself: also where the sessions from before would stay read-only to their end.
        ready().await;
        write().await.unwrap();
        assert!(gate.is_open() && worker.lease_valid());
    }
    lifecycle.stop();
}

#[tokio::test]
async fn a_refused_connection_is_an_absence_and_not_a_fault_of_the_statement() {
    let server = PostgresServer::start(testkit::PostgresConfig::default()).unwrap();
    let base = TestDb::on(&server).await;
    let mut admin = PgConnection::connect(&server.dsn("postgres")).await.unwrap();
    for statement in ["CREATE ROLE narrow LOGIN CONNECTION LIMIT 0", "CREATE ROLE barred NOLOGIN"] {
        sqlx::raw_sql(statement).execute(&mut admin).await.unwrap();
    }
    let as_role = |role: &str| base.dsn().replace("postgres@", &format!("{role}@"));
    let elsewhere = base.dsn().replace(base.name(), "no_such_database");
    for dsn in [as_role("narrow"), as_role("barred"), as_role("unknown"), elsewhere] {
        let error = ask(&connect(dsn.clone())).await.unwrap_err();
        assert!(error.is_unavailable(), "{dsn}: {error}");
    }
}

#[tokio::test]
async fn a_pooler_that_loses_prepared_statements_is_named_and_one_that_keeps_them_is_not() {
    let base = TestDb::new().await;
    let pin = format!("ALTER DATABASE \"{}\" SET search_path = backend", base.name());
    sqlx::raw_sql(sqlx::AssertSqlSafe(pin)).execute(&base.pool()).await.unwrap();
    for (mode, status, text) in
        [(PoolMode::Session, 200, "\"status\":\"ok\""), (PoolMode::Transaction, 503, "max_prepared_statements")]
    {
        let bouncer = PgBouncer::start(base.server_addr(), mode).unwrap();
        let (config, ops) = frame_on(&base.dsn_via(bouncer.addr()));
        let mut process = Proc::start(config).unwrap();
        becomes(ops, status, text).await;
        if mode == PoolMode::Transaction {
            let named = |line: &str| line.contains("\"error\"") && line.contains("loses prepared statements");
            process.wait_for_line(named, SOON).await;
        }
        process.terminate();
        assert!(process.wait_exit(SOON).await.unwrap().success());
    }
}
