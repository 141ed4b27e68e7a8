//! Every command, as somebody types it.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use galaxyctl::commands;
use serde_json::Value;
use testkit::process::{Proc, ProcConfig, free_addr};
use testkit::seed::{Sizes, seed};
use testkit::{TestDb, eventually};

const SOON: Duration = Duration::from_secs(90);
const PASSWORD: &str = "correct horse battery";

/// An api-server on a database with something of everything in it, and an administrator's settings.
struct Stage {
    url: String,
    dir: tempfile::TempDir,
    _api: Proc,
    _db: TestDb,
}

impl Stage {
    async fn new() -> Stage {
        let db = TestDb::new().await;
        let sizes = Sizes { accounts: 2_000, games: 200, memberships: 2_000 };
        seed(&mut db.connect().await, sizes, |_, _| {}).await.unwrap();
        let rest = free_addr();
        let api = Proc::start(
            ProcConfig::bin("api-server")
                .env("BACKEND_POSTGRES_DSN", db.dsn())
                .env("BACKEND_HTTP_LISTEN_ADDR", rest)
                .env("BACKEND_GRPC_PUSH_LISTEN_ADDR", "127.0.0.1:0")
                .env("BACKEND_OPS_LISTEN_ADDR", "127.0.0.1:0")
                .env("BACKEND_GATEWAY_TOKEN", "gateway-token-of-the-tests-long-enough")
                .env("BACKEND_WORKER_TOKEN", "worker-token-of-the-tests-long-enough")
                .env("BACKEND_AUTH_CODE_PEPPER", "pepper-of-the-tests-which-is-long-enough")
                .env("BACKEND_ADMIN_BOOTSTRAP_USER", "keeper")
                .env("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", PASSWORD)
                .env("BACKEND_OTEL_TRACES_EXPORTER", "none"),
        )
        .unwrap();
        let url = format!("http://{rest}");
        eventually(SOON, "the api-server is ready", || async {
            match reqwest::get(format!("{url}/readyz")).await {
                Ok(answer) if answer.status() == 200 => Ok(()),
                Ok(answer) => Err(answer.text().await.unwrap_or_default()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage { url, dir, _api: api, _db: db };
        stage.file("password", &format!("{PASSWORD}\n"), 0o600);
        stage
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// The program, with nothing but what is given.
    fn bare(&self, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_galaxyctl"));
        command.args(arguments).env_clear().env("HOME", self.dir.path()).envs(env.iter().copied()).output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let password = self.dir.path().join("password");
        let env = [
            ("GALAXYCTL_URL", self.url.as_str()),
            ("GALAXYCTL_USER", "keeper"),
            ("GALAXYCTL_PASSWORD_FILE", password.to_str().unwrap()),
        ];
        self.bare(arguments, &env)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--output", "json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn first(&self, arguments: &[&str], member: &str) -> String {
        let answer = self.json(arguments);
        let items = answer["items"].as_array().unwrap();
        let found = items.iter().find_map(|item| item[member].as_str());
        found.unwrap_or_else(|| panic!("{arguments:?}: none has {member}")).to_owned()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_understood_by_the_api() {
    let stage = Stage::new().await;
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
    ]);
    for spec in commands::all() {
        let mut arguments = spec.words.to_vec();
        arguments.extend(spec.arguments().map(|name| ids[name].as_str()));
        let flags: Vec<String> = spec.body.iter().map(|name| format!("--{name}={}", ids[name])).collect();
        arguments.extend(flags.iter().map(String::as_str));
        let output = stage.run(&arguments);
        // What a state forbids is refused as such; nobody answers for an engine here. A ban wants a member, what was set going
        // again by the command before is no dead letter.
        let allowed: &[i32] = match (spec.method, spec.words) {
            ("GET", ["runtimes", "log"]) => &[6, 7],
            ("GET", _) => &[0],
            (_, ["games", "ban"] | ["runtimes", "cancel-job"] | [_, "dismiss"]) => &[0, 5, 6],
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
    let missing = stage.run(&["games", "show", "0192f0c1-2345-7000-8000-000000000001"]);
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
