//! Writes what is generated from the processes' own code: the OpenAPI documents, the configuration reference, the example of
//! Compose's settings, the catalogue of events with its FlatBuffers schema, and the names of SQL statements.
//!
//! A crate of its own, since it links every process: `xtask` itself must build while one of them does not.

mod compose;
mod events;
mod flatc;
mod schema;
mod statements;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use shared::config::{PostgresConfig, Process, contradictions, reference};
use shared::service::run::settings;

fn main() -> anyhow::Result<()> {
    let root: PathBuf = std::env::args_os().nth(1).context("usage: galaxy-gen ROOT")?.into();
    write(&root.join("api-server/openapi.json"), &api_server::http::openapi_text()?)?;
    write(&root.join("deploy/engine/openapi.json"), &galaxy_engine_sdk::http::document()?)?;
    let author = root.join("docs/engine-contract.md");
    let text = std::fs::read_to_string(&author).with_context(|| author.display().to_string())?;
    write(&author, &galaxy_engine_check::document::with_table(&text)?)?;
    let contradictions = contradictions(PROCESSES);
    anyhow::ensure!(contradictions.is_empty(), "one setting has two meanings:\n{}", contradictions.join("\n"));
    write(&root.join("docs/configuration.md"), &reference(PROCESSES))?;
    let schema = root.join("shared/schema/notification.fbs");
    write(&schema, &schema::schema())?;
    flatc::check(&schema)?;
    let document = api_server::http::openapi()?;
    write(&root.join("docs/events.md"), &events::page(&document)?)?;
    write(&root.join("deploy/typescript/src/catalogue.ts"), &events::typescript(&document)?)?;
    write(&root.join("deploy/typescript/test/events.json"), &events::examples()?)?;
    write(&root.join("shared/src/postgres/statement/generated.rs"), &statements::table(&root)?)?;
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

/// What is as it was is not touched: cargo would build anew what is made from it.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|former| former == text) {
        return Ok(());
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shared::config::{Reader, Setting};

    use super::*;

    #[test]
    fn a_setting_has_one_text_one_default_and_one_parser_whichever_process_reads_it() {
        let mut known: BTreeMap<&str, (&str, Setting)> = BTreeMap::new();
        for (process, read) in PROCESSES {
            let mut reader = Reader::describe(process);
            read(&mut reader);
            for setting in reader.settings() {
                let (first, same) = known.entry(setting.name).or_insert_with(|| (*process, setting.clone()));
                assert_eq!(same, setting, "{} of {first} and of {process}", setting.name);
            }
        }
        assert!(known.len() > 90, "only {} settings", known.len());
        assert_eq!(contradictions(PROCESSES), Vec::<String>::new());
    }
}
