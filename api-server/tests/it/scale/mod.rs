//! The bar at scale (docs/scale.md): with 100 000 accounts, 10 000 games and 200 000 memberships every GET of the document
//! asks a fixed number of questions, and Postgres answers each from an index, looking at little more than it gives.
//!
//! The operations are walked, not listed: one that is new is called here too, or the test names the parameter for which
//! `testkit::seed` has no sample, or the table that the seed leaves empty.

mod consistency;
mod lookups;
mod plans;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use testkit::openapi::{ContractClient, ContractRequest, ContractResponse, Operation};
use testkit::seed::{Caller, Samples, Sizes, Variant, seed};
use testkit::{PostgresConfig, PostgresServer, TestDb};

use self::lookups::Lookup;
use self::plans::{Bound, EXPLAINED, Log, Statement};
use crate::harness::{Api, contract};

/// A table of fewer rows may be read from end to end: it is one page or three.
const SMALL: i64 = 500;

/// Tables that stay small, or that no request reads, however much the platform grows.
const NOT_SEEDED: &[&str] = &[
    "_sqlx_migrations",
    "admin_accounts",
    "admin_networks",
    "admin_recovery_codes",
    "admin_sessions",
    "admin_sign_in_tickets",
    "admin_tokens",
    "carried_sanctions",
    "engine_versions",
    "mail_alarms",
    "push_epochs",
    "push_event_ids",
    "push_events",
    "push_subscribers",
    "push_ticks",
    "queues",
    "runtime_questions",
    "schema_versions",
    "workers",
];

/// Pages that are followed from the newest on. What skips rows instead of bounding the index shows by then.
const DEEP: usize = 5;

/// Statements of one request at most, that of the guard among them.
const STATEMENTS: usize = 6;

/// The two ways in which Postgres may plan a prepared statement. Which it takes depends on what was asked before, so
/// either must do.
const MODES: [&str; 2] = ["force_custom_plan", "force_generic_plan"];

/// Where more is looked at than the page shows: with any filter, or with this one, of this operation, at most what this counts.
const GATHERED: &[(&str, &str, &str)] = &[
    // Rows that wait or died, of each queue, up to shared::queue's limit.
    ("admin_list_queues", "", "SELECT 10000::bigint"),
    // The same, and what stands still or is late, up to the same limit.
    ("admin_get_overview", "", "SELECT 10000::bigint"),
    // The minutes of the time that is asked for.
    ("admin_get_stats", "", "SELECT count(*) FROM stat_minutes"),
    // In the order of ids, whatever matches a prefix.
    ("admin_list_users", "name", "SELECT count(*) FROM accounts WHERE display_name LIKE 'Pilot 77%'"),
    // What one plays in is asked for its status game by game.
    (
        "list_lobby_games",
        "status",
        "SELECT count(*) FROM memberships m JOIN accounts a USING (user_id) WHERE a.user_name = 'pilot-0000001' AND m.status = 'active'",
    ),
    // The dead are walked, and the filters pass over some.
    (
        "admin_list_mail_dead_letters",
        "",
        "SELECT count(*) FROM mail_deliveries WHERE status IN ('dead_lettered', 'quarantined')",
    ),
    (
        "admin_list_notification_dead_letters",
        "",
        "SELECT count(*) FROM notification_routes WHERE status IN ('dead_lettered', 'quarantined')",
    ),
];

struct World {
    api: Api,
    admin: PgConnection,
    log: Log,
    big: BTreeSet<String>,
    faults: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_get_answers_from_indexes_with_a_fixed_number_of_statements() {
    let settings = [
        // Nothing here outlives the test, and nothing is to come between its statements.
        ("wal_level", "minimal"),
        ("max_wal_senders", "0"),
        ("max_wal_size", "4GB"),
        ("shared_buffers", "256MB"),
        ("autovacuum", "off"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let config = PostgresConfig { settings, ..PostgresConfig::default() };
    let server = tokio::task::spawn_blocking(|| PostgresServer::start(config)).await.unwrap().unwrap();
    let db = TestDb::on(&server).await;
    let mut admin = db.connect().await;
    let started = Instant::now();
    seed(&mut admin, Sizes::default(), |step, took| println!("   seed {step}: {:.1} s", took.as_secs_f64()))
        .await
        .unwrap();
    println!("   seeded in {:.1} s", started.elapsed().as_secs_f64());
    for mode in MODES {
        role(&mut admin, mode).await;
    }
    let [custom, generic] = MODES.map(|mode| db.dsn().replace("postgres@", &format!("{mode}@")));
    let first = Api::start_on(db, &[("BACKEND_POSTGRES_DSN", &custom)]).await;
    let second = first.replica_with(&[("BACKEND_POSTGRES_DSN", &generic)]).await;
    // So that no request of the walk finds it stale.
    sqlx::query("UPDATE admin_accounts SET last_used_at = now() + interval '1 day'").execute(&mut admin).await.unwrap();
    sqlx::query("INSERT INTO admin_networks (user_name, network) SELECT user_name, '127.0.0.1/32' FROM admin_accounts")
        .execute(&mut admin)
        .await
        .unwrap();
    let samples = Samples::read(&mut admin).await.unwrap();
    let big = big_tables(&mut admin).await;
    let mut world = World { api: first, admin, log: Log::new(server.log_file()), big, faults: String::new() };
    for (mode, api) in [(MODES[0], None), (MODES[1], Some(second))] {
        if let Some(api) = api {
            world.api = api;
        }
        println!("\n   {mode}: statements, milliseconds of a page of 1 and of 200");
        let contract = contract();
        // What a controller reads is its own, and none lives here. Of the caller's own sessions and tokens there are none.
        let left_out = ["admin_get_runtime_log", "admin_get_token", "admin_list_tokens", "admin_list_own_sessions"];
        // An export reads the pages of its list, by the list's own function.
        let left_out =
            |operation: &Operation| left_out.contains(&operation.id.as_str()) || operation.path.ends_with("/export");
        let asked = |operation: &&Operation| operation.method == "GET" && !left_out(operation);
        for operation in contract.operations().iter().filter(asked) {
            let variants = match samples.variants(&contract, operation) {
                Ok(variants) => variants,
                Err(unknown) => {
                    world.fault(&format!("{unknown:#}"));
                    continue;
                }
            };
            for variant in variants {
                world.walk(&samples, operation, &variant).await;
            }
        }
        for lookup in lookups::all(&mut world.admin, mode).await {
            world.write(&samples, lookup).await;
        }
    }
    assert!(world.faults.is_empty(), "{}", world.faults);
}

/// A role whose every statement is explained into the log, planned in one way.
async fn role(admin: &mut PgConnection, mode: &str) {
    let mut statement = format!("CREATE ROLE {mode} SUPERUSER LOGIN; ALTER ROLE {mode} SET plan_cache_mode = {mode};");
    for (name, value) in EXPLAINED {
        writeln!(statement, "ALTER ROLE {mode} SET {name} = '{value}';").unwrap();
    }
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(admin).await.unwrap();
}

/// Tables that are not to be read from end to end. A table that the seed leaves empty would hide a bad plan.
async fn big_tables(admin: &mut PgConnection) -> BTreeSet<String> {
    let tables: Vec<(String, f32)> = sqlx::query_as(
        "SELECT relname::text, reltuples FROM pg_class
          WHERE relnamespace = 'backend'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition",
    )
    .fetch_all(admin)
    .await
    .unwrap();
    let small = |rows: f32| rows < SMALL as f32;
    let empty: Vec<&String> = tables
        .iter()
        .filter(|(table, rows)| small(*rows) && !NOT_SEEDED.contains(&table.as_str()))
        .map(|(t, _)| t)
        .collect();
    assert!(empty.is_empty(), "testkit::seed leaves {empty:?} empty, or nearly so");
    tables.into_iter().filter(|(_, rows)| !small(*rows)).map(|(table, _)| table).collect()
}

impl World {
    fn client(&self, samples: &Samples, caller: Caller) -> ContractClient {
        match caller {
            Caller::Admin => self.api.admin(),
            Caller::Gateway => self.api.gateway(),
            Caller::User { heavy: true } => self.api.user(&samples.heavy_user),
            Caller::User { heavy: false } => self.api.user(&samples.ordinary_user),
        }
    }

    async fn walk(&mut self, samples: &Samples, operation: &Operation, variant: &Variant) {
        let client = self.client(samples, variant.caller);
        let filters: Vec<String> = variant.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let name = format!("{} {} {:?} {}", operation.name(), variant.path, variant.caller, filters.join("&"));
        if !variant.is_list {
            let (_, statements, took) = self.call(&client, variant, &[]).await;
            let gathered = self.gathered(operation, variant).await;
            self.judge(&name, &statements, Bound::of_page(gathered.unwrap_or(200)));
            println!("   {:2} {:7.1} {:7}  {}", statements.len(), took, "", operation.name());
            return;
        }
        let gathered = self.gathered(operation, variant).await;
        let size = |limit: u64| gathered.unwrap_or(limit);
        let (_, single, took_one) = self.call(&client, variant, &[("limit", "1")]).await;
        self.judge(&format!("{name} limit=1"), &single, Bound::of_page(size(1)));
        let mut cursor: Option<String> = None;
        let mut took_first = None;
        for page in 0..DEEP {
            let mut query = vec![("limit", "200")];
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let (answer, statements, took) = self.call(&client, variant, &query).await;
            self.judge(&format!("{name} limit=200, page {page}"), &statements, Bound::of_page(size(200)));
            if statements.len() != single.len() {
                let texts = |of: &[Statement]| of.iter().map(Statement::text).collect::<Vec<_>>().join("\n    ");
                self.fault(&format!(
                    "{name}: {} statements for a page of 1, {} for one of 200:\n    {}\n  instead of\n    {}",
                    single.len(),
                    statements.len(),
                    texts(&statements),
                    texts(&single),
                ));
            }
            took_first.get_or_insert(took);
            cursor = answer["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        let took_first = took_first.unwrap_or_default();
        println!("   {:2} {took_one:7.1} {took_first:7.1}  {} {}", single.len(), operation.name(), filters.join("&"));
    }

    /// How many rows this may look at, if not as many as it shows.
    async fn gathered(&mut self, operation: &Operation, variant: &Variant) -> Option<u64> {
        let filtered = |by: &str| variant.query.iter().any(|(name, _)| by.is_empty() || name == by);
        let whole = ["admin_list_queues", "admin_get_overview", "admin_get_stats"].contains(&operation.id.as_str());
        let (.., count) = GATHERED.iter().find(|(id, by, _)| *id == operation.id && (whole || filtered(by)))?;
        let rows: i64 = sqlx::query_scalar(*count).fetch_one(&mut self.admin).await.unwrap();
        Some(u64::try_from(rows).unwrap())
    }

    /// Calls, and answers with what Postgres did for it, and how many milliseconds it took.
    async fn call(
        &mut self,
        client: &ContractClient,
        variant: &Variant,
        page: &[(&str, &str)],
    ) -> (Value, Vec<Statement>, f64) {
        let mut request = client.get(&variant.path);
        for (name, value) in &variant.query {
            request = request.query(name, value);
        }
        for (name, value) in page {
            request = request.query(name, value);
        }
        let (answer, statements) = self.send(request).await;
        let answer = answer.expect(200);
        (answer.json(), statements, answer.took.as_secs_f64() * 1000.0)
    }

    /// What a write looks up before it writes is bounded too. How many statements it takes depends on what it is.
    async fn write(&mut self, samples: &Samples, lookup: Lookup) {
        let client = self.client(samples, lookup.caller);
        let request = client.request(lookup.method.clone(), &lookup.path);
        let request = if lookup.body.is_null() { request } else { request.json(&lookup.body) };
        let (answer, statements) = self.send(request).await;
        let name = format!("{} {} {:?} → {}", lookup.method, lookup.path, lookup.caller, answer.status);
        assert!(answer.status.as_u16() < 500, "{name}");
        for statement in &statements {
            let faults = statement.faults(&self.big, Bound::of_page(200));
            if !faults.is_empty() {
                self.fault(&format!("{name}: {}\n  {}", faults.join("; "), statement.shown()));
            }
        }
        println!("   {:2} {:7.1}          {name}", statements.len(), answer.took.as_secs_f64() * 1000.0);
    }

    async fn send(&mut self, request: ContractRequest) -> (ContractResponse, Vec<Statement>) {
        self.quiet().await;
        self.log.statements();
        let answer = request.send().await;
        self.quiet().await;
        (answer, self.log.statements())
    }

    /// Waits until no statement is under way: a backend is idle once it has written its plan.
    async fn quiet(&mut self) {
        let admin = &mut self.admin;
        let mut active = 1;
        for _ in 0..1000 {
            active = sqlx::query_scalar::<_, i64>(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'",
            )
            .fetch_one(&mut *admin)
            .await
            .unwrap();
            if active == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("{active} statements do not end");
    }

    fn judge(&mut self, name: &str, statements: &[Statement], bound: Bound) {
        if statements.len() > STATEMENTS {
            self.fault(&format!("{name}: {} statements", statements.len()));
        }
        for statement in statements {
            let faults = statement.faults(&self.big, bound);
            if !faults.is_empty() {
                self.fault(&format!("{name}: {}\n  {}", faults.join("; "), statement.shown()));
            }
        }
    }

    fn fault(&mut self, what: &str) {
        writeln!(self.faults, "\n{what}").unwrap();
    }
}
