//! Ended, killed, started again: what was answered is kept.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::turns::canonical;
use super::{Play, Stopped};
use crate::answer::Answer;
use crate::ask::{Ask, Auth};
use crate::book::Fault;
use crate::subject::GRACE;
use crate::table::{self, Rule};
use crate::watch::{finished, races, turn_of, winners};

/// When an engine is killed after a turn was asked for, in milliseconds: spread, as nobody knows how long a turn takes.
const MOMENTS: [u64; 6] = [0, 2, 5, 12, 30, 80];

impl Play<'_> {
    pub(super) async fn durability(&mut self) -> Result<Result<(), Stopped>> {
        let ended = self.subject.terminate().await?;
        let outcome = match ended {
            Some(_) => Ok(()),
            None => Err(Fault::plain(format!("it runs on {} s after SIGTERM, and was killed", GRACE.as_secs()))),
        };
        self.caller.note(table::TERM, outcome);
        if let Err(stopped) = self.again(table::TERM_KEPT).await? {
            return Ok(Err(stopped));
        }

        if !finished(&self.status)
            && let Err(stopped) = self.close(table::TURN_CLOSES).await
        {
            return Ok(Err(stopped));
        }
        let (race, turn) = (self.race(0), self.turn());
        if !finished(&self.status) {
            self.caller.expect(table::ORDER_EMPTY, Ask::order(&race, turn, &json!([]))).await;
        }
        let before = self.caller.ask(&Ask::report(&race, turn)).await;
        self.subject.kill().await?;
        if let Err(stopped) = self.again(table::KILL_KEPT).await? {
            return Ok(Err(stopped));
        }
        let after = self.caller.ask(&Ask::report(&race, turn)).await;
        let outcome = match (before, after) {
            (Ok(before), Ok(after)) if before.body == after.body && after.status == 200 => Ok(()),
            (Ok(before), Ok(after)) => Err(after.fault(format!("it was {} before, and now", before.seen()))),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
        };
        self.caller.note(table::KILL_ORDERS, outcome);

        for moment in MOMENTS {
            if finished(&self.status) {
                break;
            }
            if let Err(stopped) = self.killed_in(Duration::from_millis(moment)).await? {
                return Ok(Err(stopped));
            }
        }
        for turn in 0..self.turn() {
            self.read_closed(turn).await;
        }
        Ok(Ok(()))
    }

    /// Started again, with another token as every container has one: the status is the one that was known.
    pub(super) async fn again(&mut self, rule: Rule) -> Result<Result<(), Stopped>> {
        if let Err(stopped) = self.revive().await? {
            return Ok(Err(stopped));
        }
        let known = self.status.clone();
        if self.expect_at(rule, Ask::status(), self.turn()).await.is_err() {
            return Ok(Err("a game that was answered is gone".to_owned()));
        }
        let same = canonical(&known) == canonical(&self.status) && winners(&known) == winners(&self.status);
        let changed = Fault::plain(format!("it was {known} before, and is {}", self.status));
        self.caller.note(rule, if same { Ok(()) } else { Err(changed) });
        Ok(Ok(()))
    }

    /// Starts it again with another token, and shows it the old one.
    async fn revive(&mut self) -> Result<Result<(), Stopped>> {
        self.lives += 1;
        let former = std::mem::replace(&mut self.caller.token, self.subject.token(self.lives));
        let token = self.caller.token.clone();
        let base = self.subject.start(&token).await?;
        self.caller.moved(base)?;
        if let Err(stopped) = self.come_up().await {
            return Ok(Err(stopped));
        }
        let refused = self.caller.ask(&Ask::status().auth(Auth::Other(format!("Bearer {former}")))).await;
        let refused = refused.and_then(|answer: Answer| match answer.status {
            401 => Ok(()),
            _ => Err(answer.fault("the token of its former life was taken")),
        });
        let taken = self.caller.ask(&Ask::status()).await.and_then(|answer| match answer.status {
            401 => Err(answer.fault("its new token was refused")),
            _ => Ok(()),
        });
        self.caller.note(table::NEW_TOKEN, refused.and(taken));
        Ok(Ok(()))
    }

    /// Killed some time after a turn was asked for.
    async fn killed_in(&mut self, moment: Duration) -> Result<Result<(), Stopped>> {
        let turn = self.turn();
        self.caller.watch.borrow_mut().asked(turn + 1);
        let closing = Ask::turn(turn);
        let answered = tokio::select! {
            answer = self.caller.quietly(&closing) => answer.ok().filter(|answer| answer.status == 200),
            () = tokio::time::sleep(moment) => None,
        };
        self.subject.kill().await?;
        if let Err(stopped) = self.revive().await? {
            return Ok(Err(stopped));
        }
        let rule = table::KILL_MID_TURN;
        let found = self.caller.ask(&Ask::status()).await;
        let outcome =
            found.and_then(|found| match found.body.as_ref().and_then(turn_of) {
                // What was answered is kept; what was not may be.
                Some(at) if at == turn + 1 || (at == turn && answered.is_none()) => Ok(()),
                _ => Err(found
                    .fault(format!("killed {moment:?} into turn {turn}; turn {turn} or {} was expected", turn + 1))),
            });
        if !self.caller.note(rule, outcome) {
            return Ok(Err(format!("killed in turn {turn}, the engine did not come back to it")));
        }
        let asked = self.caller.ask(&closing).await;
        let outcome = asked.as_ref().map_err(Clone::clone).and_then(|answer| {
            let made = answer.body.as_ref().and_then(turn_of);
            if answer.status == 200 && made == Some(turn + 1) {
                return Ok(());
            }
            Err(answer.fault(format!("asked again, turn {} was expected", turn + 1)))
        });
        if !self.caller.note(rule, outcome) {
            return Ok(Err(format!("killed in turn {turn}, the engine does not close it")));
        }
        self.status = asked.ok().and_then(|answer| answer.body).unwrap_or_default();
        let out = races(&self.status).iter().filter(|(_, extinct)| *extinct).count();
        (self.tell)(&format!(
            "   killed {moment:?} into turn {turn}: it was {}, {out} races out",
            if answered.is_some() { "answered" } else { "cut" }
        ));
        self.read_closed(turn).await;
        Ok(Ok(()))
    }
}
