//! Tools that read the documents, and clients that are generated from them: each takes the whole of it without a warning,
//! and what it makes calls a live replica. Their settings and versions stand in `deploy/contract` and in dot-files at the
//! root; `cargo xtask tools` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::harness::{ADMIN, Api, GATEWAY_TOKEN, PASSWORD};

fn root() -> PathBuf {
    testkit::workspace_root()
}

/// A program that `cargo xtask tools` installs.
fn installed(path: &str) -> PathBuf {
    let program = root().join(path);
    assert!(program.is_file(), "{} is missing: `cargo xtask tools` installs it", program.display());
    program
}

/// A tool of `deploy/contract`.
fn tool(name: &str) -> Command {
    command(&installed(&format!("deploy/contract/node_modules/.bin/{name}")))
}

/// A program in the checkout that tells nobody about its use.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    command
}

/// Runs it to its end, which must be a good one. Answers everything that it said.
fn succeed(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{command:?}: {}\n{said}", done.status);
    said
}

#[test]
fn redocly_has_nothing_to_say() {
    let said = succeed(tool("redocly").args(["lint", "--config", ".redocly.yaml", "--format", "json"]));
    // One report a document. Warnings do not make it fail: they are counted.
    let start = said.find('{').unwrap_or_else(|| panic!("{said}"));
    let reports = serde_json::Deserializer::from_str(&said[start..]).into_iter::<serde_json::Value>();
    let reports: Vec<_> = reports.map_while(Result::ok).collect();
    assert_eq!(reports.len(), 2, "{said}");
    for report in reports {
        assert_eq!(report["totals"]["errors"], 0, "{:#}", report["problems"]);
        assert_eq!(report["totals"]["warnings"], 0, "{:#}", report["problems"]);
    }
}

#[test]
fn spectral_has_nothing_to_say() {
    let documents = ["api-server/openapi.json", "deploy/engine/openapi.json"];
    let said = succeed(
        tool("spectral").args(["lint", "--ruleset", ".spectral.yaml", "--fail-severity", "hint"]).args(documents),
    );
    assert!(said.contains("No results"), "{said}");
}

#[test]
fn ajv_takes_every_schema_and_every_example() {
    installed("deploy/contract/node_modules/ajv/package.json");
    let said = succeed(command(Path::new("node")).arg("deploy/contract/schemas.mjs"));
    assert!(said.contains(" 0 faults"), "{said}");
}

/// openapi-python-client, with every warning a failure.
fn generate(document: &str, into: &Path) {
    succeed(
        command(&installed(".local/contract/bin/openapi-python-client"))
            .args([
                "generate",
                "--fail-on-warning",
                "--overwrite",
                "--meta",
                "none",
                "--config",
                "deploy/contract/generator.yaml",
            ])
            .args(["--path", document, "--output-path"])
            .arg(into),
    );
}

#[test]
fn a_client_of_engines_is_generated() {
    let dir = tempfile::tempdir().unwrap();
    generate("deploy/engine/openapi.json", &dir.path().join("galaxy_client"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generated_client_calls_a_replica() {
    let dir = tempfile::tempdir().unwrap();
    let api = Api::start().await;
    api.engine_version().await;
    generate("api-server/openapi.json", &dir.path().join("galaxy_client"));
    let mut run = command(&installed(".local/contract/bin/python"));
    run.arg("deploy/contract/calls.py")
        .env("PYTHONPATH", dir.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GALAXY_DOCUMENT", root().join("api-server/openapi.json"))
        .env("GALAXY_URL", format!("http://{}", api.rest))
        .env("GALAXY_GATEWAY_TOKEN", GATEWAY_TOKEN)
        .env("GALAXY_ADMIN_USER", ADMIN)
        .env("GALAXY_ADMIN_PASSWORD", PASSWORD);
    let said = tokio::task::spawn_blocking(move || succeed(&mut run)).await.unwrap();
    assert!(said.contains("operations generated, and called"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_typescript_sample_calls_a_replica() {
    let api = Api::start().await;
    let (user, _) = api.player("ada").await;
    let game = api.open_public_game(json!({})).await;
    installed("deploy/node_modules/.bin/tsc");
    let mut run = command(Path::new("npm"));
    run.current_dir(root().join("deploy/typescript"))
        .args(["run", "--silent", "test"])
        .env("GALAXY_URL", format!("http://{}", api.rest))
        .env("GALAXY_GATEWAY_TOKEN", GATEWAY_TOKEN)
        .env("GALAXY_USER_ID", &user)
        .env("GALAXY_GAME_ID", &game);
    tokio::task::spawn_blocking(move || succeed(&mut run)).await.unwrap();
}
