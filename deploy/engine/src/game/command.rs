//! Commands: what a race does at once, without waiting for the turn.

use serde::Deserialize;
use serde_json::Value;

use super::message::{MAX_MESSAGE, MAX_MESSAGES_PER_TURN, MAX_MESSAGES_RECEIVED, MAX_MESSAGES_TO_ONE, Message};
use super::order::parse;
use super::planet::{Focus, PlanetId};
use super::race::{RaceId, Technology};
use super::state::Game;
use super::{Fault, Refusal};

/// Commands in one request.
pub const MAX_COMMANDS: usize = 1000;
/// Characters in a planet's name.
pub const MAX_PLANET_NAME: usize = 40;

/// One command. Each may be repeated without harm, as a caller does that lost the answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Renames an own planet.
    RenamePlanet {
        /// The planet that is meant.
        planet: PlanetId,
        /// 1 to 40 characters, no control characters.
        name: String,
    },
    /// Sets what an own planet makes.
    SetFocus {
        /// The planet that is meant.
        planet: PlanetId,
        /// What the planet makes from now on.
        focus: Focus,
    },
    /// Sets what the race learns; points saved so far are kept.
    SetResearch {
        /// The technology that the race learns.
        technology: Technology,
    },
    /// Writes a note to another race. The same note twice in a turn is one.
    SendMessage {
        /// The other race's name.
        to: String,
        /// 1 to 1000 characters.
        text: String,
    },
}

const KINDS: [&str; 4] = ["rename_planet", "set_focus", "set_research", "send_message"];

impl Game {
    /// Carries out a race's commands, all or none.
    ///
    /// # Errors
    /// Refused for an unknown race, too many commands, or one that fails.
    pub fn command(&self, race_name: &str, commands: &[Value]) -> Result<Game, Refusal> {
        let race = self.seat_of(race_name).ok_or(Refusal::UnknownRace)?;
        if commands.len() > MAX_COMMANDS {
            let fault = Fault::new("too_many_commands", format!("at most {MAX_COMMANDS} commands at once"));
            return Err(Refusal::InvalidCommands(vec![fault.at("/commands")]));
        }
        let (mut game, mut faults) = (self.clone(), Vec::new());
        for (index, value) in commands.iter().enumerate() {
            let done = parse::<Command>(value, &KINDS).and_then(|command| game.perform(race, command));
            if let Err(fault) = done {
                faults.push(fault.at(format!("/commands/{index}")));
            }
        }
        if faults.is_empty() { Ok(game) } else { Err(Refusal::InvalidCommands(faults)) }
    }

    fn perform(&mut self, race: RaceId, command: Command) -> Result<(), Fault> {
        match command {
            Command::RenamePlanet { planet, name } => {
                let planet = self.own_planet(race, planet)?;
                planet.name = text(&name, MAX_PLANET_NAME)?;
                Ok(())
            }
            Command::SetFocus { planet, focus } => self.set_focus(race, planet, focus),
            Command::SetResearch { technology } => self.set_research(race, technology),
            Command::SendMessage { to, text: body } => {
                let to = self.seat_of(&to).ok_or_else(|| Fault::new("unknown_race", "no such race plays"))?;
                if to == race {
                    return Err(Fault::new("own_race", "a note goes to another race"));
                }
                let message = Message { turn: self.turn, from: race, to, text: text(&body, MAX_MESSAGE)? };
                if self.messages.contains(&message) {
                    return Ok(());
                }
                let today = self.messages.iter().filter(|message| message.turn == self.turn);
                let written = today.clone().filter(|message| message.from == race);
                let received = today.filter(|message| message.to == to);
                let full = if written.clone().count() >= MAX_MESSAGES_PER_TURN {
                    format!("at most {MAX_MESSAGES_PER_TURN} notes a turn")
                } else if written.filter(|message| message.to == to).count() >= MAX_MESSAGES_TO_ONE {
                    format!("at most {MAX_MESSAGES_TO_ONE} notes a turn to one race")
                } else if received.count() >= MAX_MESSAGES_RECEIVED {
                    format!("a race gets at most {MAX_MESSAGES_RECEIVED} notes a turn")
                } else {
                    self.messages.push(message);
                    return Ok(());
                };
                Err(Fault::new("too_many_messages", full))
            }
        }
    }
}

fn text(given: &str, longest: usize) -> Result<String, Fault> {
    let trimmed = given.trim();
    let printable = !trimmed.chars().any(|character| character.is_control() && character != '\n');
    if trimmed.is_empty() || trimmed.chars().count() > longest || !printable {
        return Err(Fault::new("bad_text", format!("1 to {longest} characters without control characters")));
    }
    Ok(trimmed.to_owned())
}
