//! `stat_minutes`: figures of each minute, for the charts of administrators. Each minute is written once, by whichever
//! controller comes first.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::domain::stats::StatSeries;
use crate::postgres::Error;
use crate::queue::metrics::DEPTH_LIMIT;

/// Writes the figures of this minute, unless they are there; answers how many it wrote. What happened in a minute is counted
/// over the whole minute before, so it does not matter when within its minute a point is written. Rows are counted to
/// [`DEPTH_LIMIT`].
pub async fn write_minute(conn: &mut PgConnection) -> Result<u64, Error> {
    // Of two that come at once the second waits for the first one's commit and finds all points there. Operations are found by
    // the times in their ids, which are their hosts', ten minutes and more apart from the database's at most.
    let done = sqlx::query!(
        "WITH due AS MATERIALIZED (
              SELECT d.at, (lpad(to_hex((extract(epoch FROM d.at) * 1000)::bigint - 720000), 12, '0') || repeat('0', 20))::uuid AS lowest
                FROM (SELECT date_trunc('minute', statement_timestamp()) AS at) d
               WHERE NOT EXISTS (SELECT FROM stat_minutes m WHERE m.at = d.at))
         INSERT INTO stat_minutes (at, series, value)
         SELECT due.at, s.series, coalesce(s.value, 0)::float8 FROM due CROSS JOIN LATERAL (
              SELECT 'games_paused',
                     (SELECT count(*) FROM (SELECT FROM games WHERE status = 'paused' AND pause_reason IS NOT NULL LIMIT $1) c)
               UNION ALL
              SELECT 'games_running', (SELECT count(*) FROM (SELECT FROM games WHERE status = 'running' LIMIT $1) c)
               UNION ALL
              SELECT 'jobs_dead',
                     (SELECT count(*) FROM (SELECT FROM runtime_jobs WHERE status IN ('failed', 'quarantined') LIMIT $1) c)
               UNION ALL
              SELECT 'jobs_waiting',
                     (SELECT count(*) FROM (SELECT FROM runtime_jobs WHERE status IN ('pending', 'retrying') AND NOT suspect LIMIT $1) c)
               UNION ALL
              SELECT 'mails_dead',
                     (SELECT count(*) FROM (SELECT FROM mail_deliveries WHERE status IN ('dead_lettered', 'quarantined') LIMIT $1) c)
               UNION ALL
              SELECT 'mails_sent',
                     (SELECT count(*) FROM mail_deliveries
                       WHERE status = 'sent' AND finished_at >= due.at - interval '1 minute' AND finished_at < due.at)
               UNION ALL
              SELECT 'mails_waiting',
                     (SELECT count(*) FROM (SELECT FROM mail_deliveries WHERE status IN ('pending', 'retrying') AND NOT suspect LIMIT $1) c)
               UNION ALL
              SELECT 'notifications_dead',
                     (SELECT count(*) FROM (SELECT FROM notifications WHERE status IN ('dead_lettered', 'quarantined') LIMIT $1) c)
               UNION ALL
              SELECT 'notifications_waiting',
                     (SELECT count(*) FROM (SELECT FROM notifications WHERE status IN ('pending', 'retrying') AND NOT suspect LIMIT $1) c)
               UNION ALL
              SELECT 'push_sequence', (SELECT base_seq + n - 1 FROM push_ticks ORDER BY epoch DESC, tick_id DESC LIMIT 1)
               UNION ALL
              SELECT 'routes_dead',
                     (SELECT count(*) FROM (SELECT FROM notification_routes WHERE status IN ('dead_lettered', 'quarantined') LIMIT $1) c)
               UNION ALL
              SELECT 'routes_delivered',
                     (SELECT count(*) FROM notification_routes
                       WHERE status = 'delivered' AND finished_at >= due.at - interval '1 minute' AND finished_at < due.at)
               UNION ALL
              SELECT 'routes_waiting',
                     (SELECT count(*) FROM (SELECT FROM notification_routes
                                              WHERE status IN ('pending', 'retrying') AND NOT suspect LIMIT $1) c)
               UNION ALL
              SELECT 'turns_generated',
                     (SELECT count(*) FROM runtime_operations
                       WHERE operation_id >= due.lowest AND op = 'turn' AND outcome = 'ok'
                         AND at >= due.at - interval '1 minute' AND at < due.at)
               UNION ALL
              SELECT 'turns_late',
                     (SELECT count(*) FROM (SELECT FROM runtime_turns
                                              WHERE status IN ('pending', 'retrying', 'generating')
                                                AND scheduled_at < statement_timestamp() - interval '1 minute' LIMIT $1) c)
         ) AS s (series, value)
         ON CONFLICT DO NOTHING",
        DEPTH_LIMIT
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Deletes at most `limit` points older than `keep`, the oldest first; answers how many.
pub async fn delete_old(conn: &mut PgConnection, keep: Duration, limit: i64) -> Result<u64, Error> {
    let done = sqlx::query!(
        "DELETE FROM stat_minutes WHERE (at, series) IN (
             SELECT at, series FROM stat_minutes WHERE at < statement_timestamp() - make_interval(secs => $1)
              ORDER BY at, series LIMIT $2)",
        keep.as_secs_f64(),
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// The points of one series that fall into one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Bin {
    /// The series.
    pub series: String,
    /// When the step begins. Steps are counted from 1970 in UTC.
    pub at: DateTime<Utc>,
    /// The mean of its points.
    pub mean: f64,
    /// The greatest of its points.
    pub max: f64,
}

/// What was written of these series from `from` on, in steps; by series and time. A step without a point is left out.
pub async fn history(
    conn: &mut PgConnection,
    series: &[StatSeries],
    from: DateTime<Utc>,
    step: Duration,
) -> Result<Vec<Bin>, Error> {
    let series: Vec<String> = series.iter().map(ToString::to_string).collect();
    // Series by series, down the index of each: a join might read the points of all.
    Ok(sqlx::query_as!(
        Bin,
        r#"SELECT w.series AS "series!", b.at AS "at!", b.mean AS "mean!", b.max AS "max!"
             FROM unnest($1::text[]) AS w (series)
            CROSS JOIN LATERAL (
                  SELECT date_bin(make_interval(secs => $3), m.at, 'epoch'::timestamptz) AS at, avg(m.value) AS mean, max(m.value) AS max
                    FROM stat_minutes m WHERE m.series = w.series AND m.at >= $2 GROUP BY 1) b
            ORDER BY 1, 2"#,
        &series,
        from,
        step.as_secs_f64()
    )
    .fetch_all(conn)
    .await?)
}
