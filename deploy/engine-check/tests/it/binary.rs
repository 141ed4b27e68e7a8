//! The program: its exit codes, its reports.

use std::path::Path;
use std::process::{Command, Output};

use crate::python::{GAME, Running, TOKEN, broken, source};

fn engine_check(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engine-check"));
    command.args(arguments).env_remove("GALAXY_ENGINE_TOKEN").env_remove("GALAXY_GAME_ID").output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn a_good_engine_is_0_and_what_was_left_out_is_said() {
    let running = Running::start(&source());
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report.md");
    let arguments = ["--url", &running.url, "--game-id", GAME, "--token", TOKEN, "--turns", "5"];
    let output = engine_check(&[&arguments[..], &["--report", report.to_str().unwrap()]].concat());
    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for words in ["0 broken", "(--turns)", "can neither end nor start it (--exec, --image)", "name some good ones"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let markdown = std::fs::read_to_string(report).unwrap();
    assert!(markdown.contains("| left out | `kill-mid-turn`") && markdown.contains("| ok | `init`"), "{markdown}");
}

#[test]
fn a_bad_engine_is_1_with_the_request_to_repeat_and_no_token_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(&broken(&dir, &[("\"turn\": 0, \"finished\"", "\"turn\": 1, \"finished\"")]));
    let report = dir.path().join("report.html");
    let arguments = ["--url", &running.url, "--game-id", GAME, "--token", TOKEN, "--report", report.to_str().unwrap()];
    let output = engine_check(&arguments);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let curl = "curl -i -X POST -H \"Authorization: Bearer $GALAXY_ENGINE_TOKEN\"";
    assert!(told.contains("FAIL  init ") && told.contains(curl) && told.contains("turn 0 was expected"), "{told}");
    assert!(!told.contains(TOKEN), "{told}");
    let html = std::fs::read_to_string(report).unwrap();
    assert!(html.contains("class=\"broken\"") && html.contains("curl -i -X POST") && !html.contains(TOKEN), "{html}");
}

#[test]
fn an_engine_that_does_not_come_up_is_1_with_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let script = broken(&dir, &[("import contextlib,", "raise SystemExit('no such luck')\nimport contextlib,")]);
    let output = engine_check(&["--exec", "python3", script.to_str().unwrap()]);
    let told = text(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("the engine ended: exit status: 1") && told.contains("no such luck"), "{told}");
}

#[test]
fn the_rules_can_be_read_without_this_repository() {
    let output = engine_check(&["--rules"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), galaxy_engine_check::document::table());
}

#[test]
fn what_cannot_be_tested_at_all_is_2() {
    for (arguments, words) in [
        (&[][..], "--url, --image or --exec"),
        (&["--url", "http://127.0.0.1:1"], "GALAXY_ENGINE_TOKEN"),
        (&["--exec", "/no/such/program"], "/no/such/program"),
        (&["--settings", "[]", "--exec", "true"], "--settings"),
        (&["--report", "report.pdf", "--exec", "true"], ".md or .html"),
        (&["--url", "http://127.0.0.1:1", "--image", "x"], "cannot be used with"),
    ] {
        let output = engine_check(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output).contains(words), "{words}: {}", text(&output));
    }
    assert!(Path::new(env!("CARGO_BIN_EXE_engine-check")).is_file());
}
