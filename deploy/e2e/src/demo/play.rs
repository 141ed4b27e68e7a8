//! The games themselves: each player reads the report of every turn, and orders what a sensible race would.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use shared::domain::notification::Payload;

use super::cast::{Cast, Player, Seat, Table};
use super::outcome::Finish;
use super::stage::{Due, Stage, millis, number, text};
use crate::gateway::{As, Call, Entry};

/// Above this many turns the reference engine ends any game by itself.
const TURN_LIMIT: u32 = 20;
/// How long the gateway stays away when it hangs up.
const AWAY: Duration = Duration::from_millis(2500);
/// What a turn may take beyond its schedule, however much is broken meanwhile.
const TURN_PATIENCE: Duration = Duration::from_secs(90);

/// What one seat lived through.
struct Lived {
    turn: u32,
    winners: Vec<String>,
    orders: usize,
    late: usize,
}

impl Stage {
    pub(super) async fn play_all(&mut self, cast: &Cast, tables: &[Table]) -> Result<Vec<Finish>> {
        let finishes = {
            let stage: &Stage = self;
            let games = try_join_all(tables.iter().map(|table| stage.play_table(cast, table)));
            let first = tables.first().context("a game")?;
            let ((), finishes) = tokio::try_join!(stage.hang_up(cast, first), games)?;
            finishes
        };
        for finish in &finishes {
            for seat in &finish.table.seats {
                let (player, game) = (cast.get(seat.player)?, finish.table.game_id);
                self.owe(player, "game.started", Some(game), Some(format!("{} has started", finish.table.name)));
                for _ in 0..finish.turns {
                    self.owe(player, "game.turn.ready", Some(game), None);
                }
                self.owe(player, "game.finished", Some(game), Some(format!("{} is over", finish.table.name)));
            }
        }
        Ok(finishes)
    }

    async fn play_table(&self, cast: &Cast, table: &Table) -> Result<Finish> {
        let lives = try_join_all(table.seats.iter().map(|seat| self.play_seat(cast, table, seat))).await?;
        let first = lives.first().context("a seat")?;
        let agree = lives.iter().all(|life| (life.turn, &life.winners) == (first.turn, &first.winners));
        ensure!(agree, "expected every member of {} to hear of the same end", table.name);
        let (turns, winners) = (first.turn, first.winners.clone());
        self.story.say(format!("\"{}\" is over after {turns} turns. Winner: {}", table.name, winners.join(", ")));
        let orders = lives.iter().map(|life| life.orders).sum();
        let late = lives.iter().map(|life| life.late).sum();
        Ok(Finish { table: table.clone(), turns, winners, orders, late })
    }

    async fn play_seat(&self, cast: &Cast, table: &Table, seat: &Seat) -> Result<Lived> {
        let player = cast.get(seat.player)?;
        let mut life = Lived { turn: 0, winners: Vec::new(), orders: 0, late: 0 };
        let mut from = 0;
        loop {
            let (next, entry) = self.next_event(player, table, &life, from).await?;
            from = next;
            match entry.told(player.user_id) {
                Some(Payload::GameStarted { .. }) => {
                    if seat.race == first_race(table) {
                        self.story.say(format!("\"{}\" has started: {}", table.name, races(table)));
                    }
                    self.take_turn(cast, table, seat, &mut life).await?;
                }
                Some(Payload::GameTurnReady { turn, .. }) => {
                    let expected = life.turn + 1;
                    ensure!(
                        *turn == expected,
                        "expected turn {expected} of {} for {}, and turn {turn} came",
                        table.name,
                        player.name
                    );
                    ensure!(*turn <= TURN_LIMIT, "expected {} to end by turn {TURN_LIMIT}", table.name);
                    life.turn = *turn;
                    self.take_turn(cast, table, seat, &mut life).await?;
                }
                Some(Payload::GameFinished { turn, winners, .. }) => {
                    let last = life.turn;
                    ensure!(*turn == last, "expected {} to end with turn {last}, and it ended with {turn}", table.name);
                    life.winners.clone_from(winners);
                    return Ok(life);
                }
                Some(Payload::GamePaused { turn, reason, .. }) => {
                    bail!("expected {} to go on, but it was paused in turn {turn}: {reason}", table.name)
                }
                // What the lobby had told before.
                _ => {}
            }
        }
    }

    /// The next event about this game for this player, from this place of the journal on.
    async fn next_event(&self, player: &Player, table: &Table, life: &Lived, from: usize) -> Result<(usize, Entry)> {
        let about =
            |entry: &Entry| entry.told(player.user_id).map(Due::of).is_some_and(|due| due.game == Some(table.game_id));
        let what = format!("what follows turn {} of {} for {}", life.turn, table.name, player.name);
        let next = self.push.wait(&what, TURN_PATIENCE, |journal| {
            let (place, entry) = journal.entries.iter().enumerate().skip(from).find(|(_, entry)| about(entry))?;
            Some((place + 1, entry.clone()))
        });
        next.await
    }

    async fn take_turn(&self, cast: &Cast, table: &Table, seat: &Seat, life: &mut Lived) -> Result<()> {
        let player = cast.get(seat.player)?;
        let (who, game, turn) = (As::User(player.user_id), table.game_id, life.turn);
        let report = self.report(player, table, seat, turn).await?;
        if seat.race == first_race(table) {
            self.narrate(table, turn, &report);
        }
        self.show_notes(seat, turn, &report);
        let orders = galaxy_engine::strategy::orders(&report, seat.aggressiveness);
        if orders.is_empty() && (is(&report, "extinct") || is(&report, "finished")) {
            return Ok(());
        }
        let count = orders.len();
        let call = Call::post(format!("/user/games/{game}/orders")).with(json!({ "turn": turn, "orders": orders }));
        let answer = self.rest.call(who, &call).await?;
        match answer.code() {
            "" => {
                answer.expect(200)?;
                life.orders += count;
            }
            // They thought too long, or the gateway told them too late.
            "turn_already_closed" | "game_not_running" => {
                answer.refused(409, answer.code())?;
                life.late += 1;
                self.story.say(format!("{} orders for turn {turn} when it is closed: {}", player.name, answer.code()));
            }
            _ => drop(answer.expect(200)?),
        }
        if turn % 4 == 1 {
            self.send_note(who, table, seat, turn).await?;
        }
        if turn == 3 && table.seats.get(1).is_some_and(|second| second.race == seat.race) {
            self.order_too_late(player, table, turn).await?;
            self.peek_from_outside(cast, table, turn).await?;
        }
        Ok(())
    }

    /// The player's report of a turn, as the engine wrote it for this race.
    pub(super) async fn report(&self, player: &Player, table: &Table, seat: &Seat, turn: u32) -> Result<Value> {
        let path = format!("/user/games/{}/reports/{turn}", table.game_id);
        let report = self.rest.call(As::User(player.user_id), &Call::get(path)).await?.expect(200)?;
        let right = text(&report, "race_name")? == seat.race && number(&report, "turn")? == u64::from(turn);
        ensure!(right, "expected the report of {} for turn {turn}, got {report}", seat.race);
        Ok(report)
    }

    fn narrate(&self, table: &Table, turn: u32, report: &Value) {
        let scores = report.get("scores").and_then(Value::as_array).into_iter().flatten();
        let standing: Vec<String> = scores
            .filter_map(|score| {
                let race = score.get("race_name")?.as_str()?;
                let planets = score.get("planets")?.as_u64()?;
                let people = score.get("population")?.as_u64()?;
                let plural = if planets == 1 { "" } else { "s" };
                let out = is(score, "extinct").then_some("extinct");
                Some(format!(
                    "{} {}",
                    short(race),
                    out.map_or_else(|| format!("{planets} planet{plural}, {people} people"), str::to_owned)
                ))
            })
            .collect();
        self.story.say(format!("{:<14} turn {turn:>2}: {}", short(&table.name), standing.join(" · ")));
    }

    /// A note to another race: a command, carried out at once.
    async fn send_note(&self, who: As, table: &Table, seat: &Seat, turn: u32) -> Result<()> {
        let others: Vec<&Seat> = table.seats.iter().filter(|other| other.race != seat.race).collect();
        let Some(other) = others.get(turn as usize / 4 % others.len().max(1)) else { return Ok(()) };
        let words = if seat.aggressiveness > 0.5 {
            "Your planets would look better in our colours."
        } else {
            "Peace and good harvests to you."
        };
        let command = json!({ "kind": "send_message", "to": other.race, "text": words });
        let call = Call::post(format!("/user/games/{}/commands", table.game_id)).with(json!({ "commands": [command] }));
        let answer = self.rest.call(who, &call).await?;
        // Too late for this turn, or for good.
        let too_late = matches!(answer.code(), "turn_already_closed" | "game_not_running");
        // Between the report and the note its race, or the other, may have died.
        if !too_late && answer.code() != "engine_rejected" {
            answer.expect(200)?;
        }
        Ok(())
    }

    fn show_notes(&self, seat: &Seat, turn: u32, report: &Value) {
        for note in report.get("messages").and_then(Value::as_array).into_iter().flatten() {
            let field = |name| note.get(name).and_then(Value::as_str).unwrap_or_default();
            let written = note.get("turn").and_then(Value::as_u64);
            if field("to") == seat.race && written == Some(u64::from(turn.saturating_sub(1))) {
                self.story.say(format!(
                    "{} reads a note from {}: {}",
                    seat.player,
                    short(field("from")),
                    field("text")
                ));
            }
        }
    }

    async fn order_too_late(&self, player: &Player, table: &Table, turn: u32) -> Result<()> {
        let closed = turn - 2;
        let body = json!({ "turn": closed, "orders": [] });
        let call = Call::post(format!("/user/games/{}/orders", table.game_id)).with(body);
        let answer = self.rest.call(As::User(player.user_id), &call).await?;
        if answer.code() != "game_not_running" {
            answer.refused(409, "turn_already_closed")?;
        }
        self.story.say(format!(
            "{} changes their mind about turn {closed} in turn {turn}: 409 {}",
            player.name,
            answer.code()
        ));
        Ok(())
    }

    /// Who does not play gets to see nothing.
    async fn peek_from_outside(&self, cast: &Cast, table: &Table, turn: u32) -> Result<()> {
        let plays = |player: &Player| table.seats.iter().any(|seat| seat.player == player.name);
        let Some(outsider) = cast.0.iter().find(|player| !plays(player)) else { return Ok(()) };
        let call = Call::get(format!("/user/games/{}/reports/{turn}", table.game_id));
        let answer = self.rest.call(As::User(outsider.user_id), &call).await?;
        match table.owner {
            None => answer.refused(403, "not_a_member")?,
            // That there is a private game at all is nobody else's business.
            Some(_) => answer.refused(404, "game_not_found")?,
        }
        let (who, game, code) = (outsider.name, &table.name, answer.code());
        self.story.say(format!("{who} would read a report of \"{game}\" without playing: {code}"));
        Ok(())
    }

    /// The gateway drops its stream in mid-game, and misses nothing.
    async fn hang_up(&self, cast: &Cast, table: &Table) -> Result<()> {
        let seat = table.seats.first().context("a seat")?;
        let player = cast.get(seat.player)?;
        let fourth = |entry: &Entry| {
            let told = entry.told(player.user_id);
            matches!(told, Some(Payload::GameTurnReady { game_id, turn: 4 }) if game_id.uuid() == table.game_id)
        };
        let limit = TURN_PATIENCE * 5;
        let what = format!("turn 4 of {}", table.name);
        let before = self.push.wait(&what, limit, |journal| {
            journal.entries.iter().any(fourth).then_some((journal.resumes, journal.entries.len(), journal.cursor()))
        });
        let (resumes, events, cursor) = before.await?;
        self.story.say(format!("The gateway hangs up for {}, at cursor {cursor}", millis(AWAY)));
        self.push.hang_up(AWAY);
        let there = self.push.wait("the stream that was resumed", AWAY + self.patience(), |journal| {
            (journal.resumes > resumes && journal.entries.len() > events).then_some(journal.entries.len())
        });
        there.await?;
        let newest = self.observer.look(|journal| journal.entries.last().map(|entry| entry.cursor));
        let caught_up = self.push.wait("the events that were missed", self.patience(), |journal| {
            let there = journal.entries.last().map(|entry| entry.cursor) >= newest;
            there.then_some(journal.entries.len() - events)
        });
        let missed = caught_up.await?;
        self.story.say(format!("It resumes there: {missed} events were waiting; none is lost, none comes twice"));
        Ok(())
    }

    /// The winners, by push and by mail; the names that survived; the last report, when the engine is gone.
    pub(super) async fn honour(&mut self, cast: &Cast, finishes: &[Finish]) -> Result<()> {
        for finish in finishes {
            let table = &finish.table;
            let mut standing = BTreeMap::new();
            for seat in &table.seats {
                let player = cast.get(seat.player)?;
                let report = self.report(player, table, seat, finish.turns).await?;
                ensure!(is(&report, "finished"), "expected the last report of {} to say that it is over", seat.race);
                standing.insert(seat.race.clone(), is(&report, "extinct"));
                let subject = format!("{} is over", table.name);
                let mail = self
                    .mailbox
                    .wait(&player.email, self.first_mail, &subject, self.patience(), |mail| mail.subject == subject)
                    .await?;
                let words = mail.text.unwrap_or_default();
                let named = finish.winners.iter().all(|winner| words.contains(winner.as_str()));
                ensure!(
                    named && !finish.winners.is_empty(),
                    "expected the winners {:?} in the mail to {}",
                    finish.winners,
                    player.email
                );
            }
            let alive = table.seats.iter().filter(|seat| standing.get(&seat.race) == Some(&false));
            let alive: Vec<Seat> = alive.cloned().collect();
            for winner in &finish.winners {
                let player =
                    table.seats.iter().find(|seat| seat.race == *winner).context("a winner that played")?.player;
                self.story.say(format!("{player} wins \"{}\" as {winner}, announced by push and by mail", table.name));
            }
            for seat in alive {
                let player = cast.get(seat.player)?;
                self.owe(player, "lobby.race_name.pending", None, Some("Keep your race name on Galaxy".to_owned()));
                let race = &seat.race;
                let what = format!("lobby.race_name.pending for {race}");
                let wanted = |payload: &Payload| matches!(payload, Payload::LobbyRaceNamePending { race_name, .. } if race_name == race);
                let told = self.push.wait(&what, self.patience(), |journal| {
                    journal.entries.iter().filter_map(|entry| entry.told(player.user_id)).any(wanted).then_some(())
                });
                told.await?;
                self.story.say(format!("{} may register the name {race}", player.name));
            }
        }
        Ok(())
    }
}

fn is(value: &Value, field: &str) -> bool {
    value.get(field) == Some(&Value::Bool(true))
}

fn first_race(table: &Table) -> &str {
    table.seats.first().map_or("", |seat| seat.race.as_str())
}

fn races(table: &Table) -> String {
    let races = table.seats.iter().map(|seat| format!("{} as {}", seat.player, short(&seat.race)));
    races.collect::<Vec<_>>().join(", ")
}

/// The part of a name that is not the run's word.
fn short(name: &str) -> &str {
    name.split_once(' ').map_or(name, |(_, rest)| rest)
}
