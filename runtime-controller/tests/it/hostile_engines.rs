//! Engines that answer as none should, while games are started, turns generated and games ended: each has its exact outcome for its own
//! game, and none for its neighbour's. What the bytes of an answer may be is tested at the door (`shared/src/engine_client/tests`).

use serde_json::{Value, json};
use shared::ids::GameId;
use testkit::eventually;
use testkit::scripted::{Boot, Call, Rule, Script, seen};

use crate::turns::each_turn_once;
use crate::world::{SOON, World};

const RACES: [&str; 2] = ["Ants", "Bees"];
/// Nothing here is about time: a busy machine is no silent engine.
const PATIENT: (&str, &str) = ("BACKEND_ENGINE_PROBE_TIMEOUT", "30s");

/// One after the other: a database for tests has few connections.
async fn games(world: &World, scripts: impl Iterator<Item = Script>) -> Vec<GameId> {
    let mut games = Vec::new();
    for script in scripts {
        games.push(world.scripted("@every 1s", script).await);
    }
    games
}

/// An answer of the contract to a turn, with these members in place of its own.
fn merged(members: Value) -> Rule {
    Rule { merge: members.as_object().cloned(), ..Rule::on(Call::Turn) }
}

fn answered(status: u16, body: &str) -> Rule {
    Rule { status: Some(status), body: Some(body.to_owned()), ..Rule::on(Call::Turn) }
}

fn raw(text: impl Into<String>) -> Rule {
    Rule { raw: Some(text.into()), ..Rule::on(Call::Turn) }
}

fn race(name: &str) -> Value {
    json!({ "race_name": name, "planets": 1, "population": 1, "extinct": false })
}

/// What an engine does at its first turn, and what is found in the reason for which its game is paused.
fn turns() -> Vec<(&'static str, Rule, &'static str)> {
    let deep: Value = serde_json::from_str(&format!("{}{}", "[".repeat(110), "]".repeat(110))).unwrap();
    let many: String = (0..5_000).map(|n| format!("x-{n}: {}\r\n", "y".repeat(200))).collect();
    let invented: Vec<_> = RACES.into_iter().map(race).chain((0..20).map(|n| race(&format!("Invented {n}")))).collect();
    vec![
        ("invented races", merged(json!({ "races": invented })), "`Invented 0` is no race of this game"),
        ("a race less", merged(json!({ "races": [race("Ants")] })), "the race `Bees` is missing"),
        ("a race twice", merged(json!({ "races": [race("Ants"), race("Ants")] })), "twice"),
        ("a turn too far", merged(json!({ "turn": 7 })), "the engine is at turn 7, not at 0 or the next"),
        ("a turn beyond numbers", merged(json!({ "turn": 1_u64 << 40 })), "not to its contract"),
        ("a turn as text", merged(json!({ "turn": "1" })), "not to its contract"),
        ("winners before the end", merged(json!({ "winners": ["Ants"] })), "winners of a game that is not finished"),
        (
            "winners of another game",
            merged(json!({ "finished": true, "winners": ["Wasps"] })),
            "`Wasps` is none of its races",
        ),
        ("a NUL among the winners", merged(json!({ "finished": true, "winners": ["Ants\u{0}"] })), "it holds a NUL"),
        ("deep JSON", merged(json!({ "x": deep })), "nested deeper"),
        ("HTML", answered(200, "<html>It works!</html>"), "not to its contract"),
        ("a megabyte of blanks", Rule { pad: 2 << 20, ..Rule::on(Call::Turn) }, "longer than 524288 bytes"),
        (
            "a redirect",
            Rule {
                headers: [("location".to_owned(), "http://169.254.169.254/".to_owned())].into(),
                ..answered(302, "")
            },
            "302 engine_error",
        ),
        (
            "a refusal with words",
            answered(403, r#"{"code":"no_platform","detail":"who are you?"}"#),
            "403 no_platform: who are you?",
        ),
        ("not HTTP", raw("SSH-2.0-OpenSSH_9.2\r\n"), "not HTTP"),
        ("huge headers", raw(format!("HTTP/1.1 200 OK\r\n{many}\r\n")), "not HTTP"),
        ("last words", Rule { say: "my map is broken".to_owned(), ..answered(409, "{}") }, "it said: my map is broken"),
    ]
}

#[tokio::test]
async fn a_turn_that_is_answered_badly_pauses_its_game_with_the_reason_and_no_other() {
    let world = World::with_scripts().await;
    let kinds = turns();
    let neighbour = world.scripted("@every 1s", Script { turn_limit: Some(1_000), ..Script::default() }).await;
    let games = games(&world, kinds.iter().map(|(_, rule, _)| Script::of([rule.clone()]))).await;
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1000"), PATIENT]);
    for (game_id, (kind, _, said)) in games.iter().zip(&kinds) {
        world.reaches(*game_id, "paused").await;
        let shown = world
            .text("SELECT concat_ws(' ', status, pause_reason, current_turn) FROM games WHERE game_id = $1", *game_id)
            .await;
        assert_eq!(shown, "paused generation_failed 0", "{kind}");
        let error = world.text("SELECT last_error FROM runtime_turns WHERE game_id = $1", *game_id).await;
        assert!(error.contains(said) && error.chars().count() <= 1_500, "{kind}: {error}");
        let reason = world
            .text(
                "SELECT payload ->> 'reason' FROM notifications WHERE game_id = $1 AND kind = 'game.generation.failed'",
                *game_id,
            )
            .await;
        assert!((1..=300).contains(&reason.chars().count()), "{kind}: {reason}");
        assert!(world.told(*game_id, "game.finished").await.is_empty(), "{kind}");
        assert_eq!(world.told(*game_id, "game.paused").await.len(), 1, "{kind}");
    }
    // Nothing of it is seen next door.
    let turn = world.turn(neighbour).await;
    world.reaches_turn(neighbour, turn + 2).await;
    assert_eq!(world.status(neighbour).await, "running");
    assert!(world.told(neighbour, "game.paused").await.is_empty());
    controller.kill9();
    each_turn_once(&world, neighbour).await;
    let longest = controller.lines().iter().map(String::len).max().unwrap_or_default();
    assert!(longest < 4_000, "a log line of {longest} bytes");
}

#[tokio::test]
async fn a_start_that_is_answered_badly_fails_with_the_reason_and_its_owner_is_told() {
    let on_init = |rule: Rule| Script::of([Rule { call: Some(Call::Init), ..rule }]);
    let kinds = [
        (
            "a refusal",
            on_init(answered(422, r#"{"code":"bad_settings","detail":"a map of 9 planets"}"#)),
            "422 bad_settings: a map of 9 planets",
            "bad_settings: a map of 9 planets",
        ),
        ("HTML", on_init(answered(200, "<html>")), "not to its contract", "as the platform is set up"),
        (
            "invented races",
            on_init(merged(json!({ "races": [race("Wasps")] }))),
            "`Wasps` is no race",
            "as the platform is set up",
        ),
        (
            "another game",
            on_init(merged(json!({ "game_id": GameId::new() }))),
            "holds another game",
            "as the platform is set up",
        ),
        ("a turn too far", on_init(merged(json!({ "turn": 5 }))), "stands at turn 5", "as the platform is set up"),
        (
            "death",
            Script {
                boot: Boot { say: "no licence".into(), die_after_ms: Some(0), ..Boot::default() },
                ..Script::default()
            },
            "no licence",
            "did not start",
        ),
    ];
    let world = World::with_scripts().await;
    let games = games(&world, kinds.iter().map(|(_, script, ..)| script.clone())).await;
    let neighbour = world.scripted("@every 1s", Script::default()).await;
    for game_id in &games {
        sqlx::query("UPDATE games SET owner_user_id = (SELECT user_id FROM memberships WHERE game_id = $1 LIMIT 1) WHERE game_id = $1")
            .bind(game_id.uuid())
            .execute(&world.pool())
            .await
            .unwrap();
    }
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1000"), PATIENT]);
    for (game_id, (kind, _, said, told)) in games.iter().zip(&kinds) {
        world.reaches(*game_id, "start_failed").await;
        let error = world.last_error(*game_id).await;
        assert!(error.contains(said), "{kind}: {error}");
        let notice = world
            .text(
                "SELECT payload ->> 'reason' FROM notifications
            WHERE game_id = $1 AND kind = 'game.start_failed' AND cardinality(user_ids) = 1",
                *game_id,
            )
            .await;
        assert!(notice.contains(told) && !notice.contains("no licence"), "{kind}: {notice}");
        assert!(world.told(*game_id, "game.started").await.is_empty(), "{kind}");
    }
    world.reaches_turn(neighbour, 2).await;
    assert!(world.told(neighbour, "game.start_failed").await.is_empty());
    controller.kill9();
}

#[tokio::test]
async fn a_game_finishes_without_the_reports_that_cannot_be_kept() {
    let report = |rule: Rule| Script {
        turn_limit: Some(2),
        ..Script::of([Rule { call: Some(Call::Report), turn: None, ..rule }])
    };
    // Two races, turns 0 to 2: six reports, of which these are kept.
    let kinds = [
        ("too long", Script { report_bytes: 2 << 20, turn_limit: Some(2), ..Script::default() }, 0, "longer than"),
        ("HTML", report(answered(200, "<html>")), 0, "not JSON"),
        ("a NUL", report(answered(200, r#"["\u0000"]"#)), 0, "a NUL"),
        ("bottomless", report(answered(200, &format!("{}{}", "[".repeat(500), "]".repeat(500)))), 0, "nested deeper"),
        ("refused", report(answered(403, "")), 0, "403 engine_error"),
        ("one of them", report(Rule { times: Some(1), ..answered(200, "<html>") }), 5, "not JSON"),
        ("none there", report(answered(404, "")), 0, ""),
        ("sound ones", Script { turn_limit: Some(2), ..Script::default() }, 6, ""),
    ];
    let world = World::with_scripts().await;
    let games = games(&world, kinds.iter().map(|(_, script, ..)| script.clone())).await;
    let mut controller = world.controller(&[PATIENT]);
    for (game_id, (kind, _, kept, said)) in games.iter().zip(&kinds) {
        world.reaches(*game_id, "finished").await;
        let reports = world.number("SELECT count(*) FROM engine_reports WHERE game_id = $1", *game_id).await;
        assert_eq!(reports, *kept, "{kind}");
        let noted =
            "SELECT detail FROM runtime_operations WHERE game_id = $1 AND op = 'reports' AND outcome = 'left_out'
                     UNION ALL SELECT '' LIMIT 1";
        let noted = world.text(noted, *game_id).await;
        assert!(noted.contains(said) && noted.is_empty() == said.is_empty(), "{kind}: {noted}");
        assert_eq!(world.told(*game_id, "game.finished").await.len(), 1, "{kind}");
        assert!(world.told(*game_id, "game.paused").await.is_empty(), "{kind}");
        eventually(SOON, "its engine is gone", || async { world.engines(*game_id).is_empty() }).await;
    }
    controller.kill9();
}

#[tokio::test]
async fn an_ended_game_whose_engine_tells_any_turn_is_asked_for_no_report_of_it() {
    let world = World::with_scripts().await;
    let games = games(&world, [Script::default(), Script::default()].into_iter()).await;
    let mut controller = world.controller(&[("GALAXY_TURN_LIMIT", "1000"), PATIENT]);
    for game_id in &games {
        world.reaches_turn(*game_id, 1).await;
    }
    let (lying, honest) = (games[0], games[1]);
    let rule = Rule { call: Some(Call::Status), ..merged(json!({ "turn": i32::MAX })) };
    world.script(lying, [rule]);
    for game_id in &games {
        world.ended_by_hand(*game_id).await;
        eventually(SOON, "its engine is gone", || async { world.engines(*game_id).is_empty() }).await;
        world.job_ends(*game_id, "stop", "succeeded").await;
    }
    let reports = "SELECT count(*) FROM engine_reports WHERE game_id = $1";
    assert_eq!(world.number(reports, lying).await, 0);
    assert!(world.number(reports, honest).await >= 4, "two races, two turns");
    let peak = controller.peak_memory();
    assert!((1..96 << 20).contains(&peak), "{} MiB", peak >> 20);
    controller.kill9();
}

#[tokio::test]
async fn games_whose_engines_hold_all_places_for_reports_put_an_honest_one_off_and_cost_it_nothing() {
    let world = World::with_scripts().await;
    let ends = |rules: Vec<Rule>| Script { turn_limit: Some(1), ..Script::of(rules) };
    let hangs = Rule { hang: true, ..Rule::on(Call::Report) };
    // Long enough that none of them gives its place back by itself.
    let mut controller = world.controller(&[("BACKEND_ENGINE_PROBE_TIMEOUT", "10m")]);
    let mut slow = Vec::new();
    for _ in 0..4 {
        slow.push(world.scripted("@every 1s", ends(vec![hangs.clone()])).await);
    }
    for game_id in &slow {
        eventually(SOON, "it has a place", || async { !seen(&world.state_dir(*game_id), Call::Report).is_empty() })
            .await;
    }
    let honest = world.scripted("@every 1s", ends(Vec::new())).await;
    world.reaches(honest, "running").await;
    eventually(SOON, "it is put off", || async {
        let sql = "SELECT concat_ws(' ', failures, last_error) FROM runtime_turns WHERE game_id = $1";
        let shown = world.text(sql, honest).await;
        if shown.starts_with("0 too many engines are slow just now") { Ok(()) } else { Err(shown) }
    })
    .await;
    for game_id in &slow {
        ends(Vec::new()).write(&world.state_dir(*game_id)).unwrap();
        world.kill_engine(*game_id);
    }
    for game_id in slow.into_iter().chain([honest]) {
        world.reaches(game_id, "finished").await;
        let reports = world.number("SELECT count(*) FROM engine_reports WHERE game_id = $1", game_id).await;
        assert_eq!(reports, 4, "two races, two turns");
    }
    controller.kill9();
}

#[tokio::test]
async fn no_engine_decides_how_much_memory_the_controller_takes() {
    let world = World::with_scripts().await;
    let invented: Vec<_> = (0..20).map(|n| race(&format!("Invented {n}"))).collect();
    let end = |report_bytes| Script { turn_limit: Some(3), report_bytes, ..Script::default() };
    let mut games = Vec::new();
    // Reports of 15 MB, and as long as they may be; words of a megabyte in an error, races from nowhere.
    for script in [end(15 << 20), end(15 << 20), end(900 << 10), end(900 << 10), end(900 << 10), end(900 << 10)] {
        games.push((world.scripted("@every 1s", script).await, "finished"));
    }
    let long = format!(r#"{{"code":"{}","detail":"{}"}}"#, "x".repeat(1 << 20), "y".repeat(1 << 20));
    for rule in [answered(403, &long), merged(json!({ "finished": true, "races": invented }))] {
        games.push((world.scripted("@every 1s", Script::of([rule])).await, "paused"));
    }
    let mut controller = world.controller(&[PATIENT]);
    for (game_id, status) in &games {
        world.reaches(*game_id, status).await;
    }
    let peak = controller.peak_memory();
    eprintln!("the controller took at most {} MiB", peak >> 20);
    assert!((1..96 << 20).contains(&peak), "{} MiB", peak >> 20);
    for (game_id, status) in &games {
        let error = world.text("SELECT coalesce(last_error, '') FROM runtime_turns WHERE game_id = $1", *game_id).await;
        assert!(error.len() < 4_000, "{status}: {} bytes", error.len());
    }
    let longest = controller.lines().iter().map(String::len).max().unwrap_or_default();
    assert!(longest < 4_000, "a log line of {longest} bytes");
    controller.kill9();
}
