//! The outbox as a queue: what the engine asks of it.

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};
use shared::db::mail::{Letter, Record, letters, lost_attempts, record};
use shared::domain::delivery::{AttemptOutcome, DeliveryStatus};
use shared::queue::metrics::Snapshot;
use shared::queue::wake::Waker;
use shared::queue::{Claim, Fate, Finished, Queue, QueueSpec, Rescued, Settled, Topic, Verdict, WorkContext};
use shared::service::telemetry;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::deliver::{Mailer, Note};

pub use shared::db::queues::MAIL as SPEC;

/// The outbox.
pub struct Outbox {
    mailer: Mailer,
    attempts: Counter<u64>,
    dead_letters: Counter<u64>,
    depth: Gauge<i64>,
    waker: Waker,
}

impl Outbox {
    /// The outbox that sends through `mailer`. To be made after telemetry.
    pub fn new(mailer: Mailer, waker: Waker) -> Self {
        let meter = telemetry::meter();
        let dead_letters = meter
            .u64_counter("mail_dead_letters_total")
            .with_description("Mails that died or were quarantined")
            .build();
        telemetry::from_nought(&dead_letters, [[]]);
        let attempts = meter.u64_counter("mail_attempts_total").with_description("Tries to send a mail").build();
        telemetry::from_nought(&attempts, AttemptOutcome::ALL.iter().map(|outcome| [label(*outcome)]));
        Self {
            mailer,
            attempts,
            dead_letters,
            depth: meter
                .i64_gauge("mail_outbox_depth")
                .with_description("Mails that are not finished, by state, counted up to a limit")
                .build(),
            waker,
        }
    }

    fn tried(&self, outcome: AttemptOutcome, times: u64) {
        self.attempts.add(times, &[label(outcome)]);
    }
}

fn label(outcome: AttemptOutcome) -> KeyValue {
    KeyValue::new("outcome", outcome.as_str())
}

#[async_trait]
impl Queue for Outbox {
    type Work = Letter;
    type Note = Note;

    fn spec(&self) -> &'static QueueSpec {
        &SPEC
    }

    async fn load(
        &self,
        conn: &mut PgConnection,
        claims: &[Claim],
    ) -> Result<Vec<Result<Letter, String>>, shared::db::Error> {
        let ids: Vec<Uuid> = claims.iter().map(|claim| claim.id).collect();
        letters(conn, &ids).await
    }

    async fn work(&self, cx: &WorkContext, batch: Vec<(Claim, Letter)>) -> Vec<Verdict<Note>> {
        let mut verdicts = Vec::with_capacity(batch.len());
        for (claim, letter) in &batch {
            verdicts.push(self.mailer.deliver(cx, claim, letter).await);
        }
        verdicts
    }

    async fn record(&self, conn: &mut PgConnection, finished: &[Finished<Note>]) -> Result<(), shared::db::Error> {
        // The engine itself ended these, by panic or time limit: perhaps in the middle of DATA.
        let broken_off: Vec<(Uuid, i32)> =
            finished.iter().filter(|f| f.note.is_none()).map(|f| (f.claim.id, f.claim.attempt_no)).collect();
        if !broken_off.is_empty() {
            let unknown = lost_attempts(conn, &broken_off, "broken off after DATA had begun").await?;
            self.tried(AttemptOutcome::Unknown, unknown);
        }
        let records: Vec<Record<'_>> = finished
            .iter()
            .map(|f| Record {
                delivery_id: f.claim.id,
                attempt_no: f.claim.attempt_no,
                attempt: f.note.as_ref().and_then(|note| note.attempt.as_ref()),
                decisions: f.note.as_ref().map_or(&[], |note| note.decisions.as_slice()),
                terminal: matches!(f.settled, Settled::Done(_) | Settled::Dead { .. }),
                sent: f.settled == Settled::Done(DeliveryStatus::Sent.as_str()),
                dead: match &f.settled {
                    Settled::Dead { error } => Some(error),
                    _ => None,
                },
            })
            .collect();
        record(conn, &records).await
    }

    async fn rescued(&self, conn: &mut PgConnection, rows: &[Rescued]) -> Result<(), shared::db::Error> {
        let lost: Vec<(Uuid, i32)> = rows.iter().map(|row| (row.id, row.attempt_no)).collect();
        let unknown = lost_attempts(conn, &lost, "the worker was lost after DATA had begun").await?;
        self.tried(AttemptOutcome::Unknown, unknown);
        let over = rows.iter().filter(|row| row.fate != Fate::Due);
        let records: Vec<Record<'_>> = over
            .map(|row| Record {
                delivery_id: row.id,
                attempt_no: row.attempt_no,
                attempt: None,
                decisions: &[],
                terminal: true,
                sent: false,
                dead: Some(&row.error),
            })
            .collect();
        record(conn, &records).await?;
        self.dead_letters.add(records.len().try_into().unwrap_or(u64::MAX), &[]);
        Ok(())
    }

    fn after_commit(&self, finished: &[Finished<Note>]) {
        for f in finished {
            if let Some(attempt) = f.note.as_ref().and_then(|note| note.attempt.as_ref()) {
                self.tried(attempt.outcome, 1);
            }
            if matches!(f.settled, Settled::Dead { .. }) {
                self.dead_letters.add(1, &[]);
                self.waker.wake(Topic::Notifications);
            }
        }
    }

    fn after_rescue(&self, rows: &[Rescued]) {
        if rows.iter().any(|row| row.fate != Fate::Due) {
            self.waker.wake(Topic::Notifications);
        }
    }

    fn sampled(&self, snapshot: &Snapshot) {
        for state in [DeliveryStatus::Pending, DeliveryStatus::Retrying, DeliveryStatus::Sending] {
            let rows = snapshot.depth.get(state.as_str()).copied().unwrap_or(0);
            self.depth.record(rows, &[KeyValue::new("state", state.as_str())]);
        }
    }
}
