//! The engine's statements over a queue's table, built once for each queue that runs.
//!
//! Dynamic, since the table is a parameter; safe, since every piece is a `&'static str` or a number of our own, taken from
//! the [`QueueSpec`] of a queue in this workspace. Whatever comes from outside is a bind parameter. States are literals,
//! so that the partial indexes match in generic plans too.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _, postgres::PgArguments, query::Query};
use uuid::Uuid;

use super::{Claim, QueueSpec};
use crate::postgres::Error;
use crate::postgres::statement;

/// Rows that one rescue takes; more are taken by the next, at once.
pub(super) const RESCUE_LIMIT: i64 = 256;

/// Where counting for metrics ends: a gauge at this value means "at least".
pub(super) const COUNT_LIMIT: i64 = 10_000;

/// Crashes while alone after which a row is quarantined (SPEC §10.3).
const STRIKES: i32 = 3;

/// A text that was put together here and nowhere else.
#[derive(Clone)]
pub(super) struct Text(Arc<str>);

impl Text {
    /// `name`: what the statement is called in traces.
    pub(super) fn new(name: &'static str, text: String) -> Self {
        statement::name(&text, name);
        Self(text.into())
    }

    pub(super) fn query(&self) -> Query<'static, Postgres, PgArguments> {
        // Safe: see the module's head.
        sqlx::query(AssertSqlSafe(Arc::clone(&self.0)))
    }
}

/// Asked for the filter's argument at each use: it may say what is possible just now.
pub(super) type Arg = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// A queue's statements.
pub(super) struct Statements {
    pub(super) spec: &'static QueueSpec,
    arg: Arg,
    claims: Vec<Text>,
    claim_suspects: Vec<Text>,
    next_due: Text,
    hold: Text,
    acquit: Text,
    pub(super) finish: Text,
    pub(super) probe: Text,
    pub(super) rescue: Text,
    pub(super) reclaim: Text,
    pub(super) depth: Text,
    pub(super) oldest: Text,
    pub(super) remove: Text,
}

/// A claimed row, and how long it had been due.
pub(super) struct Claimed {
    pub(super) claim: Claim,
    pub(super) lag: Duration,
}

impl Statements {
    pub(super) fn new(spec: &'static QueueSpec, arg: Arg) -> Self {
        let QueueSpec { table, key, active, dead, .. } = *spec;
        let (due, suspect) = (DUE, SUSPECT);
        let first = format!("ORDER BY q.next_attempt_at, q.{key} LIMIT 1");
        let since = format!("AND q.next_attempt_at > statement_timestamp() - make_interval(secs => $1) {first}");
        let claims = |name: &'static str, rows: &str| -> Vec<Text> {
            let of = |p: i16| Text::new(name, claim(spec, &format!("{rows} AND q.priority = {p}")));
            (0..spec.priorities.max(1)).map(of).collect()
        };
        Self {
            spec,
            arg,
            claims: claims("queue.claim", due),
            claim_suspects: claims("queue.claim_suspect", suspect),
            // From the time of the look before, $1 seconds ago, on: what came due since was not seen by it. What was due
            // before then was either claimed or is held back, and must not turn the wait into a spin.
            next_due: Text::new("queue.next_due", format!(
                "SELECT extract(epoch FROM min(at) - clock_timestamp())::float8 AS seconds
                 FROM ({} UNION ALL (SELECT next_attempt_at FROM {table} q WHERE {suspect} {since})) AS n (at)",
                each_priority(spec, |p| format!("SELECT next_attempt_at FROM {table} q WHERE {due} AND q.priority = {p} {since}")),
            )),
            hold: Text::new("queue.hold", format!("SELECT FROM {table} WHERE {key} = $1 AND token = $2 FOR NO KEY UPDATE")),
            finish: Text::new("queue.finish", finish(spec)),
            // Never to the last strike: that one is for a death alone.
            acquit: Text::new("queue.acquit", format!(
                "UPDATE {table} SET suspect = false, crashes = crashes + 1 WHERE {key} = $1 AND token = $2 AND suspect
                 AND crashes < {STRIKES} - 1"
            )),
            probe: Text::new("queue.probe", format!(
                "SELECT EXISTS (SELECT FROM {table} q WHERE {lost}) AS lost,
                        EXISTS (SELECT FROM {table} q WHERE {suspect} AND q.next_attempt_at <= statement_timestamp(){filter}) AS suspects",
                lost = lost(spec, "$1"),
                filter = filter(spec, "$2"),
            )),
            rescue: Text::new("queue.rescue", format!(
                "WITH c AS MATERIALIZED (
                   SELECT q.{key} AS id, NOT {ALIVE} AS crashed
                     FROM {table} q WHERE {lost} ORDER BY q.{key} LIMIT $3 FOR NO KEY UPDATE OF q SKIP LOCKED)
                 UPDATE {table} d SET
                   status = CASE WHEN c.crashed AND d.suspect AND d.crashes + 1 >= {STRIKES} THEN 'quarantined'
                                 WHEN NOT c.crashed AND d.failures + 1 >= $2 THEN '{dead}' ELSE 'retrying' END,
                   finished_at = CASE WHEN c.crashed AND d.suspect AND d.crashes + 1 >= {STRIKES}
                                        OR NOT c.crashed AND d.failures + 1 >= $2 THEN clock_timestamp() END,
                   crashes = d.crashes + (c.crashed AND d.suspect)::int,
                   failures = d.failures + (NOT c.crashed)::int,
                   suspect = d.suspect OR c.crashed,
                   next_attempt_at = clock_timestamp(), token = d.token + 1, worker_id = NULL, deadline_at = NULL,
                   last_error = CASE WHEN c.crashed THEN 'the worker died during attempt ' || d.attempt_no
                                     ELSE 'attempt ' || d.attempt_no || ' did not end by its deadline' END
                 FROM c WHERE d.{key} = c.id
                 RETURNING d.{key} AS id, d.attempt_no, c.crashed, d.status, d.last_error",
                lost = lost(spec, "$1"),
            )),
            // A claim that committed while its answer was lost on the way leaves rows that we own and know nothing of. By token: of
            // such a row we may still know an earlier attempt, whose finish was not heard of either.
            reclaim: Text::new("queue.reclaim", format!(
                "UPDATE {table} d SET status = CASE WHEN d.attempt_no > 1 THEN 'retrying' ELSE 'pending' END,
                   attempt_no = d.attempt_no - 1, token = d.token + 1, worker_id = NULL, deadline_at = NULL
                 WHERE d.status = '{active}' AND d.worker_id = $1
                   AND NOT EXISTS (SELECT FROM unnest($2::uuid[], $3::bigint[]) AS h (id, token)
                                    WHERE h.id = d.{key} AND h.token = d.token)"
            )),
            depth: Text::new("queue.depth", depth(spec)),
            oldest: Text::new("queue.oldest", oldest(spec)),
            remove: Text::new("queue.remove", format!(
                "WITH c AS MATERIALIZED (
                   SELECT q.{key} AS id FROM {table} q
                    WHERE q.finished_at < statement_timestamp() - make_interval(secs => $1){removable}
                    ORDER BY q.finished_at LIMIT $2 FOR UPDATE OF q SKIP LOCKED)
                 DELETE FROM {table} d USING c WHERE d.{key} = c.id",
                removable = predicate(spec.removable),
            )),
        }
    }

    pub(super) fn priorities(&self) -> usize {
        self.claims.len()
    }

    /// Claims up to `limit` due rows of a priority; `from` is the watermark.
    pub(super) async fn claim(
        &self,
        conn: &mut PgConnection,
        priority: usize,
        worker: Uuid,
        from: Option<DateTime<Utc>>,
        limit: usize,
        deadline: Duration,
    ) -> Result<Vec<Claimed>, Error> {
        let Some(text) = self.claims.get(priority) else { return Ok(Vec::new()) };
        self.fetch_claims(text, conn, worker, from, limit, deadline).await
    }

    /// Claims one due suspect, of the highest priority that has one: of a broadcast there may be thousands.
    pub(super) async fn claim_suspect(
        &self,
        conn: &mut PgConnection,
        worker: Uuid,
        deadline: Duration,
    ) -> Result<Option<Claimed>, Error> {
        for text in &self.claim_suspects {
            if let Some(claimed) = self.fetch_claims(text, conn, worker, None, 1, deadline).await?.pop() {
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    async fn fetch_claims(
        &self,
        text: &Text,
        conn: &mut PgConnection,
        worker: Uuid,
        from: Option<DateTime<Utc>>,
        limit: usize,
        deadline: Duration,
    ) -> Result<Vec<Claimed>, Error> {
        // Without a watermark the bound is the beginning of time: one statement, one plan.
        let from = from.unwrap_or(DateTime::UNIX_EPOCH);
        let rows = text
            .query()
            .bind(worker)
            .bind(from)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(deadline.as_secs_f64())
            .bind(self.arg())
            .fetch_all(conn)
            .await?;
        let mut claims = rows
            .iter()
            .map(|row| {
                Ok(Claimed {
                    claim: Claim {
                        id: row.try_get("id")?,
                        token: row.try_get("token")?,
                        attempt_no: row.try_get("attempt_no")?,
                        failures: row.try_get("failures")?,
                        alone: row.try_get("suspect")?,
                        priority: row.try_get("priority")?,
                        due_at: row.try_get("next_attempt_at")?,
                        created_at: row.try_get("created_at")?,
                        request_id: row.try_get("request_id")?,
                        traceparent: row.try_get("traceparent")?,
                    },
                    lag: Duration::try_from_secs_f64(row.try_get("lag")?).unwrap_or_default(),
                })
            })
            .collect::<Result<Vec<_>, Error>>()?;
        // RETURNING gives no order.
        claims.sort_by_key(|c| (c.claim.due_at, c.claim.id));
        Ok(claims)
    }

    /// How long until the next row comes due, zero for one that did within the last `since`; `None`: none is waiting.
    pub(super) async fn next_due(&self, conn: &mut PgConnection, since: Duration) -> Result<Option<Duration>, Error> {
        let asked = self.next_due.query().bind(since.as_secs_f64());
        let seconds: Option<f64> = asked.fetch_one(conn).await?.try_get("seconds")?;
        Ok(seconds.map(|s| Duration::try_from_secs_f64(s).unwrap_or_default()))
    }

    /// Locks a row if its token still is `token`.
    pub(super) async fn hold(&self, conn: &mut PgConnection, id: Uuid, token: i64) -> Result<bool, Error> {
        Ok(self.hold.query().bind(id).bind(token).fetch_optional(conn).await?.is_some())
    }

    /// Ends a row's being alone in mid-work; `false` where it died too often for that, or is not ours any more.
    pub(super) async fn acquit(&self, conn: &mut PgConnection, id: Uuid, token: i64) -> Result<bool, Error> {
        Ok(self.acquit.query().bind(id).bind(token).execute(conn).await?.rows_affected() == 1)
    }

    /// The filter's argument as it is now.
    pub(super) fn arg(&self) -> Option<String> {
        (self.arg)()
    }
}

/// Rows that wait to be worked beside others.
const DUE: &str = "q.status IN ('pending', 'retrying') AND NOT q.suspect";

/// Rows that wait to be worked alone.
const SUSPECT: &str = "q.status IN ('pending', 'retrying') AND q.suspect";

/// One subselect for each priority.
fn each_priority(spec: &QueueSpec, select: impl Fn(i16) -> String) -> String {
    (0..spec.priorities.max(1)).map(select).map(|s| format!("({s})")).collect::<Vec<_>>().join(" UNION ALL ")
}

/// Rows by status, each counted up to [`COUNT_LIMIT`]; those that are over are not counted.
fn depth(spec: &QueueSpec) -> String {
    let QueueSpec { table, key, active, .. } = *spec;
    // In the indexes' order: without one the planner may take the first rows that it meets in the table itself, and what is due
    // usually lies at its end.
    format!(
        "SELECT status, count(*) AS rows FROM (
           (SELECT status FROM {table} q WHERE {DUE} ORDER BY q.priority, q.next_attempt_at, q.{key} LIMIT {COUNT_LIMIT})
           UNION ALL (SELECT status FROM {table} q WHERE {SUSPECT} ORDER BY q.next_attempt_at, q.{key} LIMIT {COUNT_LIMIT})
           UNION ALL (SELECT status FROM {table} q WHERE q.status = '{active}' ORDER BY q.worker_id LIMIT {COUNT_LIMIT})) AS n
         GROUP BY status"
    )
}

/// For how long the row has been due that has been due longest; and the switch.
fn oldest(spec: &QueueSpec) -> String {
    let QueueSpec { name, table, key, .. } = *spec;
    let first = format!("ORDER BY q.next_attempt_at, q.{key} LIMIT 1");
    format!(
        "SELECT greatest(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 AS seconds,
                (SELECT paused FROM queues WHERE name = '{name}') AS paused
         FROM ({} UNION ALL (SELECT next_attempt_at FROM {table} q WHERE {SUSPECT} {first})) AS n (at)",
        each_priority(spec, |p| format!(
            "SELECT next_attempt_at FROM {table} q WHERE {DUE} AND q.priority = {p} {first}"
        )),
    )
}

/// The age, in transactions, of the oldest snapshot that keeps dead rows of this database from being removed: of a session, a
/// standby, a replication slot or a prepared transaction. A running VACUUM holds nobody else's up, and is left out. Everybody may
/// see these ages, whoever the sessions belong to.
pub(super) fn held() -> Text {
    let text = "SELECT coalesce(greatest(
       (SELECT max(greatest(age(backend_xmin), age(backend_xid))) FROM pg_stat_activity
         WHERE (datname = current_database() OR datid IS NULL) AND pid <> pg_backend_pid()
           AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum)),
       (SELECT max(age(xmin)) FROM pg_replication_slots),
       (SELECT max(age(transaction)) FROM pg_prepared_xacts WHERE database = current_database())), 0)::int8 AS transactions";
    Text::new("queue.held", text.to_owned())
}

/// Several queues at once, in their order, dead letters counted too.
pub(super) fn overview(specs: &[&'static QueueSpec]) -> Text {
    let each = specs.iter().enumerate().map(|(at, spec)| {
        let QueueSpec { table, dead, .. } = **spec;
        format!(
            "SELECT {at} AS at, o.seconds, o.paused,
                    (SELECT coalesce(jsonb_object_agg(s.status, s.rows), '{{}}') FROM (
                       {depth} UNION ALL
                       SELECT status, count(*)
                           FROM (SELECT status FROM {table} q WHERE q.status IN ('{dead}', 'quarantined') LIMIT {COUNT_LIMIT}) AS n
                       GROUP BY status) AS s) AS depth
               FROM ({oldest}) AS o",
            depth = depth(spec),
            oldest = oldest(spec),
        )
    });
    Text::new("queue.overview", format!("{} ORDER BY at", each.collect::<Vec<_>>().join(" UNION ALL ")))
}

/// ` AND (predicate)`, or nothing.
fn predicate(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" AND ({text})") }
}

fn filter(spec: &QueueSpec, arg: &str) -> String {
    predicate(&spec.filter.replace("{arg}", &format!("{arg}::text")))
}

/// Parameters: worker, watermark, limit, seconds to the deadline, the filter's argument.
fn claim(spec: &QueueSpec, rows: &str) -> String {
    let QueueSpec { name, table, key, active, .. } = *spec;
    let filter = filter(spec, "$5");
    // statement_timestamp() and not clock_timestamp(), which is volatile and cannot bound an index scan. MATERIALIZED, so
    // that the planner cannot run the locking part once more for each row.
    format!(
        "WITH c AS MATERIALIZED (
           SELECT q.{key} AS id FROM {table} q
            WHERE {rows} AND q.next_attempt_at <= statement_timestamp() AND q.next_attempt_at >= $2
              AND EXISTS (SELECT FROM workers WHERE worker_id = $1 AND expires_at > clock_timestamp())
              AND NOT EXISTS (SELECT FROM queues WHERE name = '{name}' AND paused){filter}
            ORDER BY q.next_attempt_at, q.{key} LIMIT $3
            FOR NO KEY UPDATE OF q SKIP LOCKED)
         UPDATE {table} d
            SET status = '{active}', token = d.token + 1, attempt_no = d.attempt_no + 1, worker_id = $1,
                deadline_at = clock_timestamp() + make_interval(secs => $4)
           FROM c WHERE d.{key} = c.id
         RETURNING d.{key} AS id, d.token, d.attempt_no, d.failures, d.suspect, d.priority, d.next_attempt_at, d.created_at,
                   d.request_id, d.traceparent,
                   extract(epoch FROM clock_timestamp() - d.next_attempt_at)::float8 AS lag"
    )
}

/// A row that its worker will not finish. Under a living worker its deadline decides. `judge` is the id of a worker that may
/// call others dead, which is asked for again here: it may have lost its own lease on the way. Without such a one, after
/// an outage, the passed deadlines of the others mean nothing either: what they did is still on its way into the table.
fn lost(spec: &QueueSpec, judge: &str) -> String {
    format!(
        "q.status = '{}' AND CASE WHEN {ALIVE} THEN q.deadline_at <= clock_timestamp()
         ELSE EXISTS (SELECT FROM workers WHERE worker_id = {judge} AND expires_at > clock_timestamp()) END",
        spec.active
    )
}

/// By the statement's time and not the clock's: the snapshot is no older than that, so that whoever renewed in time is seen
/// alive, however slowly the statement runs.
const ALIVE: &str =
    "EXISTS (SELECT FROM workers w WHERE w.worker_id = q.worker_id AND w.expires_at > statement_timestamp())";

/// The kinds of finish, as the statement knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Done = 0,
    Retry = 1,
    Dead = 2,
    Again = 3,
    Release = 4,
    Interrupt = 5,
}

impl Kind {
    /// The word in metrics.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry => "retry",
            Self::Dead => "dead",
            Self::Again => "again",
            Self::Release => "released",
            Self::Interrupt => "interrupted",
        }
    }
}

/// One statement for every outcome. By key and token alone: with a predicate on the state the planner may take another
/// index. The token rises here too, so that a finish whose commit was not heard of cannot be applied twice.
/// Parameters: arrays of id, token, kind, status, seconds until due, due time, failures to add, error, suspicion.
fn finish(spec: &QueueSpec) -> String {
    let QueueSpec { table, key, .. } = *spec;
    let (done, dead, again) = (Kind::Done as i16, Kind::Dead as i16, Kind::Again as i16);
    let (release, interrupt) = (Kind::Release as i16, Kind::Interrupt as i16);
    format!(
        "UPDATE {table} d SET
           status = CASE WHEN a.kind <> {release} THEN a.status WHEN d.attempt_no > 1 THEN 'retrying' ELSE 'pending' END,
           next_attempt_at = CASE WHEN a.delay IS NULL THEN coalesce(a.at, d.next_attempt_at)
                                  ELSE clock_timestamp() + make_interval(secs => a.delay) END,
           token = d.token + 1,
           attempt_no = d.attempt_no - (a.kind = {release})::int,
           failures = CASE WHEN a.kind = {again} THEN 0 ELSE d.failures + a.failed END,
           -- Whoever lived through an attempt by itself is no suspect; whoever ended one well starts with a clean slate.
           suspect = a.suspect OR d.suspect AND a.kind IN ({release}, {interrupt}),
           crashes = CASE WHEN a.kind IN ({done}, {again}) THEN 0 ELSE d.crashes END,
           worker_id = NULL, deadline_at = NULL,
           last_error = coalesce(a.error, d.last_error),
           finished_at = CASE WHEN a.kind IN ({done}, {dead}) THEN clock_timestamp() END
         FROM unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[], $5::float8[], $6::timestamptz[], $7::int[], $8::text[],
                     $9::boolean[]) AS a (id, token, kind, status, delay, at, failed, error, suspect)
         WHERE d.{key} = a.id AND d.token = a.token
         RETURNING d.{key} AS id, CASE WHEN d.status IN ('pending', 'retrying')
                   THEN extract(epoch FROM d.next_attempt_at - clock_timestamp())::float8 END AS due_in"
    )
}

/// The two statements that a row costs while there is a backlog, for the bench that measures them without the engine.
#[derive(Debug, Clone)]
pub struct Texts {
    /// Claims rows of priority 0. Parameters: worker, watermark, limit, seconds to the deadline, the filter's argument.
    pub claim: String,
    /// Finishes rows. Parameters: arrays of id, token, kind, status, seconds until due, due time, failures to add, error, suspicion.
    pub finish: String,
}

/// The [`Texts`] of a queue. Executes nothing.
#[must_use]
pub fn texts(spec: &QueueSpec) -> Texts {
    Texts { claim: claim(spec, &format!("{DUE} AND q.priority = 0")), finish: finish(spec) }
}

/// The plan of a queue's claim of priority 0, for tests that fail on a sequential scan. Executes nothing.
pub async fn explain_claim(conn: &mut PgConnection, spec: &'static QueueSpec, generic: bool) -> Result<String, Error> {
    let mode = if generic { "force_generic_plan" } else { "force_custom_plan" };
    let text = Text::new(
        "queue.explain_claim",
        format!(
            "PREPARE explained (uuid, timestamptz, bigint, float8, text) AS {}",
            claim(spec, &format!("q.status IN ('pending', 'retrying') AND NOT q.suspect AND q.priority = {}", 0))
        ),
    );
    let set = Text::new("queue.explain_claim", format!("SET plan_cache_mode = {mode}"));
    set.query().execute(&mut *conn).await?;
    text.query().execute(&mut *conn).await?;
    let plan = sqlx::query("EXPLAIN EXECUTE explained (gen_random_uuid(), now() - interval '1 hour', 64, 60, NULL)")
        .fetch_all(&mut *conn)
        .await;
    sqlx::query("DEALLOCATE explained").execute(&mut *conn).await?;
    sqlx::query("RESET plan_cache_mode").execute(&mut *conn).await?;
    let lines = plan?.iter().map(|row| row.try_get::<String, _>(0)).collect::<Result<Vec<_>, _>>()?;
    Ok(lines.join("\n"))
}
