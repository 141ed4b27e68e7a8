//! Every command, as somebody types it.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;

use galaxyctl::commands;
use serde_json::Value;
use testkit::process::free_addr;

use crate::stage::{NOBODY, PASSWORD, Stage, code, said};

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_understood_by_the_api() {
    let stage = Stage::new().await;
    let token = ["tokens", "create", "--name", "nightly", "--roles", "viewer", "--expires-in-days", "1"];
    let ids = HashMap::from([
        ("name", "mail".to_owned()),
        ("delivery_id", stage.first(&["mail", "dead"], "delivery_id")),
        ("notification_id", stage.first(&["notifications", "list"], "notification_id")),
        ("route_id", stage.first(&["notifications", "dead", "--queue", "notification_routes"], "route_id")),
        ("game_id", stage.first(&["runtimes", "list", "--status", "running"], "game_id")),
        ("user_id", stage.first(&["users", "find"], "user_id")),
        ("version", stage.first(&["engine-versions", "list"], "version")),
        ("reason", "a test".to_owned()),
        ("turn", "3".to_owned()),
        ("min_players", "2".to_owned()),
        ("max_players", "9".to_owned()),
        ("enrollment_ends_at", "2091-03-10T18:00:00Z".to_owned()),
        ("turn_schedule", "0 6,18 * * *".to_owned()),
        ("target_engine_version", stage.first(&["engine-versions", "list", "--enabled=true"], "version")),
        ("image", "galaxy-engine:1.0.0".to_owned()),
        ("text", "A note.".to_owned()),
        ("kind", "game_join_block".to_owned()),
        ("plan", "permanent".to_owned()),
        ("source", "admin".to_owned()),
        ("user_name", "grace".to_owned()),
        ("roles", "viewer,support".to_owned()),
        ("expires_in_days", "1".to_owned()),
        ("token_id", stage.json(&token)["token_id"].as_str().unwrap().to_owned()),
        ("session_id", stage.signed_in().await),
        // Of nothing: what is there is decided about in a test of its own.
        ("application_id", NOBODY.to_owned()),
        ("membership_id", NOBODY.to_owned()),
        ("sanction_id", NOBODY.to_owned()),
        ("new_password_file", stage.file("new", "another correct horse\n", 0o600).display().to_string()),
        // Not the one of who asks, who goes on asking.
        ("present_password_file", stage.file("wrong", "no correct horse\n", 0o600).display().to_string()),
    ]);
    for spec in commands::all() {
        let mut arguments = spec.words.to_vec();
        arguments.extend(spec.arguments().map(|name| ids[name].as_str()));
        let flags = spec.body.iter().chain(spec.secrets.iter().map(|(name, _)| name));
        let flags: Vec<String> = flags.map(|name| format!("--{}={}", name.replace('_', "-"), ids[name])).collect();
        arguments.extend(flags.iter().map(String::as_str));
        let output = stage.run(&arguments);
        // What a state forbids is refused as such; nobody answers for an engine here. A ban wants a member, what was set going
        // again by the command before is no dead letter.
        let allowed: &[i32] = match (spec.method, spec.words) {
            ("GET", ["runtimes", "log"]) => &[6, 7],
            ("GET", _) => &[0],
            (_, ["games", "ban"] | ["runtimes", "cancel-job"] | [_, "dismiss"]) => &[0, 5, 6],
            _ if spec.arguments().any(|name| ids[name] == NOBODY) => &[5, 6],
            // Who never had a second factor has none that could be taken away.
            (_, ["admins", verb]) if verb != "reset-second-factor" => &[0],
            (_, ["sessions" | "tokens", _] | ["users", "delete"]) => &[0],
            _ => &[0, 6, 7],
        };
        assert!(allowed.contains(&code(&output)), "{arguments:?} ended with {}: {}", code(&output), said(&output));
        if code(&output) != 0 {
            let text = said(&output);
            assert!(text.contains(": ") && text.contains("request_id "), "{arguments:?}: {text}");
            assert!(!text.contains("invalid_request"), "{arguments:?} is not understood: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_is_seen_in_tables_and_json_and_page_by_page() {
    let stage = Stage::new().await;
    let paused = |name: &str| {
        let queues = stage.json(&["queues", "list"]);
        queues["items"].as_array().unwrap().iter().find(|queue| queue["name"] == name).unwrap()["paused"].clone()
    };
    assert!(stage.run(&["queues", "pause", "mail"]).status.success());
    assert_eq!(paused("mail"), true);
    assert!(stage.run(&["queues", "resume", "mail"]).status.success());
    assert_eq!(paused("mail"), false);
    let table = said(&stage.run(&["queues", "list"]));
    assert!(table.starts_with("NAME") && table.contains("notification_routes"), "{table}");

    let all = stage.json(&["games", "list", "--all", "--limit", "7"]);
    assert_eq!(all["items"].as_array().unwrap().len(), 200);
    assert_eq!(all["next_cursor"], Value::Null);
    let page = stage.run(&["games", "list", "--limit", "7"]);
    assert!(String::from_utf8_lossy(&page.stderr).contains("--cursor"), "{}", said(&page));

    let dead = stage.json(&["mail", "dead", "--all"])["items"].as_array().unwrap().len();
    let resent = stage.json(&["mail", "resend-many", "--status", "dead_lettered", "--limit", "1"]);
    assert_eq!(resent["changed"], 1, "{resent}");
    assert_eq!(stage.json(&["mail", "dead", "--all"])["items"].as_array().unwrap().len(), dead - 1);
    let trail = stage.json(&["audit", "list", "--actor", "keeper", "--action", "queue.pause"]);
    assert_eq!(trail["items"].as_array().unwrap().len(), 1, "{trail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_with_the_code_and_shown_by_the_exit_code() {
    let stage = Stage::new().await;
    let (user, url) = (("GALAXYCTL_USER", "keeper"), ("GALAXYCTL_URL", stage.url.as_str()));
    let right = stage.dir.path().join("password");
    let right = right.to_str().unwrap();
    let missing = stage.run(&["games", "show", NOBODY]);
    assert_eq!((code(&missing), said(&missing).contains("not_found: ")), (5, true), "{}", said(&missing));
    let invalid = stage.run(&["games", "list", "--status", "nonsense"]);
    assert_eq!(code(&invalid), 6, "{}", said(&invalid));
    let path = stage.run(&["games", "show", "../queues"]);
    assert!([5, 6].contains(&code(&path)), "an argument is one step of the path: {}", said(&path));
    let wrong = stage.bare(&["queues", "list"], &[user, url, ("GALAXYCTL_PASSWORD", "wrong horse battery")]);
    assert_eq!(code(&wrong), 4, "{}", said(&wrong));
    let nobody = format!("http://{}", free_addr());
    let away = stage.bare(&["queues", "list"], &[user, ("GALAXYCTL_URL", &nobody), ("GALAXYCTL_PASSWORD", PASSWORD)]);
    assert_eq!(code(&away), 3, "{}", said(&away));

    // Settings: flags before the environment, that before the file.
    for (arguments, env, expected) in [
        (vec![], vec![url, ("GALAXYCTL_PASSWORD", PASSWORD)], 2),
        (vec![], vec![url, user], 2),
        (vec![], vec![user, ("GALAXYCTL_PASSWORD", PASSWORD), ("GALAXYCTL_URL", "http://galaxy.example")], 2),
        (vec!["--url", &stage.url, "--password-file", right], vec![user, ("GALAXYCTL_PASSWORD", "wrong")], 0),
        (vec!["--user", "keeper"], vec![url, ("GALAXYCTL_USER", "nobody"), ("GALAXYCTL_PASSWORD", PASSWORD)], 0),
    ] {
        let output = stage.bare(&[vec!["queues", "list"], arguments.clone()].concat(), &env);
        assert_eq!(code(&output), expected, "{arguments:?} {env:?}: {}", said(&output));
        assert!(!said(&output).contains(PASSWORD));
    }
    // A program's token, in place of both; a user on the command line means that user.
    let made = reqwest::Client::new()
        .post(format!("{}/api/v1/admin/auth/tokens", stage.url))
        .basic_auth("keeper", Some(PASSWORD))
        .json(&serde_json::json!({ "name": "galaxyctl", "roles": ["viewer"], "expires_in_days": 1 }));
    let made: Value = made.send().await.unwrap().json().await.unwrap();
    let token = ("GALAXYCTL_TOKEN", made["token"].as_str().unwrap());
    for (arguments, env, expected) in [
        (vec!["queues", "list"], vec![url, token], 0),
        (vec!["queues", "list", "--user", "keeper"], vec![url, token], 2),
        (vec!["queues", "list"], vec![url, ("GALAXYCTL_TOKEN", "galaxy_admin_of_nobody")], 4),
    ] {
        let output = stage.bare(&arguments, &env);
        assert_eq!(code(&output), expected, "{arguments:?}: {}", said(&output));
    }
    std::fs::create_dir(stage.dir.path().join(".config")).unwrap();
    let stored = format!(r#"{{"url": "{}", "user": "keeper", "password": "{PASSWORD}"}}"#, stage.url);
    stage.file(".config/galaxyctl.json", &stored, 0o600);
    assert_eq!(code(&stage.bare(&["queues", "list"], &[])), 0);
    stage.file(".config/galaxyctl.json", &stored, 0o644);
    let open = stage.bare(&["queues", "list"], &[]);
    assert_eq!(code(&open), 2, "{}", said(&open));
    assert!(said(&open).contains("chmod 600"), "{}", said(&open));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_taken_as_a_file_which_is_whole_or_is_not_there() {
    let stage = Stage::new().await;
    for spec in commands::all().filter(|spec| spec.csv) {
        let output = stage.run(&[spec.words.as_slice(), &["--output", "csv"]].concat());
        assert_eq!(code(&output), 0, "{:?}: {}", spec.words, said(&output));
        let (first, text) = (spec.columns.first().unwrap(), String::from_utf8(output.stdout).unwrap());
        let head = text.lines().next().unwrap();
        assert!(head.split(',').any(|column| column == *first) && text.ends_with("\r\n"), "{:?}: {head}", spec.words);
    }
    let lines = |text: &str| text.lines().count();
    let games = stage.run(&["games", "list", "-o", "csv", "--all"]);
    let text = String::from_utf8(games.stdout).unwrap();
    assert_eq!(lines(&text), 201, "one of columns, and one for each game");
    // The same filters as the list's.
    let paused = stage.json(&["games", "list", "--status", "paused", "--all"])["items"].as_array().unwrap().len();
    let path = stage.dir.path().join("paused.csv");
    let to = ["games", "list", "--status", "paused", "-o", "csv", "--to", path.to_str().unwrap()];
    let output = stage.run(&to);
    assert_eq!((code(&output), said(&output).as_str()), (0, ""), "it is in the file");
    assert_eq!(lines(&std::fs::read_to_string(&path).unwrap()), paused + 1);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let part = stage.dir.path().join("paused.csv.part");
    assert!(!part.exists());
    let nowhere = stage.dir.path().join("nowhere/games.csv");
    let token = stage.json(&["tokens", "create", "--name", "a", "--roles", "viewer", "--expires-in-days", "1"]);
    std::fs::remove_file(&path).unwrap();
    let env = [("GALAXYCTL_URL", stage.url.as_str()), ("GALAXYCTL_TOKEN", token["token"].as_str().unwrap())];
    let refused = stage.bare(&to, &env);
    assert!(code(&refused) == 6 && said(&refused).contains("person_required: "), "{}", said(&refused));
    assert!(!path.exists() && !part.exists(), "a refusal is no file");
    for (arguments, expected) in [
        (vec!["games", "list", "-o", "csv", "--to", nowhere.to_str().unwrap()], "nowhere/games.csv"),
        (vec!["games", "list", "-o", "csv", "--limit", "5"], "--limit"),
        (vec!["games", "list", "--to", "games.csv"], "--to is for --output csv"),
        (vec!["queues", "list", "-o", "csv"], "there is no CSV of queues list"),
    ] {
        let output = stage.run(&arguments);
        assert!(code(&output) == 2 && said(&output).contains(expected), "{arguments:?}: {}", said(&output));
    }
}
