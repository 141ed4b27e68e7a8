//! One broken engine for each rule: a check that cannot fail proves nothing. Each is the engine in Python with some words of it changed.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use galaxy_engine_check::{Options, RULES, Report};
use serde_json::json;

use crate::python::{Running, broken, exec};

/// How an engine is tested: one that runs already is quicker.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Running,
    Killed,
}

/// The rule that breaks, how it is found out, and what is changed.
type Mutant = (&'static str, How, &'static [(&'static str, &'static str)]);

const SAME: &str = r#"same = not game or (names, settings) == (sorted(game["fields"][0]), game["settings"])"#;
const TURN_AGAIN: &str = "    if expected_turn + 1 == game[\"turn\"]:";
const TURN_OPEN: &str = r#"require(expected_turn == game["turn"], 409"#;
const TAKEN: &str = "    return acting(game, race_name, \"order\", orders, 3)";
const ORDER_TURN: &str = r#"require(turn == game["turn"] or game["finished"], 409"#;
const MADE: &str = "    fields = {race: field + len(";
const LOADED: &str = "if os.path.exists(STATE) else {}\n";
const REPORT_TURN: &str = r#"require(int(turn) <= game["turn"], 404"#;
const REPORT: &str = r#"return {"you": race_name,"#;
const OVER: &str = r#""game_finished", "nothing can be done any more""#;
const BANISHED: &str = "    return game | {\"out\": sorted({*game[\"out\"], race_name})}";
const ADMITTED: &str = r#"hmac.compare_digest(self.headers.get("Authorization", "").encode(), BEARER)"#;

const MUTANTS: &[Mutant] = &[
    ("starts", How::Running, &[(r#"return {"status": "ok"}"#, r#"require(False, 404, "not_found", "no")"#)]),
    (
        "no-token",
        How::Running,
        &[(
            ADMITTED,
            r#""Authorization" not in self.headers or hmac.compare_digest(self.headers.get("Authorization", "").encode(), BEARER)"#,
        )],
    ),
    (
        "wrong-token",
        How::Running,
        &[(ADMITTED, r#"self.headers.get("Authorization", "").encode().startswith(BEARER)"#)],
    ),
    ("status-before-init", How::Running, &[(r#""game_not_initialised""#, r#""not_yet""#)]),
    (
        "calls-before-init",
        How::Running,
        &[(r#"404, "game_not_initialised""#, r#"404 if call is status else 400, "game_not_initialised""#)],
    ),
    ("init-other-game", How::Running, &[("game_id == GAME_ID and same", "same")]),
    ("init-bad-races", How::Running, &[(r#"names and "" not in names and len(set(names)) == len(names)"#, "names")]),
    ("init", How::Running, &[(r#""turn": 0, "finished""#, r#""turn": 1, "finished""#)]),
    ("init-again", How::Running, &[(SAME, "same = not game")]),
    ("init-other-races", How::Running, &[(SAME, r#"same = not game or settings == game["settings"]"#)]),
    ("init-other-settings", How::Running, &[(SAME, r#"same = not game or names == sorted(game["fields"][0])"#)]),
    (
        "status",
        How::Running,
        &[(
            "answered = call(game, **given)",
            r#"answered = call(game, **given) | ({"turn": 1} if call is status else {})"#,
        )],
    ),
    (
        "state-written",
        How::Killed,
        &[(
            "    with open(STATE + \".tmp\", \"w\")",
            "    game.update(state)\n    return game\n    with open(STATE + \".tmp\", \"w\")",
        )],
    ),
    ("unknown-path", How::Running, &[(r#"404, "not_found""#, r#"400, "not_found""#)]),
    ("wrong-method", How::Running, &[(r#"405, "method_not_allowed""#, r#"400, "method_not_allowed""#)]),
    ("not-json", How::Running, &[("require(whole, 400,", "require(whole, 409 if given is None else 400,")]),
    (
        "not-declared",
        How::Running,
        &[(r#"method == "GET" or self.headers.get_content_type() == "application/json""#, "True")],
    ),
    ("large-body", How::Running, &[("2 << 20", "1 << 16")]),
    ("huge-body", How::Running, &[("self.close_connection |= length > MAX_BODY", "length > MAX_BODY and os._exit(1)")]),
    ("unknown-race", How::Running, &[(r#"404, "race_not_found""#, r#"409, "race_not_found""#)]),
    ("report-bad-query", How::Running, &[("require(turn.isdecimal(), 400", "require(turn.isdecimal(), 404")]),
    ("report-names", How::Running, &[("parse_qsl(url.query)", r#"parse_qsl(url.query.replace("+", "%2B"))"#)]),
    ("nonsense", How::Running, &[(r#"if item != {"kind": "step"} or place >= most]"#, "if False]")]),
    (
        "order-empty",
        How::Running,
        &[(
            TAKEN,
            "    require(race_name not in game[\"orders\"], 409, \"given\", \"already\")\n\
             \x20   return acting(game, race_name, \"order\", orders, 3)",
        )],
    ),
    (
        "order-sample",
        How::Running,
        &[(
            TAKEN,
            "    require(not game[\"orders\"].get(race_name), 409, \"given\", \"already\")\n\
             \x20   return acting(game, race_name, \"order\", orders, 3)",
        )],
    ),
    ("order-ahead", How::Running, &[(ORDER_TURN, r#"require(turn >= game["turn"] or game["finished"], 409"#)]),
    ("order-closed", How::Running, &[(ORDER_TURN, r#"require(turn <= game["turn"] or game["finished"], 409"#)]),
    (
        "command-empty",
        How::Running,
        &[(
            "    return acting(game, race_name, \"command\"",
            "    require(commands, 422, \"nothing\", \"no commands\")\n    return acting(game, race_name, \"command\"",
        )],
    ),
    ("report-open", How::Running, &[(REPORT_TURN, r#"require(int(turn) < game["turn"], 404"#)]),
    ("report-closed", How::Running, &[(REPORT_TURN, r#"require(int(turn) == game["turn"], 404"#)]),
    ("report-ahead", How::Running, &[(r#"404, "report_not_found""#, r#"400, "report_not_found""#)]),
    ("report-stays", How::Running, &[(REPORT, r#"return {"now": game["turn"], "you": race_name,"#)]),
    ("turn-closes", How::Running, &[(r#""turn": expected_turn + 1"#, r#""turn": expected_turn + 2"#)]),
    ("turn-again", How::Running, &[(TURN_AGAIN, "    if False:")]),
    ("turn-ahead", How::Running, &[(TURN_OPEN, r#"require(expected_turn >= game["turn"], 409"#)]),
    ("turn-stale", How::Running, &[(TURN_OPEN, r#"require(expected_turn <= game["turn"], 409"#)]),
    (
        "init-later",
        How::Running,
        &[("return game or {", r#"return (game if game and not game["turn"] else None) or {"#)],
    ),
    (
        "turn-together",
        How::Running,
        &[(
            TURN_AGAIN,
            "    expected_turn += expected_turn == 1 and game[\"turn\"] > 1\n    if expected_turn + 1 == game[\"turn\"]:",
        )],
    ),
    (
        "calls-together",
        How::Running,
        &[
            (MADE, "    __import__(\"time\").sleep(0.5)\n    fields = {race: field + len("),
            (
                "        with LOCK:",
                "        require(call is turn or not LOCK.locked(), 400, \"busy\", \"a turn is made\")\n        with LOCK:",
            ),
        ],
    ),
    ("banish", How::Running, &[(BANISHED, "    return game")]),
    (
        "banish-again",
        How::Running,
        &[(
            BANISHED,
            "    require(race_name not in game[\"out\"], 409, \"race_extinct\", \"already\")\n\
             \x20   return game | {\"out\": sorted({*game[\"out\"], race_name})}",
        )],
    ),
    ("banished-acts", How::Running, &[(r#"require(race_name not in game["out"], 409"#, "require(True, 409")]),
    (
        "new-token",
        How::Killed,
        &[(
            "\n\nclass Problem(Exception):",
            "\nif os.path.exists(STATE_DIR + \"/token\"):\n\
             \x20   BEARER = open(STATE_DIR + \"/token\", \"rb\").read()\n\
             open(STATE_DIR + \"/token\", \"wb\").write(BEARER)\n\nclass Problem(Exception):",
        )],
    ),
    ("sigterm", How::Killed, &[("lambda *_: sys.exit())", "signal.SIG_IGN)")]),
    ("sigterm-kept", How::Killed, &[(LOADED, "if os.path.exists(STATE) else {}\nif game:\n    game[\"turn\"] = 0\n")]),
    (
        "kill-kept",
        How::Killed,
        &[(
            "            answered = call(game, **given)\n",
            "            answered = call(game, **given)\n            if call not in (status, report):\n\
             \x20               __import__(\"atexit\").unregister(save)\n\
             \x20               __import__(\"atexit\").register(save, answered)\n\
             \x20               game.update(answered)\n                return status(game)\n",
        )],
    ),
    (
        "kill-orders",
        How::Killed,
        &[(LOADED, "if os.path.exists(STATE) else {}\nif game:\n    game[\"fields\"][-1][\"Alpha\"] += 1\n")],
    ),
    // From its fourth life on: after the start, the SIGTERM and the kill between turns comes the first kill in a turn.
    (
        "kill-mid-turn",
        How::Killed,
        &[(
            LOADED,
            "if os.path.exists(STATE) else {}\nopen(STATE_DIR + \"/lives\", \"a\").write(\"x\")\n\
             if game and os.path.getsize(STATE_DIR + \"/lives\") > 3:\n    game[\"turn\"] += 3\n",
        )],
    ),
    ("ends", How::Running, &[(r#"game["settings"].get("turn_limit", 12)"#, "10 ** 6")]),
    ("over-turn", How::Running, &[(r#"409, "game_finished", "the last"#, r#"409, "turn_mismatch", "the last"#)]),
    (
        "over-again",
        How::Running,
        &[(TURN_AGAIN, "    if expected_turn + 1 == game[\"turn\"] and not game[\"finished\"]:")],
    ),
    (
        "over-order",
        How::Running,
        &[(OVER, r#""over" if what == "order" else "game_finished", "nothing can be done any more""#)],
    ),
    (
        "over-command",
        How::Running,
        &[(OVER, r#""over" if what == "command" else "game_finished", "nothing can be done any more""#)],
    ),
    (
        "over-reports",
        How::Running,
        &[(REPORT_TURN, r#"require(int(turn) <= game["turn"] and not (turn == "0" and game["finished"]), 404"#)],
    ),
    ("over-kept", How::Killed, &[(LOADED, "if os.path.exists(STATE) else {}\nif game:\n    game[\"winners\"] = []\n")]),
    ("json-type", How::Running, &[(r#""application/json" if code == 200"#, r#""text/html" if code == 200"#)]),
    ("problem", How::Running, &[("detail=detail, code=code", "code=code")]),
    ("problem-size", How::Running, &[("detail=detail, code=code", "detail=detail * 200, code=code")]),
    ("status-shape", How::Running, &[(r#""turn", "finished", "winners")"#, r#""turn", "finished")"#)]),
    (
        "same-races",
        How::Running,
        &[(r#"{"races": races}"#, r#"{"races": races + [{"race_name": "Nobody", "extinct": True}]}"#)],
    ),
    ("winners-early", How::Running, &[(r#""winners": [], "out""#, r#""winners": ["Alpha"], "out""#)]),
    (
        "winners-known",
        How::Running,
        &[(r#""winners": [race for race in left if"#, r#""winners": ["Nobody" for race in left if"#)],
    ),
    (
        "comes-back",
        How::Running,
        &[(r#""extinct": race in game["out"]}"#, r#""extinct": race in game["out"] and game["turn"] < 3}"#)],
    ),
    ("turn-back", How::Running, &[("{race_name: orders}}", r#"{race_name: orders}, "turn": game["turn"] + 1}"#)]),
    ("nul", How::Running, &[(REPORT, "return {\"you\": race_name + \"\\0\",")]),
    ("nesting", How::Running, &[(REPORT, r#"return {"deep": json.loads("[" * 100 + "]" * 100), "you": race_name,"#)]),
    (
        "read-time",
        How::Running,
        &[(
            "def report(game, race_name: str, turn: str):\n",
            "def report(game, race_name: str, turn: str):\n    __import__(\"time\").sleep(1.2 * (game[\"turn\"] == 1))\n",
        )],
    ),
    (
        "write-time",
        How::Running,
        &[(MADE, "    __import__(\"time\").sleep(1.2 * (expected_turn == 0))\n    fields = {race: field + len(")],
    ),
    ("report-size", How::Running, &[(REPORT, r#"return {"pad": "x" * 1100000, "you": race_name,"#)]),
    ("answer-size", How::Running, &[(r#"{"races": races}"#, r#"{"races": races, "pad": "x" * 1100000}"#)]),
    ("server-error", How::Running, &[(r#"404, "report_not_found""#, r#"500, "report_not_found""#)]),
];

/// Looked at by the tests with Docker (`runtime-controller/tests/it/engine_check.rs`).
const IMAGES: [&str; 1] = ["image-volumes"];

fn found_out(mutant: &Mutant) -> Result<(), String> {
    let (rule, how, changes) = mutant;
    let dir = tempfile::tempdir().unwrap();
    let script = broken(&dir, changes);
    // Short, where nobody is killed: the turns of a test of durability are more.
    let settings = if *how == How::Running { json!({"turn_limit": 6}) } else { json!({}) };
    let timed = rule.ends_with("-time");
    let options = Options {
        max_turns: 20,
        orders: Some(json!([{"kind": "step"}])),
        settings,
        patience: Duration::from_secs(if *rule == "starts" { 1 } else { 60 }),
        reads: Duration::from_secs(if timed { 1 } else { 60 }),
        writes: Duration::from_secs(if timed { 1 } else { 60 }),
        ..Options::default()
    };
    let report = match how {
        How::Running => Running::start(&script).check(&options),
        How::Killed => exec(&script, &options),
    };
    judged(rule, &report)
}

fn judged(rule: &str, report: &Report) -> Result<(), String> {
    let broken: Vec<&str> = report.broken().map(|(rule, _)| rule.id).collect();
    if !broken.contains(&rule) {
        return Err(format!("{rule} was not found out, but {broken:?}:\n{}", report.text()));
    }
    match report.broken().find(|(_, fault)| !fault.curl.is_empty() && !fault.curl.starts_with("curl -i ")) {
        Some((rule, fault)) => Err(format!("{}: no request to repeat: {}", rule.id, fault.curl)),
        None => Ok(()),
    }
}

#[test]
fn every_rule_is_broken_by_one_engine_that_is_found_out() {
    let tried: BTreeSet<&str> = MUTANTS.iter().map(|(rule, ..)| *rule).chain(IMAGES).collect();
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(tried, rules, "every rule has an engine that breaks it");
    assert_eq!(MUTANTS.len() + IMAGES.len(), RULES.len());

    let (left, faults) = (Mutex::new(MUTANTS.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let Some(mutant) = left.lock().unwrap().next() else { break };
                    if let Err(fault) = found_out(mutant) {
                        faults.lock().unwrap().push(fault);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), MUTANTS.len(), faults.join("\n"));
}
