//! The pool: whose connection is whose, and when (docs/postgres.md, ADR 12).

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt as _;
use shared::config::{PostgresConfig, Source, load};
use shared::db::Db;
use shared::postgres::{Written, rehearse};
use testkit::{TestDb, eventually};
use tokio::time::timeout;

/// A deadline that only a hang reaches.
const SOON: Duration = Duration::from_secs(90);

/// A pool with these settings beside its DSN.
fn pool(db: &TestDb, settings: &[(&str, &str)]) -> Db {
    let dsn = [("BACKEND_POSTGRES_DSN", db.dsn())];
    let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
    let env: BTreeMap<String, String> =
        dsn.into_iter().chain(settings).map(|(name, value)| (name.to_owned(), value)).collect();
    Db::connect(&load::<PostgresConfig>("test", Source::new(BTreeMap::new(), env)).unwrap().config, "pool test")
}

/// A pool of one connection: whoever takes it has the one that was given back.
fn one(db: &TestDb) -> Db {
    pool(db, &[("BACKEND_POSTGRES_MAX_CONNS", "1"), ("BACKEND_POSTGRES_MIN_CONNS", "0")])
}

async fn pid(pool: &Db) -> i32 {
    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *pool.acquire().await.unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_connection_that_is_given_back_is_somebody_elses_in_the_same_moment() {
    let db = TestDb::new().await;
    let pool = one(&db);
    let first = pid(&pool).await;
    // No round trip lies between: it is there without waiting for anything.
    let mut again = pool.acquire().now_or_never().expect("to be had at once").unwrap();
    let second: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *again).await.unwrap();
    assert_eq!(first, second);
    // One that looked for a row and found none, too.
    let none: Option<i32> = sqlx::query_scalar("SELECT 1 WHERE false").fetch_optional(&mut *again).await.unwrap();
    assert_eq!(none, None);
    drop(again);
    assert!(pool.acquire().now_or_never().is_some());
}

#[tokio::test]
async fn the_answer_to_a_statement_that_was_given_up_reaches_nobody() {
    let db = TestDb::new().await;
    let pool = one(&db);
    for round in 0..10 {
        let mut conn = pool.acquire().await.unwrap();
        // It fails, but not before it was given up.
        let fails = "SELECT 1 / CASE WHEN pg_sleep(0.2) IS NULL THEN 1 ELSE 0 END";
        let given_up = timeout(Duration::from_millis(20), sqlx::query(fails).execute(&mut *conn)).await;
        assert!(given_up.is_err(), "round {round}: it was to take longer");
        drop(conn);
        let answer: i32 = timeout(SOON, async {
            sqlx::query_scalar("SELECT 1").fetch_one(&mut *pool.acquire().await.unwrap()).await.unwrap()
        })
        .await
        .unwrap();
        assert_eq!(answer, 1, "round {round}");
    }
}

#[tokio::test]
async fn what_was_left_open_is_rolled_back_before_anybody_has_the_connection() {
    let db = TestDb::new().await;
    let pool = one(&db);
    let mut conn = pool.acquire().await.unwrap();
    sqlx::raw_sql("CREATE TEMP TABLE left_open (n int)").execute(&mut *conn).await.unwrap();
    drop(conn);
    let mut open = pool.begin().await.unwrap();
    sqlx::query("INSERT INTO left_open VALUES (1)").execute(&mut *open).await.unwrap();
    drop(open);
    let mut conn = pool.acquire().await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM left_open").fetch_one(&mut *conn).await.unwrap();
    assert_eq!(rows, 0);
    let over: bool =
        sqlx::query_scalar("SELECT pg_current_xact_id_if_assigned() IS NULL").fetch_one(&mut *conn).await.unwrap();
    assert!(over, "the transaction that wrote is over");
}

#[tokio::test]
async fn as_many_as_there_should_be_are_kept_and_none_grows_old() {
    let db = TestDb::new().await;
    let lifetime = ("BACKEND_POSTGRES_CONN_MAX_LIFETIME", "2s");
    let pool = pool(&db, &[("BACKEND_POSTGRES_MIN_CONNS", "3"), lifetime]);
    let there = "SELECT count(*), min(backend_start) > now() - interval '30 s' FROM pg_stat_activity
                  WHERE datname = current_database() AND application_name = 'pool test'";
    let admin = db.pool();
    let kept = |wanted: i64| {
        let admin = admin.clone();
        async move {
            let (count, young): (i64, Option<bool>) = sqlx::query_as(there).fetch_one(&admin).await.unwrap();
            if count == wanted && young == Some(true) { Ok(()) } else { Err((count, young)) }
        }
    };
    eventually(SOON, "three connections", || kept(3)).await;
    let first = pid(&pool).await;
    eventually(SOON, "another connection", || async {
        let now = pid(&pool).await;
        if now == first { Err(now) } else { Ok(()) }
    })
    .await;
    // Those that nobody uses are replaced as well.
    tokio::time::timeout(SOON, async {
        let began: String = sqlx::query_scalar("SELECT now()::text").fetch_one(&admin).await.unwrap();
        let old = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'pool test' AND backend_start < $1::timestamptz";
        eventually(SOON, "no connection of before", || async {
            let left: i64 = sqlx::query_scalar(old).bind(&began).fetch_one(&admin).await.unwrap();
            if left == 0 { Ok(()) } else { Err(left) }
        })
        .await;
    })
    .await
    .unwrap();
    eventually(SOON, "three connections again", || kept(3)).await;
    pool.close().await;
    eventually(SOON, "none", || async {
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pool test'",
        )
        .fetch_one(&admin)
        .await
        .unwrap();
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    assert!(matches!(pool.acquire().await, Err(shared::db::Error::Closed)));
}

#[tokio::test]
async fn what_is_only_tried_is_counted_by_table_and_taken_back() {
    let db = TestDb::new().await;
    let pool = one(&db);
    let make = async |name: &str| {
        let mut tx = pool.begin().await.unwrap();
        sqlx::query("INSERT INTO admin_accounts (user_name, password_hash) VALUES ($1, 'x'), ($1 || '-2', 'x')")
            .bind(name)
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query("UPDATE admin_accounts SET enabled = false WHERE user_name = $1")
            .bind(name)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    let there = async || -> i64 {
        let mut conn = pool.acquire().await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM admin_accounts").fetch_one(&mut *conn).await.unwrap()
    };
    make("ada").await;
    // On a session that may still hold counts of what was done just now: those are not told again.
    for _ in 0..2 {
        let ((), written) = rehearse(async {
            make("bea").await;
            // It is not there for what follows: each transaction is taken back by itself.
            make("bea").await;
        })
        .await;
        assert_eq!(written, Written::from([("admin_accounts".to_owned(), 6)]));
        assert_eq!(there().await, 2);
    }
    let ((), written) = rehearse(async { drop(pool.begin().await.unwrap()) }).await;
    assert_eq!(written, Written::new(), "what is not committed is nobody's");
    make("cy").await;
    assert_eq!(there().await, 4, "afterwards all is as ever");
}
