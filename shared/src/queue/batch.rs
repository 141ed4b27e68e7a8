//! What a finish writes: the outcomes of a batch after budget and backoff were applied.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Cause, Claim, Fate, Finished, Outcome, Queue, Rescued, Settings, Settled,
    backoff::delay,
    engine::Engine,
    sql::Kind,
    work::{Report, Reported, Worked},
};
use crate::domain::queue::QueueState;
use crate::random::Random;

/// One row of the finish statement.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) token: i64,
    pub(super) kind: Kind,
    pub(super) status: &'static str,
    pub(super) delay: Option<f64>,
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) failed: i32,
    pub(super) error: Option<String>,
    pub(super) suspect: bool,
    pub(super) claimed_at: Instant,
    pub(super) worked: Option<Worked>,
}

/// A batch, ready to be written as often as it takes.
pub(super) struct Prepared<N> {
    pub(super) rows: Vec<Row>,
    pub(super) finished: Vec<Finished<N>>,
    pub(super) released: Vec<Finished<N>>,
    pub(super) interrupted: Vec<Rescued>,
}

/// Which rows still were ours, and in how many seconds those that are due again are due.
pub(super) type Matched = HashMap<Uuid, Option<f64>>;

impl<N> Prepared<N> {
    pub(super) fn add<Q: Queue<Note = N>>(&mut self, report: Report<N>, engine: &Engine<Q>) {
        let Report { claim, claimed_at, worked, result } = report;
        let mut row = Row {
            id: claim.id,
            token: claim.token,
            kind: Kind::Retry,
            status: QueueState::Retrying.as_str(),
            delay: None,
            at: None,
            failed: 0,
            error: None,
            suspect: false,
            claimed_at,
            worked,
        };
        let (outcome, note) = match result {
            Reported::Decided { outcome, note } => (outcome, note),
            Reported::BroughtDown { error, alone } => {
                // A row that does it alone would take a batch with it next time.
                row.suspect = engine.settings.batch > 1;
                (Outcome::Retry { error, after: None, counts: alone }, None)
            }
            Reported::Interrupted(why) => {
                row.kind = Kind::Interrupt;
                row.delay = Some(0.0);
                row.error = Some(why.to_owned());
                let (id, attempt_no, error) = (claim.id, claim.attempt_no, why.to_owned());
                self.interrupted.push(Rescued { id, attempt_no, cause: Cause::Interrupted, fate: Fate::Due, error });
                self.rows.push(row);
                return;
            }
        };
        let settled = row.apply(outcome, claim.failures, &engine.settings, engine.spec().dead, &engine.deps.random);
        row.suspect &= row.kind == Kind::Retry;
        let done = Finished { claim, settled, note };
        if row.kind == Kind::Release {
            self.released.push(done)
        } else {
            self.finished.push(done)
        }
        self.rows.push(row);
    }

    /// The part that still was ours.
    pub(super) fn ours(&mut self, matched: &Matched) -> (&[Finished<N>], &[Rescued]) {
        self.finished.sort_by_key(|f| (!matched.contains_key(&f.claim.id), f.claim.id));
        self.interrupted.sort_by_key(|r| (!matched.contains_key(&r.id), r.id));
        let finished = self.finished.partition_point(|f| matched.contains_key(&f.claim.id));
        let interrupted = self.interrupted.partition_point(|r| matched.contains_key(&r.id));
        (self.finished.split_at(finished).0, self.interrupted.split_at(interrupted).0)
    }

    pub(super) fn split(self) -> Vec<Self> {
        let mut finished: HashMap<Uuid, _> = self.finished.into_iter().map(|f| (f.claim.id, f)).collect();
        let mut released: HashMap<Uuid, _> = self.released.into_iter().map(|f| (f.claim.id, f)).collect();
        let mut interrupted: HashMap<Uuid, _> = self.interrupted.into_iter().map(|r| (r.id, r)).collect();
        let rows = self.rows.into_iter();
        rows.map(|row| Self {
            finished: finished.remove(&row.id).into_iter().collect(),
            released: released.remove(&row.id).into_iter().collect(),
            interrupted: interrupted.remove(&row.id).into_iter().collect(),
            rows: vec![row],
        })
        .collect()
    }

    /// The outcome cannot be recorded: it becomes a failure that counts, without the note that could not be written; what was
    /// `final_` for the queue stays so, if that is wanted. What is left of `finished` are deaths, to be recorded as such.
    pub(super) fn spoil<Q: Queue<Note = N>>(&mut self, error: &str, final_: bool, engine: &Engine<Q>) {
        let mut claims: HashMap<Uuid, Claim> = self.finished.drain(..).map(|f| (f.claim.id, f.claim)).collect();
        for row in &mut self.rows {
            let claim = claims.remove(&row.id);
            let outcome = match final_ && row.kind == Kind::Dead {
                true => Outcome::Dead { error: error.to_owned() },
                false => Outcome::Retry { error: error.to_owned(), after: None, counts: true },
            };
            let failures = claim.as_ref().map_or(0, |claim| claim.failures);
            let settled = row.apply(outcome, failures, &engine.settings, engine.spec().dead, &engine.deps.random);
            if let (Some(claim), Settled::Dead { .. }) = (claim, &settled) {
                self.finished.push(Finished { claim, settled, note: None });
            }
        }
    }
}

impl Row {
    /// Applies budget and backoff.
    fn apply(
        &mut self,
        outcome: Outcome,
        failures: i32,
        settings: &Settings,
        dead: &'static str,
        random: &Random,
    ) -> Settled {
        (self.delay, self.at, self.failed) = (None, None, 0);
        match outcome.with_fit_error() {
            Outcome::Done(status) => {
                (self.kind, self.status) = (Kind::Done, status);
                Settled::Done(status)
            }
            Outcome::Again { status, at } => {
                (self.kind, self.status, self.at) = (Kind::Again, status, Some(at));
                Settled::Again
            }
            Outcome::Release => {
                self.kind = Kind::Release;
                Settled::Released
            }
            Outcome::Dead { error } => {
                (self.kind, self.status, self.failed) = (Kind::Dead, dead, 1);
                self.error = Some(error.clone());
                Settled::Dead { error }
            }
            Outcome::Retry { error, after, counts } => {
                let so_far = u32::try_from(failures).unwrap_or(0).saturating_add(1);
                self.failed = i32::from(counts);
                self.error = Some(error.clone());
                if counts && so_far >= settings.max_attempts {
                    (self.kind, self.status) = (Kind::Dead, dead);
                    return Settled::Dead { error };
                }
                let delay = after.unwrap_or_else(|| delay(random, settings, so_far));
                (self.kind, self.status) = (Kind::Retry, QueueState::Retrying.as_str());
                self.delay = Some(delay.as_secs_f64());
                Settled::Retrying { error }
            }
        }
    }
}
