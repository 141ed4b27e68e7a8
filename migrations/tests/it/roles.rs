//! What each role may do, held against the tables that the grants are made from: nothing less, and nothing more.

use std::collections::BTreeSet;
use std::process::Command;

use galaxy_migrations::roles::{Columns, Grant, Prefix, ROLES, Role, grant};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use testkit::{PostgresConfig, PostgresServer, TestDb};

/// Roles belong to a cluster, and so do these tests have one of their own.
async fn cluster() -> (PostgresServer, TestDb, PgConnection) {
    let server =
        tokio::task::spawn_blocking(|| PostgresServer::start(PostgresConfig::default())).await.unwrap().unwrap();
    let db = TestDb::on(&server).await;
    let conn = db.connect().await;
    (server, db, conn)
}

fn prefix() -> Prefix {
    "galaxy".parse().unwrap()
}

async fn run(conn: &mut PgConnection, sql: impl Into<String>) -> Result<u64, sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(conn).await.map(|done| done.rows_affected())
}

async fn texts(conn: &mut PgConnection, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(conn).await.unwrap()
}

fn code(error: &sqlx::Error) -> String {
    error.as_database_error().and_then(|e| e.code()).map(|code| code.into_owned()).unwrap_or_default()
}

fn granted<'a>(role: &'a Role, table: &str) -> Option<&'a Grant> {
    role.grants.iter().find(|grant| grant.table == table)
}

/// What differs between the database and the tables of grants.
async fn differences(conn: &mut PgConnection) -> Vec<String> {
    let mut found = Vec::new();
    let tables = texts(
        conn,
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'backend'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')",
    )
    .await;
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
          WHERE c.relnamespace = 'backend'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0
            AND NOT a.attisdropped",
    )
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    for role in &ROLES {
        let name = role.name(&prefix());
        for grant in role.grants {
            assert!(tables.iter().any(|t| t == grant.table), "{name}: there is no table {}", grant.table);
            for named in [grant.select, grant.update] {
                let Columns::Some(names) = named else { continue };
                for column in names.split_whitespace() {
                    let there = columns.iter().any(|(t, c)| t == grant.table && c == column);
                    assert!(there, "{name}: there is no column {}.{column}", grant.table);
                }
            }
        }
        for table in &tables {
            for verb in ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"] {
                let expected = granted(role, table).is_some_and(|grant| match verb {
                    "SELECT" => grant.select == Columns::All,
                    "INSERT" => grant.insert,
                    "UPDATE" => grant.update == Columns::All,
                    "DELETE" => grant.delete,
                    "TRUNCATE" => grant.truncate,
                    _ => false,
                });
                let may: bool = sqlx::query_scalar("SELECT has_table_privilege($1::name, 'backend.' || $2, $3)")
                    .bind(&name)
                    .bind(table)
                    .bind(verb)
                    .fetch_one(&mut *conn)
                    .await
                    .unwrap();
                if may != expected {
                    found.push(format!("{name} {verb} {table}: {may}, not {expected}"));
                }
            }
        }
        let seen = sqlx::query(
            "SELECT t, c, has_column_privilege($1::name, 'backend.' || t, c, 'SELECT') AS reads,
                    has_column_privilege($1::name, 'backend.' || t, c, 'INSERT') AS adds,
                    has_column_privilege($1::name, 'backend.' || t, c, 'UPDATE') AS changes
               FROM unnest($2::text[], $3::text[]) AS n (t, c)",
        )
        .bind(&name)
        .bind(columns.iter().map(|(t, _)| t.clone()).collect::<Vec<_>>())
        .bind(columns.iter().map(|(_, c)| c.clone()).collect::<Vec<_>>())
        .fetch_all(&mut *conn)
        .await
        .unwrap();
        for row in seen {
            let (table, column): (String, String) = (row.get("t"), row.get("c"));
            let grant = granted(role, &table);
            let expected = [
                grant.is_some_and(|g| g.select.has(&column)),
                grant.is_some_and(|g| g.insert),
                grant.is_some_and(|g| g.update.has(&column)),
            ];
            let may: [bool; 3] = [row.get("reads"), row.get("adds"), row.get("changes")];
            if may != expected {
                found.push(format!("{name} reads, adds, changes {table}.{column}: {may:?}, not {expected:?}"));
            }
        }
        let sequences = texts(
            conn,
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'backend'::regnamespace AND relkind = 'S'",
        );
        for sequence in sequences.await {
            let asked = "SELECT has_sequence_privilege($1::name, 'backend.' || $2, 'USAGE'),
                                has_sequence_privilege($1::name, 'backend.' || $2, 'SELECT, UPDATE')";
            let may: (bool, bool) =
                sqlx::query_as(asked).bind(&name).bind(&sequence).fetch_one(&mut *conn).await.unwrap();
            let expected = (role.sequences.contains(&sequence.as_str()), false);
            if may != expected {
                found.push(format!("{name} draws from, sets {sequence}: {may:?}, not {expected:?}"));
            }
        }
        // Ours, and not those of the extension, which anybody may call.
        let functions = texts(
            conn,
            "SELECT format('%s(%s)', proname, oidvectortypes(proargtypes)) FROM pg_proc
              WHERE pronamespace = 'backend'::regnamespace AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql')",
        );
        for function in functions.await {
            let asked = "SELECT has_function_privilege($1::name, 'backend.' || $2, 'EXECUTE')";
            let may: bool = sqlx::query_scalar(asked).bind(&name).bind(&function).fetch_one(&mut *conn).await.unwrap();
            let expected = role.functions.contains(&function.as_str());
            if may != expected {
                found.push(format!("{name} calls {function}: {may}, not {expected}"));
            }
        }
        let (creates, logs_in): (bool, bool) = sqlx::query_as(
            "SELECT has_schema_privilege($1::name, 'backend', 'CREATE'), rolcanlogin FROM pg_roles WHERE rolname = $1::name",
        )
        .bind(&name)
        .fetch_one(&mut *conn)
        .await
        .unwrap();
        if creates || logs_in {
            found.push(format!("{name} creates in the schema: {creates}, logs in: {logs_in}"));
        }
    }
    found
}

#[tokio::test]
async fn every_right_of_every_role_stands_in_the_table_and_every_one_that_stands_there_is_given() {
    let (_server, db, mut conn) = cluster().await;
    grant(&mut conn, &prefix(), false).await.unwrap();
    assert_eq!(differences(&mut conn).await, Vec::<String>::new());
    // Nobody else has any: not PUBLIC, either.
    let others: BTreeSet<String> = texts(
        &mut conn,
        "SELECT DISTINCT coalesce(r.rolname, 'PUBLIC')::text FROM pg_class c CROSS JOIN aclexplode(c.relacl) a
           LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE c.relnamespace = 'backend'::regnamespace AND a.grantee <> c.relowner",
    )
    .await
    .into_iter()
    .collect();
    assert_eq!(others, ROLES.iter().map(|role| role.name(&prefix())).collect());
    db.close().await;
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_takes_away_what_is_no_longer_needed_unless_told_to_keep_it() {
    let (_server, db, mut conn) = cluster().await;
    let migrate = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
        command.arg("roles").args(arguments).env("BACKEND_POSTGRES_DSN", db.dsn());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let acls = "SELECT format('%s %s', relname, relacl) FROM pg_class WHERE relnamespace = 'backend'::regnamespace
                UNION ALL SELECT format('%s %s %s', attrelid::regclass, attname, attacl) FROM pg_attribute WHERE attacl IS NOT NULL
                ORDER BY 1";
    let told = migrate(&[]);
    assert!(told.contains("galaxy_runtime  for runtime-controller"), "{told}");
    let before = texts(&mut conn, acls).await;
    migrate(&[]);
    assert_eq!(texts(&mut conn, acls).await, before);
    let too_much = "GRANT ALL ON audit_log, accounts TO galaxy_mail; GRANT SELECT (name) ON games TO galaxy_mail;
                    GRANT EXECUTE ON FUNCTION scrub_trail(uuid) TO galaxy_mail; GRANT CREATE ON SCHEMA backend TO galaxy_mail";
    run(&mut conn, too_much).await.unwrap();
    migrate(&["--keep"]);
    assert!(!differences(&mut conn).await.is_empty());
    migrate(&[]);
    assert_eq!(differences(&mut conn).await, Vec::<String>::new());
    // What is written for somebody else to run is the same.
    let printed = migrate(&["--print", "--prefix", "other"]);
    run(&mut conn, format!("BEGIN; {printed} COMMIT")).await.unwrap();
    let mail: bool = sqlx::query_scalar(
        "SELECT has_table_privilege('other_mail', 'mail_recipients', 'SELECT') OR
                                         has_column_privilege('other_mail', 'mail_recipients', 'address', 'SELECT')",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert!(mail);
    db.close().await;
}

#[tokio::test]
async fn the_trail_is_appended_and_read_by_the_api_and_changed_by_nobody() {
    let (_server, db, mut conn) = cluster().await;
    grant(&mut conn, &prefix(), false).await.unwrap();
    let user = "0192f0c1-2345-7000-8000-000000000001";
    let insert = format!(
        "INSERT INTO audit_log (audit_id, actor, action, target_type, target_id, detail, request_id, ip, reason)
         VALUES (gen_random_uuid(), 'root', 'sanction.set', 'user', '{user}',
                 '{{\"reason\": \"words\", \"kind\": \"login_block\"}}', 'r', '', 'words')"
    );
    for role in &ROLES {
        run(&mut conn, format!("SET ROLE {}", role.name(&prefix()))).await.unwrap();
        let api = role.suffix == "api";
        for (statement, allowed) in [
            (insert.as_str(), api),
            ("SELECT count(*) FROM audit_log", api),
            ("UPDATE audit_log SET actor = 'nobody'", false),
            ("UPDATE audit_log SET detail = '{}'", false),
            ("DELETE FROM audit_log", false),
            ("TRUNCATE audit_log", false),
            ("DROP TABLE audit_log", false),
            ("SELECT FROM audit_log FOR UPDATE", false),
        ] {
            match run(&mut conn, statement).await {
                Ok(_) => assert!(allowed, "{} may {statement}", role.suffix),
                Err(error) => {
                    assert_eq!(code(&error), "42501", "{} {statement}: {error}", role.suffix);
                    assert!(!allowed, "{} may not {statement}: {error}", role.suffix);
                }
            }
        }
        let scrubbed = run(&mut conn, format!("SELECT scrub_trail('{user}')")).await;
        assert_eq!(scrubbed.is_ok(), api, "{} scrubs: {scrubbed:?}", role.suffix);
        run(&mut conn, "RESET ROLE").await.unwrap();
    }
    let left: Vec<String> = texts(&mut conn, "SELECT detail::text || coalesce(reason, '') FROM audit_log").await;
    assert_eq!(left, [r#"{"kind": "login_block"}"#], "the free words are gone, the rest stays");
    conn.close().await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn what_mails_say_is_read_by_the_api_through_a_function_that_gives_no_codes() {
    let (_server, db, mut conn) = cluster().await;
    grant(&mut conn, &prefix(), false).await.unwrap();
    run(
        &mut conn,
        "INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key)
         SELECT ('00000000-0000-7000-8000-00000000000' || n)::uuid, 't', n::text FROM generate_series(1, 2) n;
         INSERT INTO mail_payloads (delivery_id, subject, body_text, body_html, sensitive)
         SELECT delivery_id, 's', 'words', '<p>words', idempotency_key = '2' FROM mail_deliveries",
    )
    .await
    .unwrap();
    let read = "SELECT body_text FROM mail_deliveries d, mail_content(d.delivery_id) ORDER BY d.delivery_id";
    for role in &ROLES {
        run(&mut conn, format!("SET ROLE {}", role.name(&prefix()))).await.unwrap();
        let api = role.suffix == "api";
        match sqlx::query_scalar::<_, String>(read).fetch_all(&mut conn).await {
            Ok(texts) => assert!(api && texts == ["words"], "{} reads {texts:?}", role.suffix),
            Err(error) => assert!(!api, "{}: {error}", role.suffix),
        }
        if api {
            assert!(run(&mut conn, "SELECT body_text FROM mail_payloads").await.is_err(), "not without the function");
        }
        run(&mut conn, "RESET ROLE").await.unwrap();
    }
    conn.close().await.unwrap();
    db.close().await;
}
