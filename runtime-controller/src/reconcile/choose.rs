//! Which of what is to be done one pass begins: what changes something first, and nothing that somebody has in hand already. However many
//! engines are silent, they keep no other game from being looked after.

use chrono::{DateTime, Utc};
use shared::ids::GameId;

use super::plan::{Action, Deed};

/// Games about which one pass begins to do something; the next pass follows at once where there are more.
const AT_ONCE: usize = 500;

/// What a pass begins.
pub(super) struct Chosen {
    /// Games, with what is to be done about them in its order.
    pub(super) games: Vec<(GameId, Vec<Action>)>,
    /// Whether there are more than one pass begins.
    pub(super) more: bool,
}

/// Chooses. `is_taken` answers of a game, and whether its engine is only to be asked, whether that is being done already.
pub(super) fn choose(actions: &[Action], now: DateTime<Utc>, is_taken: impl Fn(GameId, bool) -> bool) -> Chosen {
    let mut games: Vec<(GameId, Vec<Action>)> = Vec::new();
    for action in actions.iter().filter(|action| !matches!(action.deed, Deed::Orphan { at } if at > now)) {
        match games.last_mut() {
            Some((game_id, actions)) if *game_id == action.game_id => actions.push(action.clone()),
            _ => games.push((action.game_id, vec![action.clone()])),
        }
    }
    games.retain(|(game_id, actions)| !is_taken(*game_id, only_asks(actions)));
    games.sort_by_key(|(_, actions)| only_asks(actions));
    let more = games.len() > AT_ONCE;
    games.truncate(AT_ONCE);
    Chosen { games, more }
}

/// Whether the game's engine is only asked: that holds up nothing but the next probe.
pub(super) fn only_asks(actions: &[Action]) -> bool {
    actions.iter().all(|action| matches!(action.deed, Deed::Probe { .. }))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn action(game_id: GameId, deed: Deed) -> Action {
        Action { game_id, container_id: None, deed, why: String::new() }
    }

    fn games(chosen: &Chosen) -> Vec<GameId> {
        chosen.games.iter().map(|(game_id, _)| *game_id).collect()
    }

    #[test]
    fn no_game_waits_for_the_probes_of_those_that_are_silent() {
        let silent: Vec<GameId> = (0..600).map(|_| GameId::new()).collect();
        let dead = GameId::new();
        let mut actions: Vec<Action> =
            silent.iter().map(|game_id| action(*game_id, Deed::Probe { resume: false })).collect();
        actions.extend([Deed::Forget, Deed::Revive].map(|deed| action(dead, deed)));
        let now = DateTime::UNIX_EPOCH;

        let first = choose(&actions, now, |_, _| false);
        assert_eq!((games(&first)[0], first.games[0].1.len()), (dead, 2), "what changes something comes first");
        assert_eq!(games(&first)[1..], silent[..AT_ONCE - 1], "the others in their order");
        assert!(first.more);

        // Those are being asked still: the others have their turn.
        let asked: HashSet<GameId> = games(&first).into_iter().collect();
        let next = choose(&actions, now, |game_id, probe| probe && asked.contains(&game_id));
        assert_eq!(games(&next)[1..], silent[AT_ONCE - 1..]);
        assert!(!next.more, "and nobody looks again and again for those that are in hand");
    }

    #[test]
    fn an_orphan_has_its_grace() {
        let (now, game_id) = (DateTime::UNIX_EPOCH, GameId::new());
        let orphan = |seconds| action(game_id, Deed::Orphan { at: now + chrono::TimeDelta::seconds(seconds) });
        assert!(choose(&[orphan(1)], now, |_, _| false).games.is_empty());
        assert_eq!(games(&choose(&[orphan(0)], now, |_, _| false)), [game_id]);
    }
}
