//! What an operator looks at first (SPEC §5 admin): counts of what wants somebody, in one statement that is bounded and walks
//! indexes. The queues' own counts are [`queue::metrics::overview`](crate::queue::metrics::overview).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::postgres::Error;
use crate::queue::metrics::DEPTH_LIMIT;

/// What was seen at one moment. Nothing is counted beyond [`DEPTH_LIMIT`]: a count at that number says "at least".
#[derive(Debug, Clone)]
pub struct Overview {
    /// The moment, on the database's clock.
    pub as_of: DateTime<Utc>,
    /// Paused games by their pause reason; a reason without games is missing.
    pub paused_games: BTreeMap<String, i64>,
    /// Games whose start failed.
    pub start_failed_games: i64,
    /// Turns that were due more than a minute ago.
    pub late_turns: i64,
    /// How late the latest of them is, in seconds; `None`: none is.
    pub latest_turn_seconds: Option<f64>,
    /// Runtimes that are `engine_unreachable` or `generation_failed`; a status without runtimes is missing.
    pub unwell_runtimes: BTreeMap<String, i64>,
    /// Runtimes whose daemon no live controller serves.
    pub unserved_runtimes: i64,
    /// Push streams that their replicas told of lately.
    pub push_subscribers: i64,
    /// How many events the one of them lags that lags most; `None`: there is none.
    pub push_behind: Option<i64>,
    /// The kinds of worker, by name.
    pub processes: Vec<Process>,
}

/// One kind of process that works queues.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Process {
    /// The binary.
    pub process: String,
    /// Registrations whose lease lasts.
    pub alive: i64,
    /// Registrations whose lease is over and that nobody has swept yet.
    pub lost: i64,
    /// The versions of those alive, as far as they say.
    pub versions: Vec<String>,
}

/// Looks at everything at once.
pub async fn look(conn: &mut PgConnection) -> Result<Overview, Error> {
    // The age of a late turn is a literal, or a plan for any values would take a third of all turns for late and read them all.
    let row = sqlx::query!(
        r#"WITH late AS MATERIALIZED (
               SELECT scheduled_at FROM runtime_turns
                WHERE status IN ('pending', 'retrying', 'generating') AND scheduled_at < statement_timestamp() - interval '1 minute'
                ORDER BY scheduled_at LIMIT $1),
           stream AS MATERIALIZED (
               SELECT CASE WHEN s.epoch = h.epoch THEN greatest(h.head - s.seq, 0) END AS behind
                 FROM push_subscribers s
                 LEFT JOIN (SELECT epoch, base_seq + n - 1 AS head FROM push_ticks
                             ORDER BY epoch DESC, tick_id DESC LIMIT 1) h ON true
                WHERE s.seen_at > statement_timestamp() - interval '30 seconds')
           SELECT statement_timestamp() AS "as_of!",
                  (SELECT count(*) FROM stream) AS "push_subscribers!", (SELECT max(behind) FROM stream) AS push_behind,
                  (SELECT coalesce(jsonb_object_agg(r.reason, r.games), '{}')
                     FROM (SELECT p.pause_reason AS reason, count(*) AS games
                             FROM (SELECT pause_reason FROM games WHERE status = 'paused' AND pause_reason IS NOT NULL LIMIT $1) p
                            GROUP BY p.pause_reason) r) AS "paused!: Json<BTreeMap<String, i64>>",
                  (SELECT count(*) FROM (SELECT FROM games WHERE status = 'start_failed' LIMIT $1) f) AS "start_failed!",
                  (SELECT count(*) FROM late) AS "late!",
                  (SELECT extract(epoch FROM statement_timestamp() - min(scheduled_at))::float8 FROM late) AS latest,
                  (SELECT coalesce(jsonb_object_agg(s.status, s.runtimes), '{}')
                     FROM (SELECT u.status, count(*) AS runtimes
                             FROM (SELECT status FROM runtime_records
                                    WHERE status IN ('engine_unreachable', 'generation_failed') LIMIT $1) u
                            GROUP BY u.status) s) AS "unwell!: Json<BTreeMap<String, i64>>",
                  (SELECT count(*) FROM (SELECT FROM runtime_records WHERE unserved_since IS NOT NULL LIMIT $1) u) AS "unserved!",
                  (SELECT coalesce(jsonb_agg(p ORDER BY p.process), '[]')
                     FROM (SELECT process, count(*) FILTER (WHERE expires_at > statement_timestamp()) AS alive,
                                  count(*) FILTER (WHERE expires_at <= statement_timestamp()) AS lost,
                                  coalesce(array_agg(DISTINCT version)
                                      FILTER (WHERE version IS NOT NULL AND expires_at > statement_timestamp()), '{}') AS versions
                             FROM workers GROUP BY process) p) AS "processes!: Json<Vec<Process>>""#,
        DEPTH_LIMIT
    )
    .fetch_one(conn)
    .await?;
    Ok(Overview {
        as_of: row.as_of,
        paused_games: row.paused.0,
        start_failed_games: row.start_failed,
        late_turns: row.late,
        latest_turn_seconds: row.latest,
        unwell_runtimes: row.unwell.0,
        unserved_runtimes: row.unserved,
        push_subscribers: row.push_subscribers,
        push_behind: row.push_behind,
        processes: row.processes.0,
    })
}
