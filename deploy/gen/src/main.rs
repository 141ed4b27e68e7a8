//! Writes what is generated from the processes' own code: the OpenAPI documents, the configuration reference and the
//! example of Compose's settings.
//!
//! A crate of its own, since it links every process: `xtask` itself must build while one of them does not.

mod compose;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use shared::service::config::{PostgresConfig, Process, reference};
use shared::service::run::settings;

fn main() -> anyhow::Result<()> {
    let root: PathBuf = std::env::args_os().nth(1).context("usage: galaxy-gen ROOT")?.into();
    write(&root.join("api-server/openapi.json"), &api_server::http::openapi_text()?)?;
    write(&root.join("deploy/engine/openapi.json"), &galaxy_engine_sdk::http::document()?)?;
    let author = root.join("docs/engine-contract.md");
    let text = std::fs::read_to_string(&author).with_context(|| author.display().to_string())?;
    write(&author, &galaxy_engine_check::document::with_table(&text)?)?;
    write(&root.join("docs/configuration.md"), &reference(PROCESSES))?;
    let compose = root.join("deploy/compose");
    let text = std::fs::read_to_string(compose.join("compose.yaml")).context("compose.yaml")?;
    write(&compose.join(".env.example"), &compose::example(PROCESSES, &text))?;
    Ok(())
}

/// Every binary with what it asks for.
const PROCESSES: &[Process] = &[
    ("api-server", settings::<api_server::config::Config>),
    ("mail-worker", settings::<mail_worker::Config>),
    ("notify-worker", settings::<notify_worker::config::NotifyConfig>),
    ("runtime-controller", settings::<runtime_controller::config::Config>),
    ("migrate", |r| {
        let _: PostgresConfig = r.group();
    }),
];

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| path.display().to_string())
}
