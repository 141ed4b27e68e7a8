use super::*;
use crate::game::{Game, Rules};

/// Plays a game to its end; `None` stands for a player who never gives an order.
fn play(game_id: &str, players: &[Option<f64>]) -> Game {
    let names: Vec<String> = (0..players.len()).map(|number| format!("Race {number}")).collect();
    let mut game = Game::begin(game_id, &names, Rules::default()).unwrap();
    while !game.finished {
        for (name, player) in names.iter().zip(players) {
            let Some(aggressiveness) = player else { continue };
            let orders = orders(&game.report(name).unwrap(), *aggressiveness);
            let taken = game.order(name, &orders);
            game = taken.unwrap_or_else(|refusal| panic!("turn {}: {refusal:?} for {orders:?}", game.turn));
        }
        game = game.next_turn();
    }
    game
}

/// The balance that the demo relies on: a conqueror among peaceful or idle races wins before the limit, and soon.
fn conqueror_wins(others: &[Option<f64>], median_turn: u32) {
    let players: Vec<Option<f64>> = std::iter::once(Some(1.0)).chain(others.iter().copied()).collect();
    let mut turns = Vec::new();
    for number in 0..15 {
        let game = play(&format!("balance-{number}"), &players);
        assert_eq!(game.winners, ["Race 0"], "game {number} against {others:?}");
        turns.push(game.turn);
    }
    turns.sort_unstable();
    assert!(turns[7] <= median_turn, "against {others:?} it took {turns:?}");
}

#[test]
fn a_conqueror_beats_one_race() {
    conqueror_wins(&[Some(0.2)], 10);
    conqueror_wins(&[None], 10);
}

#[test]
fn a_conqueror_beats_two_races() {
    conqueror_wins(&[Some(0.2), Some(0.2)], 13);
}

#[test]
fn a_conqueror_beats_three_races() {
    conqueror_wins(&[Some(0.2), Some(0.2), Some(0.2)], 15);
    conqueror_wins(&[None, None, None], 16);
}

#[test]
fn peaceful_races_play_to_the_limit() {
    let game = play("peace", &[Some(0.1), Some(0.1), Some(0.1)]);
    assert_eq!(game.turn, Rules::default().turn_limit);
    assert!(game.races.iter().all(|race| !race.extinct));
}

#[test]
fn equal_conquerors_still_give_valid_orders() {
    for number in 0..5 {
        play(&format!("war-{number}"), &[Some(1.0), Some(0.8), Some(0.6), Some(0.4), Some(1.0)]);
    }
}

#[test]
fn an_unreadable_report_gives_no_orders() {
    assert!(orders(&serde_json::json!({"turn": 3}), 1.0).is_empty());
    assert!(orders(&Value::Null, f64::NAN).is_empty());
}
