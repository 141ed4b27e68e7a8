//! `cargo xtask gen`: every file that is generated and committed, written anew. CI runs it and demands a clean tree.

mod files;
pub mod proto;
pub mod typescript;

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{build, prerequisites, run};

/// What is generated, below the root.
const GENERATED: &[&str] = &[
    "shared/.sqlx",
    "shared/src/proto",
    "shared/schema/notification.fbs",
    "shared/src/postgres/statement/generated.rs",
    "api-server/openapi.json",
    "api-server/openapi.baseline.json",
    "deploy/engine/openapi.json",
    "deploy/typescript/src/catalogue.ts",
    "deploy/kubernetes/components/monitoring/rules.yaml",
    "deploy/typescript/src/contract.ts",
    "deploy/typescript/test/events.json",
    "docs/configuration.md",
    "deploy/compose/.env.example",
    "docs/engine-contract.md",
    "docs/events.md",
];

/// Runs it; with `check`, fails where a committed file is not what is generated. The baseline of the REST contract gives up what
/// it has promised only with `accept_breaking`.
///
/// # Errors
/// When a generator fails, the contract breaks its clients, or the tree is not clean with `check`.
pub fn r#gen(check: bool, accept_breaking: bool) -> Result<()> {
    prerequisites::generators()?;
    let root = crate::root();
    println!("\n── Protobuf");
    proto::generate(&root)?;
    files::put(&root.join(testkit::kubernetes::RULES), testkit::kubernetes::prometheus_rule(&root)?.as_bytes())?;
    sql()?;
    // The whole workspace, not this one crate: cargo would choose other features for its dependencies and build them again.
    build::binaries()?;
    run::step(
        "OpenAPI documents, configuration reference, Compose's example, catalogue of events, FlatBuffers schema, statements' names",
        Command::new(testkit::process::bin_path("galaxy-gen")).arg(&root),
    )?;
    typescript::generate(&root)?;
    baseline(&root, accept_breaking)?;
    if check {
        let status =
            run::output(Command::new("git").current_dir(&root).args(["status", "--porcelain", "--"]).args(GENERATED))?;
        if !status.is_empty() {
            let diff =
                run::output(Command::new("git").current_dir(&root).args(["diff", "--stat", "--"]).args(GENERATED))?;
            bail!("generated files are not what is committed; run `cargo xtask gen` and commit:\n{status}{diff}");
        }
        println!("   generated files are fresh");
    }
    Ok(())
}

/// What clients were promised: grows with the document, and does not shrink unless somebody says that it may.
fn baseline(root: &Path, accept_breaking: bool) -> Result<()> {
    let (document, baseline) = (root.join("api-server/openapi.json"), root.join("api-server/openapi.baseline.json"));
    let broken = testkit::openapi::compatibility::keep_baseline(&document, &baseline, accept_breaking)?;
    match broken.is_empty() {
        true => {}
        false if accept_breaking => println!("   accepted, and no longer promised:\n  {}", broken.join("\n  ")),
        false => {
            bail!("the REST contract breaks its clients (docs/contract.md says what to do):\n  {}", broken.join("\n  "))
        }
    }
    Ok(())
}

/// The metadata with which `shared` builds without a database: each query is described by a database with our schema.
fn sql() -> Result<()> {
    let root = crate::root();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let db = testkit::TestDb::try_new().await?;
        let fresh = files::fresh("sqlx")?;
        // sqlx reads neither search_path nor our checks from the DSN; libpq's options it does.
        let dsn = format!("{}?options=-csearch_path%3Dbackend", db.dsn().split('?').next().unwrap_or_default());
        // A macro is expanded only where its crate is compiled, so cargo is made to compile it, by a source that looks new. It
        // looks as old as before afterwards: whatever else was built from it is still good.
        let source = std::fs::File::options().append(true).open(root.join("shared/src/lib.rs"))?;
        let modified = source.metadata()?.modified()?;
        source.set_modified(std::time::SystemTime::now())?;
        let described =
            run::step(
                "SQL metadata",
                run::cargo()
                    .env("DATABASE_URL", dsn)
                    .env("SQLX_OFFLINE", "false")
                    .env("SQLX_OFFLINE_DIR", &fresh)
                    .args(["check", "--quiet", "--locked", "--package", "galaxy-shared", "--lib"]),
            );
        source.set_modified(modified)?;
        described?;
        let directory = root.join("shared/.sqlx");
        files::put_all(&fresh, &directory)?;
        files::remove_others(&fresh, &directory)?;
        db.close().await;
        anyhow::Ok(())
    })
}
