//! The reference game as the SDK takes it.

use galaxy_engine_sdk::{Beginning, Race, Refusal, Status};
use serde_json::Value;

use crate::game::state::FORMAT;
use crate::game::{Game, Rules};
use crate::settings;

/// The reference game, with the balance that a game has whose settings say nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reference {
    /// From the environment.
    pub rules: Rules,
}

impl galaxy_engine_sdk::Game for Reference {
    type State = Game;

    const FORMAT: u32 = FORMAT;

    fn init(&self, begin: &Beginning) -> Result<Game, Refusal> {
        let rules = settings::of_game(&begin.settings, self.rules);
        let rules = rules.map_err(|fault| Refusal::InvalidInit(vec![fault]))?;
        Game::begin(&begin.game_id, &begin.races, rules)
    }

    fn turn(&self, game: &Game) -> Result<Game, Refusal> {
        Ok(game.next_turn())
    }

    fn banish(&self, game: &Game, race_name: &str) -> Result<Game, Refusal> {
        game.banish(race_name)
    }

    fn command(&self, game: &Game, race_name: &str, commands: &[Value]) -> Result<Game, Refusal> {
        game.command(race_name, commands)
    }

    fn order(&self, game: &Game, race_name: &str, orders: &[Value]) -> Result<Game, Refusal> {
        game.order(race_name, orders)
    }

    fn report(&self, game: &Game, race_name: &str) -> Value {
        game.report(race_name).unwrap_or(Value::Null)
    }

    fn status(&self, game: &Game) -> Status {
        let races = game.standings().into_iter().map(|race| Race {
            race_name: race.race_name,
            extinct: race.extinct,
            planets: Some(race.planets.into()),
            population: Some(race.population.into()),
        });
        Status { finished: game.finished, winners: game.winners.clone(), races: races.collect() }
    }
}
