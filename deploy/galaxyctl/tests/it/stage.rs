//! An api-server, and the program with an administrator's settings.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use testkit::process::{Proc, ProcConfig, free_addr};
use testkit::seed::{Sizes, seed};
use testkit::{TestDb, eventually};

const SOON: Duration = Duration::from_secs(90);
pub const PASSWORD: &str = "correct horse battery";
/// The id of nothing.
pub const NOBODY: &str = "0192f0c1-2345-7000-8000-000000000001";

/// An api-server on a database with something of everything in it, and an administrator's settings.
pub struct Stage {
    /// Where the api-server listens.
    pub url: String,
    /// The home of whoever types, with their password.
    pub dir: tempfile::TempDir,
    _api: Proc,
    _db: TestDb,
}

impl Stage {
    pub async fn new() -> Stage {
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

    /// The id of a session that the administrator began in a browser.
    pub async fn signed_in(&self) -> String {
        let request = reqwest::Client::new()
            .post(format!("{}/api/v1/admin/auth/sign-in", self.url))
            .json(&serde_json::json!({ "user_name": "keeper", "password": PASSWORD }));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["session"]["session_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// The program, with nothing but what is given.
    pub fn bare(&self, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_galaxyctl"));
        command.args(arguments).env_clear().env("HOME", self.dir.path()).envs(env.iter().copied()).output().unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let password = self.dir.path().join("password");
        let env = [
            ("GALAXYCTL_URL", self.url.as_str()),
            ("GALAXYCTL_USER", "keeper"),
            ("GALAXYCTL_PASSWORD_FILE", password.to_str().unwrap()),
        ];
        self.bare(arguments, &env)
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--output", "json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn first(&self, arguments: &[&str], member: &str) -> String {
        let answer = self.json(arguments);
        let items = answer["items"].as_array().unwrap();
        let found = items.iter().find_map(|item| item[member].as_str());
        found.unwrap_or_else(|| panic!("{arguments:?}: none has {member}")).to_owned()
    }
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}
