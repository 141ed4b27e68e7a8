//! Turns, orders, commands, reports.

use serde_json::{Value, json};

use super::{Play, Stopped};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::book::Fault;
use crate::table::{self, Rule};
use crate::watch::{finished, races, turn_of};

impl Play<'_> {
    pub(super) async fn turns(&mut self) -> Result<(), Stopped> {
        self.orders().await;
        self.caller.expect(table::TURN_AHEAD, Ask::turn(self.turn() + 1)).await;
        self.close(table::TURN_CLOSES).await?;
        let turn = self.turn();
        for _ in 0..2 {
            let _ = self.expect_at(table::TURN_AGAIN, Ask::turn(turn - 1), turn).await;
        }
        let _ = self.expect_at(table::TURN_AGAIN, Ask::status(), turn).await;
        self.init_later().await;
        if finished(&self.status) {
            return Ok(());
        }
        let race = self.race(0);
        self.caller.expect(table::ORDER_CLOSED, Ask::order(&race, turn - 1, &json!([]))).await;
        self.caller.expect(table::ORDER_EMPTY, Ask::order(&race, turn, &json!([]))).await;
        self.together().await?;
        if finished(&self.status) {
            return Ok(());
        }
        self.caller.expect(table::TURN_STALE, Ask::turn(self.turn() - 2)).await;
        self.banish().await;
        if !finished(&self.status) {
            self.close(table::TURN_CLOSES).await?;
        }
        Ok(())
    }

    async fn orders(&mut self) {
        let (race, second, turn) = (self.race(0), self.race(1), self.turn());
        for _ in 0..2 {
            self.caller.expect(table::ORDER_EMPTY, Ask::order(&race, turn, &json!([]))).await;
        }
        if let Some(orders) = &self.options.orders {
            for orders in [orders, &json!([]), orders, orders] {
                let rule =
                    if orders.as_array().is_some_and(Vec::is_empty) { table::ORDER_EMPTY } else { table::ORDER_SAMPLE };
                self.caller.expect(rule, Ask::order(&race, turn, orders)).await;
            }
        }
        self.caller.expect(table::ORDER_AHEAD, Ask::order(&race, turn + 1, &json!([]))).await;
        self.caller.expect(table::COMMAND_EMPTY, Ask::command(&second, &json!([]))).await;
        for race in self.races.clone() {
            self.caller.expect(table::REPORT_OPEN, Ask::report(&race, turn)).await;
        }
        self.caller.expect(table::REPORT_AHEAD, Ask::report(&race, turn + 1)).await;
        self.caller.expect(table::REPORT_AHEAD, Ask::report(&race, turn + 1000)).await;
    }

    /// The turn four times at once, with everything that players ask beside it.
    async fn together(&mut self) -> Result<(), Stopped> {
        let turn = self.turn();
        self.caller.watch.borrow_mut().asked(turn + 1);
        let (caller, closing) = (&self.caller, Ask::turn(turn));
        let (first, second, third) = (self.race(0), self.race(1), self.race(2));
        let orders = [&first, &second, &third].map(|race| Ask::order(race, turn, &json!([])));
        let reports = [&first, &second, &third].map(|race| Ask::report(race, turn));
        let status = Ask::status();
        let turns = async {
            tokio::join!(caller.ask(&closing), caller.ask(&closing), caller.ask(&closing), caller.ask(&closing))
        };
        let [one, two, three] = &orders;
        let ordered = async { tokio::join!(caller.ask(one), caller.ask(two), caller.ask(three)) };
        let [one, two, three] = &reports;
        let read = async { tokio::join!(caller.ask(one), caller.ask(two), caller.ask(three), caller.ask(&status)) };
        let (turns, ordered, read) = tokio::join!(turns, ordered, read);
        let answers = [ordered.0, ordered.1, ordered.2, read.0, read.1, read.2, read.3];
        for answer in answers {
            self.caller.note(table::CALLS_TOGETHER, suits(answer, &table::CALLS_TOGETHER));
        }
        for answer in [turns.0, turns.1, turns.2, turns.3] {
            let outcome = answer.and_then(|answer| {
                answer.suits(&table::TURN_TOGETHER)?;
                match (answer.status, answer.body.as_ref().and_then(turn_of)) {
                    (200, Some(made)) if made != turn + 1 => {
                        Err(answer.fault(format!("turn {} was expected", turn + 1)))
                    }
                    _ => Ok(()),
                }
            });
            self.caller.note(table::TURN_TOGETHER, outcome);
        }
        if self.expect_at(table::TURN_TOGETHER, Ask::status(), turn + 1).await.is_err() {
            return Err(format!("turn {turn}, closed four times at once, did not make one turn"));
        }
        self.read_closed(turn).await;
        Ok(())
    }

    async fn banish(&mut self) {
        let (last, turn) = (self.race(2), self.turn());
        for rule in [table::BANISH, table::BANISH_AGAIN] {
            if let Ok(answer) = self.expect_at(rule, Ask::banish(&last), turn).await {
                let out = races(&self.status).iter().any(|(name, extinct)| *name == last && *extinct);
                let outcome = if out { Ok(()) } else { Err(answer.fault(format!("{last} is not extinct"))) };
                self.caller.note(rule, outcome);
            }
        }
        self.caller.expect(table::BANISHED_ACTS, Ask::order(&last, turn, &json!([]))).await;
        self.caller.expect(table::BANISHED_ACTS, Ask::command(&last, &json!([]))).await;
    }
}

fn suits(answer: Result<Answer, Fault>, rule: &Rule) -> Result<(), Fault> {
    answer.and_then(|answer| answer.suits(rule))
}

/// The status without what may differ between two answers about the same state: nothing, but the order of its races.
pub(super) fn canonical(status: &Value) -> (Option<u64>, bool, Vec<(String, bool)>) {
    let mut races = races(status);
    races.sort();
    (turn_of(status), finished(status), races)
}
