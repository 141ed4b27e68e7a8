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

const TURN_AGAIN: &str = "    if expected_turn + 1 == state[\"turn\"]:";
const INIT_SAME: &str = "(state and (names, settings) != (sorted(state[\"planets\"]), state[\"settings\"]))";
const TURN_WRONG: &str = "    if expected_turn != state[\"turn\"] or state[\"finished\"]:";
const TAKEN: &str = "    return state | {\"orders\": state[\"orders\"] | {race_name: orders}}";
const ORDER_TURN: &str = "turn != state[\"turn\"] and not state[\"finished\"]:";
const OVER: &str = "\"game_finished\" if state[\"finished\"] else \"race_extinct\"";
const NO_REPORT: &str = "    if known(state, race) and int(asked) > state[\"turn\"]:";
const MADE: &str = "    planets, ships = state[\"planets\"], state[\"ships\"]\n";
const LOADED: &str = "if os.path.exists(STATE) else None\n";

const MUTANTS: &[Mutant] = &[
    ("starts", How::Running, &[("return {\"status\": \"ok\"}", "raise Problem(404, \"not_found\", \"no\")")]),
    (
        "no-token",
        How::Running,
        &[("    if not hmac.compare_digest(", "    if headers.get(\"Authorization\") and not hmac.compare_digest(")],
    ),
    (
        "wrong-token",
        How::Running,
        &[(
            "if not hmac.compare_digest(headers.get(\"Authorization\", \"\").encode(), f\"Bearer {TOKEN}\".encode()):",
            "if not headers.get(\"Authorization\", \"\").startswith(f\"Bearer {TOKEN}\"):",
        )],
    ),
    ("status-before-init", How::Running, &[("\"game_not_initialised\"", "\"not_yet\"")]),
    (
        "calls-before-init",
        How::Running,
        &[("Problem(404, \"game_not_initialised\"", "Problem(404 if not members else 400, \"game_not_initialised\"")],
    ),
    ("init-other-game", How::Running, &[("if game_id != GAME_ID or (state", "if (state")]),
    (
        "init-bad-races",
        How::Running,
        &[("if \"\" in names or len(set(names)) != len(names) or not names:", "if not names:")],
    ),
    ("init", How::Running, &[("\"turn\": 0, \"finished\"", "\"turn\": 1, \"finished\"")]),
    ("init-again", How::Running, &[(INIT_SAME, "state")]),
    ("init-other-races", How::Running, &[(INIT_SAME, "(state and settings != state[\"settings\"])")]),
    ("init-other-settings", How::Running, &[(INIT_SAME, "(state and names != sorted(state[\"planets\"]))")]),
    ("status", How::Running, &[("lambda state, _: status(state)", "lambda state, _: status(state) | {\"turn\": 1}")]),
    (
        "state-written",
        How::Killed,
        &[("    with open(STATE + \".tmp\", \"w\"", "    return\n    with open(STATE + \".tmp\", \"w\"")],
    ),
    ("unknown-path", How::Running, &[("Problem(404, \"not_found\"", "Problem(400, \"not_found\"")]),
    ("wrong-method", How::Running, &[("Problem(405,", "Problem(400,")]),
    (
        "not-json",
        How::Running,
        &[(
            "raise Problem(400, \"malformed_request\", \"this is not JSON\")",
            "raise Problem(409, \"odd\", \"this is not JSON\")",
        )],
    ),
    (
        "not-declared",
        How::Running,
        &[("if members and headers.get_content_type() != \"application/json\":", "if False:")],
    ),
    ("large-body", How::Running, &[("2 << 20", "1 << 16")]),
    (
        "huge-body",
        How::Running,
        &[(
            "            if length > MAX_BODY:",
            "            if length > MAX_BODY:\n                os._exit(1)\n            if length > MAX_BODY:",
        )],
    ),
    ("unknown-race", How::Running, &[("Problem(404, \"race_not_found\"", "Problem(409, \"race_not_found\"")]),
    ("report-bad-query", How::Running, &[("Problem(400, \"invalid_parameter\"", "Problem(404, \"invalid_parameter\"")]),
    ("report-names", How::Running, &[("parse_qs(url.query)", "parse_qs(url.query.replace(\"+\", \"%2B\"))")]),
    ("nonsense", How::Running, &[("            if not good(item):", "            if False:")]),
    (
        "order-empty",
        How::Running,
        &[(
            TAKEN,
            "    if race_name in state[\"orders\"]:\n\
             \x20       raise Problem(409, \"given\", \"already\")\n\
             \x20   return state | {\"orders\": state[\"orders\"] | {race_name: orders}}",
        )],
    ),
    (
        "order-sample",
        How::Running,
        &[(
            TAKEN,
            "    if state[\"orders\"].get(race_name):\n\
             \x20       raise Problem(409, \"given\", \"already\")\n\
             \x20   return state | {\"orders\": state[\"orders\"] | {race_name: orders}}",
        )],
    ),
    ("order-ahead", How::Running, &[(ORDER_TURN, "turn < state[\"turn\"] and not state[\"finished\"]:")]),
    ("order-closed", How::Running, &[(ORDER_TURN, "turn > state[\"turn\"] and not state[\"finished\"]:")]),
    (
        "command-empty",
        How::Running,
        &[(
            "def command(state, race_name, commands):\n",
            "def command(state, race_name, commands):\n    if not commands:\n        raise Problem(422, \"nothing\", \"no commands\")\n",
        )],
    ),
    ("report-open", How::Running, &[(NO_REPORT, "    if known(state, race) and int(asked) >= state[\"turn\"]:")]),
    ("report-closed", How::Running, &[(NO_REPORT, "    if known(state, race) and int(asked) != state[\"turn\"]:")]),
    ("report-ahead", How::Running, &[("Problem(404, \"report_not_found\"", "Problem(400, \"report_not_found\"")]),
    (
        "report-stays",
        How::Running,
        &[(
            "state[\"reports\"][int(asked)][race]",
            "state[\"reports\"][int(asked)][race] | {\"now\": state[\"turn\"]}",
        )],
    ),
    ("turn-closes", How::Running, &[("\"turn\": expected_turn + 1", "\"turn\": expected_turn + 2")]),
    ("turn-again", How::Running, &[(TURN_AGAIN, "    if False:")]),
    ("turn-ahead", How::Running, &[(TURN_WRONG, "    if expected_turn < state[\"turn\"] or state[\"finished\"]:")]),
    ("turn-stale", How::Running, &[(TURN_WRONG, "    if expected_turn > state[\"turn\"] or state[\"finished\"]:")]),
    (
        "init-later",
        How::Running,
        &[("    return state or {", "    return (state if state and not state[\"turn\"] else None) or {")],
    ),
    (
        "turn-together",
        How::Running,
        &[(
            TURN_AGAIN,
            "    expected_turn += expected_turn == 1 and state[\"turn\"] > 1\n    if expected_turn + 1 == state[\"turn\"]:",
        )],
    ),
    (
        "calls-together",
        How::Running,
        &[
            (MADE, "    __import__(\"time\").sleep(0.5)\n    planets, ships = state[\"planets\"], state[\"ships\"]\n"),
            (
                "    with LOCK:  #",
                "    if LOCK.locked() and call is not turn:\n        raise Problem(400, \"busy\", \"a turn is made\")\n    with LOCK:  #",
            ),
        ],
    ),
    ("banish", How::Running, &[("    state[\"planets\"][known(state, race_name)] = 0", "    known(state, race_name)")]),
    (
        "banish-again",
        How::Running,
        &[(
            "    state[\"planets\"][known(state, race_name)] = 0",
            "    if not state[\"planets\"][known(state, race_name)]:\n\
             \x20       raise Problem(409, \"race_extinct\", \"already\")\n\
             \x20   state[\"planets\"][race_name] = 0",
        )],
    ),
    (
        "banished-acts",
        How::Running,
        &[(
            "    if state[\"finished\"] or not state[\"planets\"][known(state, race)]:",
            "    if known(state, race) and state[\"finished\"]:",
        )],
    ),
    (
        "new-token",
        How::Killed,
        &[(
            "\n\nclass Problem(Exception):",
            "\n\
             if os.path.exists(STATE_DIR + \"/token\"):\n\
             \x20   TOKEN = open(STATE_DIR + \"/token\").read()\n\
             open(STATE_DIR + \"/token\", \"w\").write(TOKEN)\n\
             \n\
             class Problem(Exception):",
        )],
    ),
    ("sigterm", How::Killed, &[("lambda *_: threading.Thread(target=server.shutdown).start())", "signal.SIG_IGN)")]),
    (
        "sigterm-kept",
        How::Killed,
        &[(LOADED, "if os.path.exists(STATE) else None\nif game:\n    game[\"turn\"] = 0\n")],
    ),
    (
        "kill-kept",
        How::Killed,
        &[(
            "            save(changed)\n",
            "            __import__(\"atexit\").unregister(save)\n            __import__(\"atexit\").register(save, changed)\n",
        )],
    ),
    (
        "kill-orders",
        How::Killed,
        &[(LOADED, "if os.path.exists(STATE) else None\nif game:\n    game[\"ships\"][\"Alpha\"] += 1\n")],
    ),
    (
        "kill-mid-turn",
        How::Killed,
        // From its fourth life on: after the start, the SIGTERM and the kill between turns comes the first kill in a turn.
        &[(
            LOADED,
            "if os.path.exists(STATE) else None\n\
             open(STATE_DIR + \"/lives\", \"a\").write(\"x\")\n\
             if game and os.path.getsize(STATE_DIR + \"/lives\") > 3:\n\
             \x20   game[\"turn\"] += 3\n\
             ",
        )],
    ),
    ("ends", How::Running, &[("state[\"settings\"].get(\"turn_limit\", 12)", "10 ** 6")]),
    (
        "over-turn",
        How::Running,
        &[("\"game_finished\" if state[\"finished\"] else \"turn_mismatch\"", "\"turn_mismatch\"")],
    ),
    (
        "over-again",
        How::Running,
        &[(TURN_AGAIN, "    if expected_turn + 1 == state[\"turn\"] and not state[\"finished\"]:")],
    ),
    (
        "over-order",
        How::Running,
        &[(OVER, "\"game_finished\" if state[\"finished\"] and what != \"order\" else \"race_extinct\"")],
    ),
    (
        "over-command",
        How::Running,
        &[(OVER, "\"game_finished\" if state[\"finished\"] and what != \"command\" else \"race_extinct\"")],
    ),
    (
        "over-reports",
        How::Running,
        &[(
            NO_REPORT,
            "    if known(state, race) and (int(asked) > state[\"turn\"] or (state[\"finished\"] and asked == \"0\")):",
        )],
    ),
    (
        "over-kept",
        How::Killed,
        &[(LOADED, "if os.path.exists(STATE) else None\nif game:\n    game[\"winners\"] = []\n")],
    ),
    (
        "json-type",
        How::Running,
        &[("\"application/\" + kind)", "\"application/\" + kind if kind != \"json\" else \"text/html\")")],
    ),
    ("problem", How::Running, &[("\"detail\": detail, \"code\"", "\"code\"")]),
    ("problem-size", How::Running, &[("\"detail\": detail, \"code\"", "\"detail\": detail * 200, \"code\"")]),
    (
        "status-shape",
        How::Running,
        &[("(\"game_id\", \"turn\", \"finished\", \"winners\")", "(\"game_id\", \"turn\", \"finished\")")],
    ),
    (
        "same-races",
        How::Running,
        &[("{\"races\": races}", "{\"races\": races + [{\"race_name\": \"Nobody\", \"extinct\": True}]}")],
    ),
    ("winners-early", How::Running, &[("\"winners\": [], \"settings\"", "\"winners\": [\"Alpha\"], \"settings\"")]),
    (
        "winners-known",
        How::Running,
        &[("[race for race in planets if planets[race] == max(planets.values()) > 0]", "[\"Nobody\"]")],
    ),
    ("comes-back", How::Running, &[("\"extinct\": not planets}", "\"extinct\": not planets and state[\"turn\"] < 3}")]),
    ("turn-back", How::Running, &[("{race_name: orders}}", "{race_name: orders}, \"turn\": state[\"turn\"] + 1}")]),
    ("nul", How::Running, &[("{\"you\": race,", "{\"you\": race + \"\\0\",")]),
    (
        "read-time",
        How::Running,
        &[(
            "def report(state, query):\n",
            "def report(state, query):\n    __import__(\"time\").sleep(1.2 * (state[\"turn\"] == 1))\n",
        )],
    ),
    (
        "write-time",
        How::Running,
        &[(
            MADE,
            "    __import__(\"time\").sleep(1.2 * (expected_turn == 0))\n    planets, ships = state[\"planets\"], state[\"ships\"]\n",
        )],
    ),
    ("report-size", How::Running, &[("{\"you\": race,", "{\"pad\": \"x\" * 1100000, \"you\": race,")]),
    (
        "answer-size",
        How::Running,
        &[("{\"turn\": game[\"turn\"]}", "{\"pad\": \"x\" * 1100000, \"turn\": game[\"turn\"]}")],
    ),
    ("server-error", How::Running, &[("Problem(404, \"report_not_found\"", "Problem(500, \"report_not_found\"")]),
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
        orders: Some(json!([{"kind": "attack", "race": "Bêta Crucis", "ships": 1}])),
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
