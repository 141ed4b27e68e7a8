use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection, Row};
use testkit::failover::Pair;
use testkit::{PostgresConfig, PostgresServer, StopMode, TestDb, eventually};

async fn exists(db: &TestDb, name: &str) -> bool {
    let row = sqlx::query("SELECT count(*) FROM pg_database WHERE datname = $1")
        .bind(name)
        .fetch_one(&mut db.connect().await)
        .await
        .unwrap();
    row.get::<i64, _>(0) == 1
}

#[tokio::test]
async fn a_database_is_migrated_private_and_dropped() {
    let watcher = TestDb::empty().await;
    let (first, second) = tokio::join!(TestDb::new(), TestDb::new());
    assert_ne!(first.name(), second.name());
    let schema: String = sqlx::query_scalar("SELECT current_schema()").fetch_one(&first.pool()).await.unwrap();
    assert_eq!(schema, "backend");
    sqlx::query("CREATE TABLE mine (id int)").execute(&first.pool()).await.unwrap();
    sqlx::query("CREATE TABLE mine (id int)").execute(&second.pool()).await.unwrap();

    let (one, two) = (first.name().to_owned(), second.name().to_owned());
    assert!(exists(&watcher, &one).await && exists(&watcher, &two).await);
    first.close().await;
    drop(second); // though its pool still holds connections
    assert!(!exists(&watcher, &one).await && !exists(&watcher, &two).await);
}

#[tokio::test]
async fn what_a_killed_test_left_is_swept() {
    let watcher = TestDb::empty().await;
    // A tag that no living process has: process 1 did not start at tick 1 of a later boot.
    let orphan = "galaxy_test_999999_1_0";
    sqlx::query(sqlx::AssertSqlSafe(format!(r#"CREATE DATABASE "{orphan}" TEMPLATE template0"#)))
        .execute(&mut watcher.connect().await)
        .await
        .unwrap();
    // The sweep runs once a process: a child process is a new one.
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "postgres::a_database_is_migrated_private_and_dropped"])
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    eventually(Duration::from_secs(90), "the orphan is dropped", || async { !exists(&watcher, orphan).await }).await;
}

#[tokio::test]
async fn a_server_of_ones_own_crashes_and_recovers_on_its_port() {
    let mut server = PostgresServer::start(PostgresConfig::default()).unwrap();
    let (dir, port) = (server.dir().to_path_buf(), server.port());
    let db = TestDb::on(&server).await;
    sqlx::query("CREATE TABLE kept (id int)").execute(&db.pool()).await.unwrap();

    server.stop(StopMode::Immediate).unwrap();
    assert!(!server.is_running());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    server.start_again().unwrap();
    assert_eq!(server.port(), port);
    eventually(Duration::from_secs(90), "the table is there after recovery", || async {
        sqlx::query("SELECT * FROM kept").fetch_all(&db.pool()).await
    })
    .await;

    server.restart(StopMode::Fast).unwrap();
    drop(db);
    let pid = server.pid().unwrap();
    drop(server);
    assert!(!dir.exists(), "a temporary server leaves nothing");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn a_persistent_server_keeps_its_data_and_asks_for_its_password() {
    let dir = tempfile::tempdir().unwrap();
    // The server's user must be able to walk into it.
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let config =
        PostgresConfig { password: Some("s3cret".to_owned()), ..PostgresConfig::persistent(dir.path().join("pg")) };
    let server = PostgresServer::start(config.clone()).unwrap();
    let pool = sqlx::PgPool::connect(&server.dsn("postgres")).await.unwrap();
    sqlx::query("CREATE TABLE kept (id int)").execute(&pool).await.unwrap();
    let fsync: String = sqlx::query_scalar("SHOW fsync").fetch_one(&pool).await.unwrap();
    assert_eq!(fsync, "on");
    let stranger = format!("postgres://postgres:wrong@127.0.0.1:{}/postgres", server.port());
    assert!(sqlx::PgPool::connect(&stranger).await.is_err());
    drop(server);

    let server = PostgresServer::start(config).unwrap();
    let pool = sqlx::PgPool::connect(&server.dsn("postgres")).await.unwrap();
    sqlx::query("SELECT * FROM kept").fetch_all(&pool).await.unwrap();
}

#[tokio::test]
async fn data_that_was_made_without_a_password_gets_one() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let trusting = PostgresConfig::persistent(dir.path().join("pg"));
    let server = PostgresServer::start(trusting.clone()).unwrap();
    let pool = sqlx::PgPool::connect(&server.dsn("postgres")).await.unwrap();
    sqlx::query("CREATE TABLE kept (id int)").execute(&pool).await.unwrap();
    drop(server);
    let server = PostgresServer::start(PostgresConfig { password: Some("it's".to_owned()), ..trusting }).unwrap();
    let stranger = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port());
    assert!(sqlx::PgPool::connect(&stranger).await.is_err());
    let pool = sqlx::PgPool::connect(&server.dsn("postgres")).await.unwrap();
    sqlx::query("SELECT * FROM kept").fetch_all(&pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_has_what_was_committed_and_takes_writes_on_another_timeline_once_promoted() {
    let mut pair = Pair::start().await;
    let at = pair.proxy.addr();
    let dsn = format!("postgres://postgres@{at}/postgres");
    let timeline = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)";
    let mut conn = PgConnection::connect(&dsn).await.unwrap();
    conn.execute("CREATE TABLE kept (id int)").await.unwrap();
    conn.execute("INSERT INTO kept VALUES (1)").await.unwrap();
    let before: String = sqlx::query_scalar(timeline).fetch_one(&mut conn).await.unwrap();
    pair.lose_the_primary().await;
    assert!(conn.execute("SELECT 1").await.is_err(), "its server is gone");
    // What the standby has flushed it may still have to replay.
    let mut conn = PgConnection::connect(&dsn).await.unwrap();
    let refused = conn.execute("CREATE TABLE more (id int)").await.unwrap_err();
    assert_eq!(refused.as_database_error().and_then(|error| error.code()).as_deref(), Some("25006"));
    pair.promote();
    let mut conn = PgConnection::connect(&dsn).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut conn).await.unwrap();
    conn.execute("INSERT INTO kept VALUES (2)").await.unwrap();
    let after: String = sqlx::query_scalar(timeline).fetch_one(&mut conn).await.unwrap();
    assert_eq!(kept, 1);
    assert!(after > before, "{before}, then {after}");
}
