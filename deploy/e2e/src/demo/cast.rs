//! Who plays.

use std::net::Ipv4Addr;

use rand::Rng as _;
use uuid::Uuid;

/// A player.
#[derive(Debug, Clone)]
pub struct Player {
    /// What friends say.
    pub name: &'static str,
    /// Their address.
    pub email: String,
    /// Where they sit.
    pub address: Ipv4Addr,
    /// Their account.
    pub user_id: Uuid,
    /// The handle that they picked.
    pub user_name: String,
    /// The session of the device that they use.
    pub session: Uuid,
    /// That session's token.
    pub token: String,
}

/// Everybody, in the order in which they come.
#[derive(Debug, Clone, Default)]
pub struct Cast(pub Vec<Player>);

/// The players' names.
pub const NAMES: [&str; 5] = ["Ada", "Boris", "Chloe", "Dmitri", "Eva"];

impl Cast {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The player of this name.
    ///
    /// # Errors
    /// When nobody is called that.
    pub fn get(&self, name: &str) -> anyhow::Result<&Player> {
        self.0.iter().find(|player| player.name == name).ok_or_else(|| anyhow::anyhow!("nobody is called {name}"))
    }
}

/// One player's seat in a game.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Who sits there.
    pub player: &'static str,
    /// Under which race name.
    pub race: String,
    /// From 0, who settles and learns, to 1, who conquers.
    pub aggressiveness: f64,
}

/// A game with its seats taken.
#[derive(Debug, Clone)]
pub struct Table {
    /// The game.
    pub game_id: Uuid,
    /// The game's name, as people see it.
    pub name: String,
    /// Who plays.
    pub seats: Vec<Seat>,
    /// The user who runs it; none: the administrator.
    pub owner: Option<Uuid>,
}

impl Table {
    /// The path below which its manager acts on it.
    pub fn manage(&self) -> String {
        let group = if self.owner.is_some() { "/user/lobby" } else { "/admin" };
        format!("{group}/games/{}", self.game_id)
    }
}

/// A word that sets one run apart from the others on the same database; it can be spoken, and no two of its letters look alike.
pub fn word() -> String {
    let mut random = rand::rng();
    let mut pick =
        |letters: &[u8]| char::from(letters.get(random.random_range(0..letters.len())).copied().unwrap_or(b'a'));
    let mut word = String::new();
    for _ in 0..4 {
        word.push(pick(b"bdfgkprstvz"));
        word.push(pick(b"aeou"));
    }
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_names() {
        for _ in 0..100 {
            let word = word();
            assert_eq!(word.len(), 8);
            assert!(word.starts_with(|c: char| c.is_ascii_uppercase()));
            let name = format!("{word} Dominion");
            assert!(shared::domain::race_name::parse(&name).is_ok());
        }
    }
}
