//! The rules seen as a whole.

use serde_json::{Value, json};

use super::event::What;
use super::message::MAX_MESSAGES_TO_ONE;
use super::planet::PlanetId;
use super::race::RaceId;
use super::{Game, Refusal, Rules};

fn game(races: usize) -> Game {
    let names: Vec<String> = (0..races).map(|number| format!("Race {number}")).collect();
    Game::begin("test-game", &names, Rules::default()).unwrap()
}

fn home(game: &Game, race: u16) -> PlanetId {
    game.planets_of(RaceId(race)).next().unwrap().id
}

fn send(from: PlanetId, to: PlanetId, ships: u32) -> Value {
    json!({"kind": "send_fleet", "from": from, "to": to, "ships": ships})
}

/// Closes turns until a fleet has arrived somewhere or nothing flies any more.
fn until_landed(mut game: Game) -> Game {
    while !game.fleets.is_empty() || game.races.iter().any(|race| !race.orders.is_empty()) {
        game = game.next_turn();
    }
    game
}

fn codes(refusal: Refusal) -> Vec<(String, &'static str)> {
    match refusal {
        Refusal::InvalidOrders(faults) | Refusal::InvalidCommands(faults) | Refusal::InvalidInit(faults) => {
            faults.into_iter().map(|fault| (fault.pointer, fault.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_seed_and_orders_give_the_same_game() {
    let run = |id: &str| {
        let names = ["Zed".to_owned(), "Ann".to_owned(), "Kim".to_owned()];
        let mut game = Game::begin(id, &names, Rules::default()).unwrap();
        while !game.finished {
            for (name, boldness) in names.iter().zip([1.0, 0.6, 0.1]) {
                let orders = crate::strategy::orders(&game.report(name).unwrap(), boldness);
                game = game.order(name, &orders).unwrap_or(game);
            }
            game = game.next_turn();
        }
        game.fingerprint().unwrap()
    };
    assert_eq!(run("one"), run("one"));
    assert_ne!(run("one"), run("two"));
}

#[test]
fn the_state_survives_being_written() {
    let mut game = game(4);
    let orders = [send(home(&game, 0), home(&game, 1), 4)];
    game = game.order("Race 0", &orders).unwrap().next_turn();
    let read: Game = serde_json::from_slice(&serde_json::to_vec(&game).unwrap()).unwrap();
    assert_eq!(read, game);
    assert_eq!(read.fingerprint().unwrap(), game.fingerprint().unwrap());
    assert_eq!(read.next_turn(), game.next_turn());
}

#[test]
fn the_order_of_names_does_not_matter() {
    let begin = |names: [&str; 2]| Game::begin("g", &names.map(str::to_owned), Rules::default()).unwrap();
    assert_eq!(begin(["A", "B"]), begin(["B", "A"]));
}

#[test]
fn more_races_than_the_game_takes_are_refused() {
    let begin = |races: usize| {
        let names: Vec<String> = (0..races).map(|number| format!("Race {number}")).collect();
        Game::begin("g", &names, Rules::default())
    };
    assert_eq!(begin(256).unwrap().races.len(), 256);
    assert_eq!(codes(begin(257).unwrap_err()), [("/races".to_owned(), "bad_race_count")]);
}

#[test]
fn a_strong_attack_conquers_and_the_last_race_wins() {
    let mut game = game(2);
    let (from, to) = (home(&game, 0), home(&game, 1));
    game.planet_mut(from).unwrap().ships = 60;
    game = game.order("Race 0", &[send(from, to, 59)]).unwrap();
    game = until_landed(game);
    assert_eq!(game.planet(to).unwrap().owner, Some(RaceId(0)));
    assert!(game.race(RaceId(1)).unwrap().extinct);
    assert!(game.finished);
    assert_eq!(game.winners, ["Race 0"]);
    let told = |what: &What| matches!(what, What::PlanetConquered { planet, .. } if *planet == to);
    assert!(game.events.iter().any(|event| told(&event.what)));
    let kinds: Vec<&What> = game.events.iter().map(|event| &event.what).collect();
    assert!(kinds.contains(&&What::RaceExtinct { race_name: "Race 1".into() }), "{kinds:?}");
}

#[test]
fn a_weak_attack_is_lost() {
    let mut game = game(2);
    let (from, to) = (home(&game, 0), home(&game, 1));
    game = game.order("Race 0", &[send(from, to, 2)]).unwrap();
    game.planet_mut(to).unwrap().ships = 50;
    game = until_landed(game);
    assert_eq!(game.planet(to).unwrap().owner, Some(RaceId(1)));
    assert!(game.planet(to).unwrap().ships >= 47);
    assert!(!game.finished);
}

#[test]
fn a_race_with_ships_under_way_is_not_extinct() {
    let mut game = game(3);
    let (from, to) = (home(&game, 0), home(&game, 1));
    game = game.order("Race 0", &[send(from, to, 5)]).unwrap();
    game.carry_out_orders_for_test();
    game.planet_mut(from).unwrap().abandon();
    game.planet_mut(to).unwrap().ships = 100;
    game.fleets[0].remaining = 3;
    game = game.next_turn();
    assert!(!game.race(RaceId(0)).unwrap().extinct);
    game = until_landed(game);
    assert!(game.race(RaceId(0)).unwrap().extinct);
    assert!(!game.finished, "two races are left");
}

#[test]
fn the_turn_limit_decides_by_population() {
    let mut game = game(3);
    for _ in 0..Rules::default().turn_limit {
        assert!(!game.finished);
        game = game.next_turn();
    }
    assert!(game.finished);
    assert_eq!(game.winners, ["Race 0", "Race 1", "Race 2"], "equal homes, equal people: all win");
    let mut game = self::game(3);
    game.turn = Rules::default().turn_limit - 1;
    let most = home(&game, 1);
    game.planet_mut(most).unwrap().population = 99;
    assert_eq!(game.next_turn().winners, ["Race 1"]);
}

#[test]
fn a_single_race_plays_to_the_limit() {
    let mut game = game(1);
    game = game.next_turn();
    assert!(!game.finished);
    game.turn = Rules::default().turn_limit - 1;
    assert_eq!(game.next_turn().winners, ["Race 0"]);
}

#[test]
fn a_banished_race_is_gone_at_once() {
    let mut game = game(3);
    let (from, to) = (home(&game, 0), home(&game, 1));
    game = game.order("Race 0", &[send(from, to, 5)]).unwrap().next_turn();
    let game = game.banish("Race 0").unwrap();
    assert!(game.race(RaceId(0)).unwrap().extinct);
    assert_eq!(game.planet(from).unwrap().owner, None);
    assert!(game.planet(from).unwrap().population > 0);
    assert!(game.fleets.is_empty());
    assert_eq!(game.banish("Race 9"), Err(Refusal::UnknownRace));
    let game = game.next_turn();
    assert_eq!(game.events[0].what, What::RaceBanished { race_name: "Race 0".into() });
    assert!(!game.finished);
    let game = game.banish("Race 1").unwrap();
    assert!(!game.finished, "who wins is decided when the turn closes");
    assert_eq!(game.next_turn().winners, ["Race 2"]);
}

#[test]
fn orders_are_all_or_nothing_and_every_fault_is_told() {
    let game = game(2);
    let (own, other) = (home(&game, 0), home(&game, 1));
    let orders = [
        send(own, other, 4),
        send(own, other, 7),
        send(own, own, 1),
        send(own, other, 0),
        send(other, own, 1),
        send(own, PlanetId(999), 1),
        json!({"kind": "dance"}),
        json!({"kind": "send_fleet", "from": 1}),
        json!({"kind": "set_focus", "planet": own, "focus": "ships", "extra": 1}),
        json!({"kind": "recall_fleet", "fleet": 77}),
        json!([]),
        json!({}),
    ];
    let faults = codes(game.order("Race 0", &orders).unwrap_err());
    let expected = [
        "not_enough_ships",
        "same_planet",
        "no_ships",
        "not_your_planet",
        "unknown_planet",
        "unknown_kind",
        "malformed",
        "malformed",
        "unknown_fleet",
        "not_an_object",
        "missing_kind",
    ];
    let expected: Vec<_> = (1..).zip(expected).map(|(index, code)| (format!("/orders/{index}"), code)).collect();
    assert_eq!(faults, expected);
    let many = vec![json!({}); 1001];
    assert_eq!(codes(game.order("Race 0", &many).unwrap_err())[0].1, "too_many_orders");
}

#[test]
fn later_orders_replace_earlier_ones() {
    let game = game(2);
    let (own, other) = (home(&game, 0), home(&game, 1));
    let game = game.order("Race 0", &[send(own, other, 10)]).unwrap();
    let game = game.order("Race 0", &[send(own, other, 3)]).unwrap();
    let closed = game.next_turn();
    assert_eq!(closed.fleets.iter().map(|fleet| fleet.ships).sum::<u32>(), 3);
    assert_eq!(closed.planet(own).unwrap().ships, 7);
}

#[test]
fn a_recalled_fleet_comes_home() {
    let game = game(2);
    let (own, other) = (home(&game, 0), home(&game, 1));
    let game = game.order("Race 0", &[send(own, other, 4)]).unwrap().next_turn();
    let fleet = game.fleets[0].id;
    let recall = json!({"kind": "recall_fleet", "fleet": fleet});
    let game = until_landed(game.order("Race 0", &[recall]).unwrap());
    assert_eq!(game.planet(own).unwrap().ships, 10);
}

#[test]
fn commands_act_at_once_or_not_at_all() {
    let game = game(2);
    let (own, other) = (home(&game, 0), home(&game, 1));
    let note = json!({"kind": "send_message", "to": "Race 1", "text": "Peace?"});
    let commands = [
        json!({"kind": "rename_planet", "planet": own, "name": " Eden "}),
        json!({"kind": "set_focus", "planet": own, "focus": "research"}),
        json!({"kind": "set_research", "technology": "shields"}),
        note.clone(),
        note,
    ];
    let done = game.command("Race 0", &commands).unwrap();
    assert_eq!(done.planet(own).unwrap().name, "Eden");
    assert_eq!(done.messages.len(), 1, "a repeated note is one note");
    assert_eq!(done.report("Race 1").unwrap()["messages"][0]["text"], "Peace?");
    assert_eq!(done.next_turn().report("Race 1").unwrap()["messages"][0]["from"], "Race 0");
    assert_eq!(done.next_turn().next_turn().messages.len(), 0);

    let bad = [
        json!({"kind": "rename_planet", "planet": own, "name": "Eden"}),
        json!({"kind": "rename_planet", "planet": other, "name": "Mine"}),
        json!({"kind": "rename_planet", "planet": own, "name": "\u{7}"}),
        json!({"kind": "send_message", "to": "Race 0", "text": "me"}),
        json!({"kind": "send_message", "to": "Race 7", "text": "who"}),
    ];
    let faults: Vec<_> = codes(game.command("Race 0", &bad).unwrap_err()).into_iter().map(|(_, code)| code).collect();
    assert_eq!(faults, ["not_your_planet", "bad_text", "own_race", "unknown_race"]);
}

#[test]
fn the_longest_notes_that_everybody_may_write_leave_each_report_below_the_platforms_limit() {
    let mut game = game(12);
    for _ in 0..2 {
        for from in 0..12 {
            for to in (0..12).filter(|to| *to != from) {
                // Four bytes a character, and no two notes alike.
                let text = |n: usize| format!("{n}{}", "\u{1f680}".repeat(999));
                let note = |n| json!({"kind": "send_message", "to": format!("Race {to}"), "text": text(n)});
                let notes: Vec<Value> = (0..4).map(note).collect();
                if let Ok(done) = game.command(&format!("Race {from}"), &notes) {
                    game = done;
                }
            }
        }
        let longest =
            (0..12).map(|race| game.report(&format!("Race {race}")).unwrap().to_string().len()).max().unwrap();
        assert!(longest > 300_000, "{longest}: notes were written");
        assert!(longest < 1024 * 1024, "{longest}");
        game = game.next_turn();
    }
}

#[test]
fn nobody_fills_the_post_of_another_alone() {
    let mut game = game(3);
    let note = |n: usize| json!({"kind": "send_message", "to": "Race 1", "text": format!("note {n}")});
    for n in 0..MAX_MESSAGES_TO_ONE {
        game = game.command("Race 0", &[note(n)]).unwrap();
    }
    let refused = game.command("Race 0", &[note(99)]).unwrap_err();
    assert_eq!(codes(refused), [("/commands/0".to_owned(), "too_many_messages")]);
    assert!(game.command("Race 2", &[note(0)]).is_ok());
}

#[test]
fn a_report_shows_what_sensors_see_and_everything_at_the_end() {
    let mut game = game(9);
    let report = game.report("Race 4").unwrap();
    assert_eq!(report["planets"].as_array().unwrap().len(), 1);
    assert!(!report["neighbours"].as_array().unwrap().is_empty());
    assert!(!report["unexplored"].as_array().unwrap().is_empty());
    assert_eq!(report["scores"].as_array().unwrap().len(), 9);
    assert!(report["unexplored"][0].get("ships").is_none());
    game.turn = Rules::default().turn_limit - 1;
    let report = game.next_turn().report("Race 4").unwrap();
    assert!(report["unexplored"].as_array().unwrap().is_empty());
    assert_eq!(game.report("Nobody"), Err(Refusal::UnknownRace));
}

#[test]
fn three_races_at_one_planet_leave_one() {
    let mut game = game(3);
    let target = game.planets.iter().find(|planet| planet.owner.is_none()).unwrap().id;
    for race in 0..3 {
        let from = home(&game, race);
        game.planet_mut(from).unwrap().ships = 40;
        game = game.order(&format!("Race {race}"), &[send(from, target, 20 + u32::from(race) * 10)]).unwrap();
    }
    game.carry_out_orders_for_test();
    for fleet in &mut game.fleets {
        fleet.remaining = 1;
    }
    let game = game.next_turn();
    assert_eq!(game.planet(target).unwrap().owner, Some(RaceId(2)));
    let battle = game.events.iter().find(|event| matches!(event.what, What::Battle { .. })).unwrap();
    assert_eq!(battle.readers.len(), 3);
}
