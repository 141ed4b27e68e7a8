//! What the rows say once nothing is under way any more. Read with the superuser's eyes, changed by nobody here.

use anyhow::{Context, Result};
use shared::db::queues;
use shared::queue::QueueSpec;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use testkit::stack::Summary;
use uuid::Uuid;

use crate::gateway::Cursor;

/// A connection of our own to the stack's database.
///
/// # Errors
/// When there is none to be had.
pub(super) async fn connect(summary: &Summary) -> Result<PgConnection> {
    // What is behind the question mark is for the processes.
    let dsn = summary.postgres_dsn.split('?').next().unwrap_or_default();
    let mut conn = PgConnection::connect(dsn).await.context("connect to the stack's Postgres")?;
    sqlx::raw_sql("SET search_path = backend").execute(&mut conn).await?;
    Ok(conn)
}

/// Ends every connection but this one, in mid-statement.
pub(super) async fn end_the_others(conn: &mut PgConnection) -> Result<()> {
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    )
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// All that is held against each other and against what came, as of one moment.
#[derive(Debug)]
pub(super) struct Look {
    /// Rows that were given up, in words.
    pub(super) given_up: Vec<String>,
    pub(super) outbox: Vec<Delivery>,
    /// The newest entry of the push log.
    pub(super) head: Cursor,
    /// The ids of the events that the platform says to have published.
    pub(super) published: Vec<Uuid>,
    pub(super) revoked: Revoked,
    /// The games that have begun.
    pub(super) games: Vec<Game>,
}

/// What the rows say; or, in words, a few that are still under way. One snapshot for all of it: what goes from one table to another
/// between two statements would be seen in neither, or in both.
pub(super) async fn look(conn: &mut PgConnection) -> Result<Result<Look, Vec<String>>> {
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut *conn).await?;
    let busy = under_way(conn).await?;
    let seen = if busy.is_empty() {
        Ok(Look {
            given_up: given_up(conn).await?,
            outbox: deliveries(conn).await?,
            head: head(conn).await?,
            published: published(conn).await?,
            revoked: revoked(conn).await?,
            games: games(conn).await?,
        })
    } else {
        Err(busy)
    };
    sqlx::raw_sql("COMMIT").execute(&mut *conn).await?;
    Ok(seen)
}

/// Rows that are due now or later, or that somebody has: a few of each queue, in words; and what was published and is in no tick yet.
/// None once everything has come to its end.
async fn under_way(conn: &mut PgConnection) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for spec in queues::ALL {
        found.extend(rows(conn, spec, &format!("q.status IN ('pending', 'retrying', '{}')", spec.active)).await?);
    }
    let unseen: Vec<String> = sqlx::query_scalar(
        "SELECT 'the push entry ' || ev_id::text || ' is in no tick' FROM push_events
         WHERE NOT pg_visible_in_snapshot(xid, (SELECT snap FROM push_ticks ORDER BY epoch DESC, tick_id DESC LIMIT 1)) LIMIT 5",
    )
    .fetch_all(&mut *conn)
    .await?;
    found.extend(unseen);
    Ok(found)
}

/// Rows that were given up.
async fn given_up(conn: &mut PgConnection) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for spec in queues::ALL {
        found.extend(rows(conn, spec, &format!("q.status IN ('{}', 'quarantined')", spec.dead)).await?);
    }
    Ok(found)
}

async fn rows(conn: &mut PgConnection, spec: &QueueSpec, which: &str) -> Result<Vec<String>> {
    let (table, key) = (spec.table, spec.key);
    let asked = format!(
        "SELECT '{table} ' || q.{key}::text || ' is ' || q.status || ', due ' || q.next_attempt_at::text
              || ', attempt ' || q.attempt_no::text
              || CASE WHEN q.worker_id IS NULL THEN ''
                      WHEN w.expires_at > clock_timestamp() THEN ', a worker that lives has it'
                      ELSE ', a worker whose lease is over has it' END
              || coalesce(', last error: ' || q.last_error, '')
         FROM {table} q LEFT JOIN workers w ON w.worker_id = q.worker_id
         WHERE {which} ORDER BY q.next_attempt_at LIMIT 5"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(asked)).fetch_all(&mut *conn).await?)
}

/// One row of the outbox.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    /// What its `Message-ID` is made of.
    pub(super) id: Uuid,
    pub(super) template: String,
    pub(super) status: String,
    /// Attempts of which nobody knows how they ended.
    pub(super) unknown: i64,
}

/// The outbox.
async fn deliveries(conn: &mut PgConnection) -> Result<Vec<Delivery>> {
    let rows: Vec<(Uuid, String, String, i64)> = sqlx::query_as(
        "SELECT d.delivery_id, d.template_id, d.status, count(a.outcome) FROM mail_deliveries d
         LEFT JOIN mail_attempts a ON a.delivery_id = d.delivery_id AND a.outcome = 'unknown'
         GROUP BY d.delivery_id",
    )
    .fetch_all(&mut *conn)
    .await?;
    Ok(rows.into_iter().map(|(id, template, status, unknown)| Delivery { id, template, status, unknown }).collect())
}

/// The cursor of the newest entry of the push log, as subscribers are told it.
async fn head(conn: &mut PgConnection) -> Result<Cursor> {
    let (epoch, sequence): (i32, i64) =
        sqlx::query_as("SELECT epoch, base_seq + n - 1 FROM push_ticks ORDER BY epoch DESC, tick_id DESC LIMIT 1")
            .fetch_one(&mut *conn)
            .await?;
    format!("{epoch:05}{sequence:015}").parse::<Cursor>().map_err(anyhow::Error::msg)
}

/// The ids of the events that the platform says to have published: what the log keeps still, and every push that was delivered.
async fn published(conn: &mut PgConnection) -> Result<Vec<Uuid>> {
    let ids = sqlx::query_scalar(
        "SELECT event_id FROM push_event_ids
         UNION SELECT route_id FROM notification_routes WHERE channel = 'push' AND status = 'delivered'",
    )
    .fetch_all(&mut *conn)
    .await?;
    Ok(ids)
}

/// Whose sessions ended, and which: what the push log keeps of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Revoked {
    pub(super) entries: Vec<(Uuid, Vec<Uuid>)>,
    /// Whether nothing was cleared away yet: then there were no others.
    pub(super) all: bool,
}

async fn revoked(conn: &mut PgConnection) -> Result<Revoked> {
    let entries = sqlx::query_as(
        "SELECT user_id::uuid, device_sessions::uuid[] FROM push_events WHERE what = 'invalidation' ORDER BY ev_id",
    )
    .fetch_all(&mut *conn)
    .await?;
    // The first tick goes before any entry does.
    let first = "SELECT EXISTS (SELECT FROM push_ticks WHERE tick_id = 0)";
    let all = sqlx::query_scalar(first).fetch_one(&mut *conn).await?;
    Ok(Revoked { entries, all })
}

/// A game that has begun.
#[derive(Debug, Clone)]
pub(super) struct Game {
    pub(super) id: Uuid,
    /// The turn at which it stands.
    pub(super) turn: i32,
    /// The turns of which the log of operations says that they were generated, as often as it says so.
    pub(super) settled: Vec<i32>,
}

/// The games that have begun.
async fn games(conn: &mut PgConnection) -> Result<Vec<Game>> {
    let rows: Vec<(Uuid, i32, Vec<i32>)> = sqlx::query_as(
        "SELECT g.game_id, g.current_turn,
                ARRAY(SELECT split_part(o.detail, ' ', 2)::integer FROM runtime_operations o
                       WHERE o.game_id = g.game_id AND o.op = 'turn' AND o.outcome = 'ok' ORDER BY 1)
         FROM games g WHERE g.started_at IS NOT NULL",
    )
    .fetch_all(&mut *conn)
    .await?;
    Ok(rows.into_iter().map(|(id, turn, settled)| Game { id, turn, settled }).collect())
}
