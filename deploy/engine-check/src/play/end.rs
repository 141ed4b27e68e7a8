//! On to the end of the game, and beyond.

use anyhow::Result;
use serde_json::json;

use super::{Play, Stopped};
use crate::ask::Ask;
use crate::book::Fault;
use crate::table;
use crate::watch::{finished, races};

impl Play<'_> {
    pub(super) async fn end(&mut self) -> Result<Result<(), Stopped>> {
        let most = self.options.turns.unwrap_or(self.options.max_turns);
        while !finished(&self.status) && self.turn() < most {
            if let Err(stopped) = self.close(table::TURN_CLOSES).await {
                return Ok(Err(stopped));
            }
        }
        let turn = self.turn();
        if !finished(&self.status) {
            if self.options.turns.is_none() {
                let said = format!(
                    "after {turn} turns it goes on: a game that nobody plays must end too; a longer one is tested by --max-turns, \
                     one whose end is not to be tested by --turns"
                );
                self.caller.note(table::ENDS, Err(Fault::plain(said)));
            }
            return Ok(Ok(()));
        }
        self.caller.note(table::ENDS, Ok(()));
        (self.tell)(&format!("   the game ended at turn {turn}"));
        self.after().await;
        if self.subject.restarts() {
            self.subject.kill().await?;
            if let Err(stopped) = self.again(table::OVER_KEPT).await? {
                return Ok(Err(stopped));
            }
            self.all_reports().await;
        }
        Ok(Ok(()))
    }

    async fn after(&mut self) {
        let turn = self.turn();
        // In the game until it ended: one that is out is refused for that, which says as much.
        let standing = races(&self.status).into_iter().find(|(_, extinct)| !extinct).map(|(name, _)| name);
        self.caller.expect(table::OVER_TURN, Ask::turn(turn)).await;
        if let Some(before) = turn.checked_sub(1)
            && let Ok(answer) = self.expect_at(table::OVER_AGAIN, Ask::turn(before), turn).await
        {
            let outcome = if finished(&self.status) { Ok(()) } else { Err(answer.fault("it is not finished")) };
            self.caller.note(table::OVER_AGAIN, outcome);
        }
        if let Some(race) = standing {
            self.caller.expect(table::OVER_ORDER, Ask::order(&race, turn, &json!([]))).await;
            self.caller.expect(table::OVER_COMMAND, Ask::command(&race, &json!([]))).await;
        }
        self.all_reports().await;
    }

    /// As the platform reads them before the container goes.
    async fn all_reports(&mut self) {
        for race in self.races.clone() {
            for turn in 0..=self.turn() {
                let Ok(answer) = self.caller.ask(&Ask::report(&race, turn)).await else { continue };
                let known = self.reports.contains_key(&(race.clone(), turn));
                let extinct = races(&self.status).iter().any(|(name, extinct)| *name == race && *extinct);
                if answer.status == 200 {
                    self.caller.note(table::OVER_REPORTS, Ok(()));
                    self.compare(race.clone(), turn, &answer);
                } else if answer.status != 404 || known || !extinct {
                    // Out of the game and without a report from the first: the platform keeps what there is.
                    self.caller.note(table::OVER_REPORTS, answer.suits(&table::OVER_REPORTS));
                }
            }
        }
    }
}
