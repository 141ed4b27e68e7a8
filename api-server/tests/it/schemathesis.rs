//! Schemathesis against a replica: requests that fit the document are taken, those that do not are refused, and every answer
//! is one that the document has. What it may do and what it checks stands in `tests/schemathesis/`.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::harness::{ADMIN, Api, GATEWAY_TOKEN, PASSWORD};

/// Where `cargo xtask test` installs it.
fn program() -> PathBuf {
    let program = testkit::workspace_root().join(".local/schemathesis/bin/st");
    assert!(program.is_file(), "Schemathesis is missing: `cargo xtask tools` installs it");
    program
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_replica_answers_whatever_is_asked_as_documented() {
    let api = Api::start_with(&[
        ("BACKEND_HTTP_PUBLIC_RATE", "1000000"),
        // Nothing listens there: an engine that is away is answered at once.
        ("BACKEND_ENGINE_PROBE_TIMEOUT", "1s"),
    ])
    .await;
    let (user, ada) = api.player("ada").await;
    let (other, _) = api.player("eve").await;
    api.plan(&user, "permanent").await;
    // Something to find for requests that did not make it themselves.
    let game = api.open_private_game(&ada, json!({})).await;
    let session = shared::ids::DeviceSessionId::new().to_string();
    sqlx::query("INSERT INTO device_sessions (device_session_id, user_id) VALUES ($1::uuid, $2::uuid)")
        .bind(&session)
        .bind(&user)
        .execute(&api.pool())
        .await
        .unwrap();

    let config = testkit::workspace_root().join("api-server/tests/schemathesis");
    let report = testkit::state_dir().join("schemathesis");
    std::fs::create_dir_all(&report).unwrap();
    let mut run = Command::new(program());
    run.arg("--config-file")
        .arg(config.join("schemathesis.toml"))
        .args(["run", "--no-color", "--report", "junit", "--report-dir"])
        .arg(&report)
        .arg(format!("http://{}/openapi.json", api.rest))
        .current_dir(&config)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GALAXY_GATEWAY_TOKEN", GATEWAY_TOKEN)
        .env("GALAXY_USER_ID", &user)
        .env("GALAXY_OTHER_USER_ID", &other)
        .env("GALAXY_GAME_ID", &game)
        .env("GALAXY_SESSION_ID", &session)
        .env("GALAXY_ADMIN_USER", ADMIN)
        .env("GALAXY_ADMIN_PASSWORD", PASSWORD);
    let done = tokio::task::spawn_blocking(move || run.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    println!("{said}");
    assert!(done.status.success(), "{}\n{}", said, String::from_utf8_lossy(&done.stderr));
}
