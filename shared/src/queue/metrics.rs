//! What the engine tells about itself, through the OpenTelemetry API.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram},
};
use parking_lot::Mutex;
use sqlx::{PgConnection, Row as _, postgres::PgRow, types::Json};
use tokio::time::Instant;

use super::{QueueSpec, notify_health::NotifyHealth, sql::Statements};
use crate::domain::queue::QueueState;
use crate::postgres::Error;
use crate::service::telemetry::{from_nought, histogram_seconds, meter};

/// Depths are counted no further than this: a state at this number has at least so many rows.
pub const DEPTH_LIMIT: i64 = super::sql::COUNT_LIMIT;

/// What a queue looked like at one moment. Terminal states are not counted: they have counters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Rows by status, each counted up to [`DEPTH_LIMIT`] at most; a state without rows may be missing.
    pub depth: BTreeMap<String, i64>,
    /// For how long the row has been due that has been due longest; `None`: none is due.
    pub oldest_due_seconds: Option<f64>,
    /// Whether an administrator paused it.
    pub paused: bool,
}

/// Looks at a queue with bounded, index-backed statements.
pub async fn snapshot(conn: &mut PgConnection, spec: &'static QueueSpec) -> Result<Snapshot, Error> {
    sample(conn, &Statements::new(spec, Box::new(|| None))).await
}

/// Looks at several queues at once, in one bounded, index-backed statement; the answers have the specs' order. Dead letters
/// and quarantined rows are counted too, and every state of a queue is there, if only as zero.
pub async fn overview(conn: &mut PgConnection, specs: &[&'static QueueSpec]) -> Result<Vec<Snapshot>, Error> {
    if specs.is_empty() {
        return Ok(Vec::new());
    }
    let rows = super::sql::overview(specs).query().fetch_all(conn).await?;
    let snapshot = |(row, spec): (&PgRow, &&'static QueueSpec)| {
        let Json(counted): Json<BTreeMap<String, i64>> = row.try_get("depth")?;
        let states = QueueState::ALL.iter().map(|state| state.as_str()).chain([spec.active, spec.dead]);
        let mut depth: BTreeMap<String, i64> = states.map(|state| (state.to_owned(), 0)).collect();
        depth.extend(counted);
        let seconds: Option<f64> = row.try_get("seconds")?;
        let paused: Option<bool> = row.try_get("paused")?;
        Ok(Snapshot { depth, oldest_due_seconds: seconds.filter(|s| *s > 0.0), paused: paused.unwrap_or(false) })
    };
    rows.iter().zip(specs).map(snapshot).collect()
}

pub(super) async fn sample(conn: &mut PgConnection, sql: &Statements) -> Result<Snapshot, Error> {
    let mut depth = BTreeMap::new();
    for row in sql.depth.query().fetch_all(&mut *conn).await? {
        depth.insert(row.try_get("status")?, row.try_get("rows")?);
    }
    let oldest = sql.oldest.query().fetch_one(conn).await?;
    let seconds: Option<f64> = oldest.try_get("seconds")?;
    let paused: Option<bool> = oldest.try_get("paused")?;
    Ok(Snapshot { depth, oldest_due_seconds: seconds.filter(|s| *s > 0.0), paused: paused.unwrap_or(false) })
}

/// How many transactions ago the oldest snapshot was taken that keeps vacuum from the queues' dead rows.
pub(super) async fn held(conn: &mut PgConnection) -> Result<i64, Error> {
    Ok(super::sql::held().query().fetch_one(conn).await?.try_get("transactions")?)
}

/// What is the database's, and not a queue's, is asked by whichever queue of a process comes first when it is time.
#[derive(Default)]
pub(super) struct Round(Mutex<Option<Instant>>);

impl Round {
    /// Whether nobody came for so long. Who hears so comes now.
    pub(super) fn is_due(&self, every: Duration) -> bool {
        let mut last = self.0.lock();
        let due = last.is_none_or(|last| last.elapsed() >= every);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// A part of the way from a claim to the end of its finish. What comes before, from due to claimed, has a metric of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// From claimed to the call that works it: its payload is read.
    Wait,
    /// The call itself, with the effect in it.
    Work,
    /// From the end of the call to the finish committed.
    Finish,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Work => "work",
            Self::Finish => "finish",
        }
    }
}

/// The instruments, made at first use, which must be after telemetry is set up.
pub(super) struct Engine {
    /// Of the question for held snapshots.
    pub(super) held_round: Round,
    depth: Gauge<i64>,
    oldest: Gauge<f64>,
    paused: Gauge<i64>,
    held: Gauge<i64>,
    pickup: Histogram<f64>,
    claim_to_finish: Histogram<f64>,
    steps: Histogram<f64>,
    finished: Counter<u64>,
    stale: Counter<u64>,
    rescued: Counter<u64>,
    dead: Counter<u64>,
    removed: Counter<u64>,
    round_trip: Histogram<f64>,
    notify_state: Gauge<i64>,
}

pub(super) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let meter = meter();
        let count = |name: &'static str, what: &'static str| meter.u64_counter(name).with_description(what).build();
        Engine {
            held_round: Round::default(),
            depth: meter
                .i64_gauge("queue_depth")
                .with_description("Rows by state, counted up to a limit; terminal states are not counted")
                .build(),
            oldest: meter
                .f64_gauge("queue_oldest_due_seconds")
                .with_unit("s")
                .with_description("How long the row has been due that has been due longest")
                .build(),
            paused: meter
                .i64_gauge("queue_paused")
                .with_description("Whether an administrator paused the queue: 1, else 0")
                .build(),
            held: meter
                .i64_gauge("db_oldest_snapshot_transactions")
                .with_description("Transactions that were begun since the oldest snapshot that somebody still holds")
                .build(),
            pickup: histogram_seconds("queue_pickup_seconds", "From due to claimed"),
            claim_to_finish: histogram_seconds("queue_claim_to_finish_seconds", "From claimed to the finish committed"),
            steps: histogram_seconds("queue_step_seconds", "Parts of the way from claimed to the finish committed"),
            finished: count("queue_finished_total", "Finishes written, by outcome"),
            stale: count("queue_stale_total", "Finishes that changed nothing: another worker had the row"),
            rescued: count("queue_rescued_total", "Rows taken from lost attempts, by cause"),
            dead: count("queue_dead_letters_total", "Rows that failed for good or were quarantined"),
            removed: count("queue_removed_total", "Finished rows removed by age"),
            round_trip: histogram_seconds(
                "queue_wakeup_latency_seconds",
                "From NOTIFY to hearing it in the same process",
            ),
            notify_state: meter
                .i64_gauge("queue_notify_state")
                .with_description("Whether notifications arrive: 2 healthy, 1 degraded, 0 off")
                .build(),
        }
    })
}

fn queue(name: &'static str) -> KeyValue {
    KeyValue::new("queue", name)
}

impl Engine {
    /// Counts a queue's deaths from here on.
    pub(super) fn opened(&self, spec: &QueueSpec) {
        let states = [spec.dead, QueueState::Quarantined.as_str()];
        from_nought(&self.dead, states.map(|state| [queue(spec.name), KeyValue::new("state", state)]));
    }

    pub(super) fn sampled(&self, spec: &QueueSpec, snapshot: &Snapshot) {
        // States that emptied must fall back to zero, so each known one is recorded.
        for state in [QueueState::Pending.as_str(), QueueState::Retrying.as_str(), spec.active] {
            let rows = snapshot.depth.get(state).copied().unwrap_or(0);
            self.depth.record(rows, &[queue(spec.name), KeyValue::new("state", state)]);
        }
        self.oldest.record(snapshot.oldest_due_seconds.unwrap_or(0.0), &[queue(spec.name)]);
        self.paused.record(i64::from(snapshot.paused), &[queue(spec.name)]);
    }

    pub(super) fn held(&self, transactions: i64) {
        self.held.record(transactions, &[]);
    }

    pub(super) fn picked_up(&self, name: &'static str, priority: i16, lag: Duration) {
        let priority = KeyValue::new("priority", i64::from(priority));
        self.pickup.record(lag.as_secs_f64(), &[queue(name), priority]);
    }

    pub(super) fn step(&self, name: &'static str, step: Step, took: Duration) {
        self.steps.record(took.as_secs_f64(), &[queue(name), KeyValue::new("step", step.as_str())]);
    }

    pub(super) fn finished(&self, name: &'static str, outcome: &'static str, took: Duration) {
        self.claim_to_finish.record(took.as_secs_f64(), &[queue(name)]);
        self.finished.add(1, &[queue(name), KeyValue::new("outcome", outcome)]);
    }

    pub(super) fn stale(&self, name: &'static str, rows: usize) {
        self.stale.add(u64::try_from(rows).unwrap_or(u64::MAX), &[queue(name)]);
    }

    pub(super) fn rescued(&self, name: &'static str, cause: &'static str) {
        self.rescued.add(1, &[queue(name), KeyValue::new("cause", cause)]);
    }

    pub(super) fn dead(&self, name: &'static str, state: &'static str) {
        self.dead.add(1, &[queue(name), KeyValue::new("state", state)]);
    }

    pub(super) fn removed(&self, name: &'static str, rows: u64) {
        self.removed.add(rows, &[queue(name)]);
    }

    pub(super) fn round_trip(&self, took: Duration) {
        self.round_trip.record(took.as_secs_f64(), &[]);
    }

    pub(super) fn notify_state(&self, health: NotifyHealth) {
        let state = match health {
            NotifyHealth::Healthy => 2,
            NotifyHealth::Degraded => 1,
            NotifyHealth::Off => 0,
        };
        self.notify_state.record(state, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_all_queues_one_comes_in_each_round() {
        let (round, every) = (Round::default(), Duration::from_secs(10));
        let came = || [(); 5].map(|()| round.is_due(every)).into_iter().filter(|came| *came).count();
        assert_eq!(came(), 1);
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(came(), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(came(), 1);
    }
}
