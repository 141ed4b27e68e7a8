//! The schema's history, forwards and backwards, on a real Postgres.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a failed expectation must end the test with its message"
)]

mod naming;
mod roles;

use std::collections::HashSet;
use std::process::Command;

use galaxy_migrations::{MIGRATOR, SCHEMA_VERSION, apply, pending, undo};
use sqlx::{Connection as _, PgConnection};
use testkit::TestDb;

async fn connect(db: &TestDb) -> PgConnection {
    PgConnection::connect(db.dsn().split('?').next().unwrap()).await.unwrap()
}

/// Everything that a schema is made of, as text: columns, constraints, indexes, comments.
async fn describe(conn: &mut PgConnection) -> Vec<String> {
    let mut lines: Vec<String> = sqlx::query_scalar(
        "SELECT format('column %s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                       pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
           LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.oid, a.attnum)
          WHERE c.relnamespace = 'backend'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> '_sqlx_migrations'
         UNION ALL
         SELECT format('table %s %s', relname, obj_description(oid, 'pg_class')) FROM pg_class
          WHERE relnamespace = 'backend'::regnamespace AND relkind IN ('r', 'p') AND relname <> '_sqlx_migrations'
         UNION ALL
         SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
          WHERE connamespace = 'backend'::regnamespace AND conrelid <> 'backend._sqlx_migrations'::regclass
         UNION ALL
         SELECT format('function %s %s %s', pg_get_functiondef(oid), proacl, obj_description(oid, 'pg_proc')) FROM pg_proc
          WHERE pronamespace = 'backend'::regnamespace AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql')
         UNION ALL
         SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'backend' AND tablename <> '_sqlx_migrations'",
    )
    .fetch_all(conn)
    .await
    .unwrap();
    lines.sort();
    lines
}

#[tokio::test]
async fn every_migration_goes_up_down_and_up_again_to_the_same_schema() {
    let db = TestDb::empty().await;
    let mut conn = connect(&db).await;
    let versions: Vec<i64> =
        MIGRATOR.iter().filter(|m| m.migration_type.is_up_migration()).map(|m| m.version).collect();
    apply(&mut conn).await.unwrap();
    let mut shapes = vec![(*versions.last().unwrap(), describe(&mut conn).await)];
    // Down one by one, remembering each shape; then up again, one by one, to the same shapes.
    for window in versions.windows(2).rev() {
        undo(&mut conn, window[0]).await.unwrap_or_else(|e| panic!("down to {}: {e}", window[0]));
        shapes.push((window[0], describe(&mut conn).await));
    }
    undo(&mut conn, 0).await.unwrap();
    assert_eq!(describe(&mut conn).await, Vec::<String>::new(), "the way down leaves nothing behind");
    for (version, shape) in shapes.iter().rev() {
        MIGRATOR.run_to(*version, &mut conn).await.unwrap();
        assert_eq!(&describe(&mut conn).await, shape, "up to {version} differs from what down to it left");
    }
    conn.close().await.unwrap();
}

#[tokio::test]
async fn the_build_is_for_the_newest_migration_and_each_says_what_it_is_compatible_with() {
    let newest = MIGRATOR.iter().map(|m| m.version).max().unwrap();
    assert_eq!(SCHEMA_VERSION, newest);
    let db = TestDb::empty().await;
    let mut conn = connect(&db).await;
    let ups = MIGRATOR.iter().filter(|m| m.migration_type.is_up_migration()).count();
    assert_eq!(pending(&mut conn).await.unwrap().len(), ups);
    apply(&mut conn).await.unwrap();
    assert_eq!(pending(&mut conn).await.unwrap(), Vec::new());
    let recorded: Vec<(i64, i64)> =
        sqlx::query_as("SELECT version, compatible_from FROM schema_versions ORDER BY version")
            .fetch_all(&mut conn)
            .await
            .unwrap();
    let expected: Vec<i64> =
        MIGRATOR.iter().filter(|m| m.migration_type.is_up_migration()).map(|m| m.version).collect();
    assert_eq!(recorded.iter().map(|r| r.0).collect::<Vec<_>>(), expected);
    assert!(recorded.windows(2).all(|w| w[0].1 <= w[1].1), "compatible_from never falls");
}

#[tokio::test]
async fn a_build_that_is_rolled_back_to_finds_nothing_to_do_on_a_schema_that_still_fits_it_and_refuses_another() {
    let db = TestDb::empty().await;
    let mut conn = connect(&db).await;
    apply(&mut conn).await.unwrap();
    // As the next release's migration leaves it: one that only expands.
    let next = SCHEMA_VERSION + 1;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES ($1, 'next', true, '', 0)",
    )
    .bind(next)
    .execute(&mut conn)
    .await
    .unwrap();
    sqlx::query("INSERT INTO schema_versions (version, compatible_from) VALUES ($1, 1)")
        .bind(next)
        .execute(&mut conn)
        .await
        .unwrap();
    assert_eq!(apply(&mut conn).await.unwrap(), Vec::new());
    sqlx::query("UPDATE schema_versions SET compatible_from = version WHERE version = $1")
        .bind(next)
        .execute(&mut conn)
        .await
        .unwrap();
    let refused = apply(&mut conn).await.unwrap_err().to_string();
    assert!(refused.contains(&next.to_string()), "{refused}");
    // The lock was given back.
    assert_eq!(pending(&mut conn).await.unwrap(), Vec::new());
    conn.close().await.unwrap();
}

#[tokio::test]
async fn every_constraint_is_named_by_us() {
    // Code tells errors apart by the constraint's name, so each name must stand where the constraint is made.
    let unnamed: Vec<String> = MIGRATOR
        .iter()
        .flat_map(|m| naming::unnamed(m.sql.as_str()).into_iter().map(move |what| format!("{:04}: {what}", m.version)))
        .collect();
    assert_eq!(unnamed, Vec::<String>::new());
    // And what the text does not show (LIKE … INCLUDING, EXECUTE) is found in what it made. Postgres names NOT NULL itself from
    // version 18 on, and what a partition inherits.
    let db = TestDb::new().await;
    let mut conn = connect(&db).await;
    let made: Vec<String> = sqlx::query_scalar(
        "SELECT conname::text FROM pg_constraint
          WHERE connamespace = 'backend'::regnamespace AND contype <> 'n' AND conparentid = 0
            AND conrelid <> 'backend._sqlx_migrations'::regclass
          ORDER BY 1",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    let named: HashSet<String> = MIGRATOR.iter().flat_map(|m| naming::named(m.sql.as_str())).collect();
    assert_eq!(made.into_iter().filter(|name| !named.contains(name)).collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test]
async fn every_table_and_every_column_has_a_comment() {
    let db = TestDb::new().await;
    let mut conn = connect(&db).await;
    let silent: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class
          WHERE relnamespace = 'backend'::regnamespace AND relkind IN ('r', 'p') AND relname <> '_sqlx_migrations'
            AND obj_description(oid, 'pg_class') IS NULL
         UNION ALL
         SELECT format('%s.%s', c.relname, a.attname)
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          WHERE c.relnamespace = 'backend'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> '_sqlx_migrations'
            AND col_description(c.oid, a.attnum) IS NULL
          ORDER BY 1",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert_eq!(silent, Vec::<String>::new());
}

#[tokio::test]
async fn many_migrate_processes_at_once_apply_once() {
    let db = TestDb::empty().await;
    let dsn = db.dsn();
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let dsn = dsn.clone();
            tokio::task::spawn_blocking(move || {
                Command::new(env!("CARGO_BIN_EXE_migrate")).env("BACKEND_POSTGRES_DSN", dsn).output().unwrap()
            })
        })
        .collect();
    for run in runs {
        let output = run.await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut conn = connect(&db).await;
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM backend.schema_versions").fetch_one(&mut conn).await.unwrap();
    assert_eq!(rows, SCHEMA_VERSION);
}

#[tokio::test]
async fn the_binary_goes_down_and_names_every_fault_of_its_settings() {
    let db = TestDb::empty().await;
    let migrate = |args: &[&str], dsn: &str| {
        Command::new(env!("CARGO_BIN_EXE_migrate")).args(args).env("BACKEND_POSTGRES_DSN", dsn).output().unwrap()
    };
    assert!(migrate(&[], &db.dsn()).status.success());
    let down = migrate(&["down", "--to", "0"], &db.dsn());
    assert!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
    let status = migrate(&["status"], &db.dsn());
    assert_eq!(
        String::from_utf8_lossy(&status.stdout).matches("pending").count(),
        usize::try_from(SCHEMA_VERSION).unwrap()
    );
    let faulty = migrate(&["--postgres-max-conns", "many"], "postgres://localhost/x");
    assert_eq!(faulty.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&faulty.stderr);
    assert!(stderr.contains("BACKEND_POSTGRES_MAX_CONNS") && stderr.contains("BACKEND_POSTGRES_DSN"), "{stderr}");
}
