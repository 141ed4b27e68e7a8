//! `cargo xtask test`: everything that CI runs, in the order in which it fails fastest.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::{build, circles, front_ends, r#gen, habits, layers, prerequisites, run, sizes, tools, up};

/// Runs it; `fast` leaves out what needs Docker or the whole stack.
///
/// # Errors
/// The first thing that fails.
pub fn test(fast: bool) -> Result<()> {
    prerequisites::generators()?;
    run::step("Format", run::cargo().args(["fmt", "--all", "--check"]))?;
    println!("\n── Layers");
    layers::check()?;
    circles::check(&crate::root())?;
    habits::check()?;
    println!("\n── Sizes");
    sizes::check()?;
    run::step("Spelling", &mut run::program(tools::typos()?))?;
    // Before api-server is compiled for the first time, which holds it.
    front_ends::console()?;
    run::step(
        "Lints",
        run::cargo().args(["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]),
    )?;
    documentation()?;
    dependencies()?;
    r#gen::r#gen(true, false)?;
    r#gen::typescript::check(&crate::root())?;
    tools::tools()?;
    front_ends::test(!fast)?;
    let nextest = tools::cargo_nextest()?;
    let _ = std::fs::remove_file(testkit::state_dir().join("contract-seen.jsonl"));
    if fast {
        run::step(
            "Unit and contract tests",
            nextest_run(&nextest).args([
                "--workspace",
                "--exclude",
                "galaxy-e2e",
                "--exclude",
                "runtime-controller",
                "--bins",
                "--lib",
                "--test",
                "it",
            ]),
        )?;
        return coverage(&nextest);
    }
    build::binaries()?;
    let engine = build::static_engine()?;
    // Lives until the tests have ended; every test finds it by the variable.
    let docker = up::docker(&testkit::target_dir().join("docker"))?;
    let image = docker.prepare("tests")?;
    let result = run::step(
        "Tests: unit, contract, integration and end to end, with real Postgres, SMTP and Docker",
        nextest_run(&nextest)
            .arg("--workspace")
            .env("GALAXY_TEST_DOCKER_HOST", docker.host())
            .env("GALAXY_TEST_ENGINE_IMAGE", image)
            .env("GALAXY_ENGINE_STATIC", engine),
    );
    docker.clean("tests");
    result?;
    coverage(&nextest)
}

/// Every link of a comment leads somewhere. Examples are built with the features that tests have, as the lints were: without
/// them cargo would check tokio, and all that stands on it, once more with others.
fn documentation() -> Result<()> {
    run::step(
        "Documentation: every link of a comment leads somewhere",
        run::cargo()
            .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked", "--lib", "--examples"])
            .args(["--bin", "xtask", "--bin", "galaxy-bench", "--bin", "galaxy-gen", "--bin", "galaxy-hostile"])
            // Private items are documented too, so links to them are good ones.
            .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"),
    )
}

/// What may come into the tree: bans, licences and sources, with nothing but the package registry. Advisories need a copy
/// of the RustSec database, which no package registry carries: `cargo deny check advisories` is for whoever reaches it
/// (deny.toml).
fn dependencies() -> Result<()> {
    run::step(
        "Dependencies: bans, licences, sources",
        run::program(tools::cargo_deny()?).args(["--locked", "--all-features", "--log-level", "error"]).args([
            "check",
            "--hide-inclusion-graph",
            "--allow",
            "duplicate",
            "bans",
            "licenses",
            "sources",
        ]),
    )
}

/// Judges what all tests together saw of the contract, when they have all ended. It is built already: the same command, with
/// another choice.
fn coverage(nextest: &PathBuf) -> Result<()> {
    run::step(
        "Contract: every documented answer was seen, and no other",
        nextest_run(nextest).args(["--workspace", "--ignore-default-filter", "--filterset", "binary(coverage)"]),
    )
}

fn nextest_run(nextest: &PathBuf) -> Command {
    let mut command = run::program(nextest);
    command.args(["nextest", "run", "--locked", "--no-fail-fast"]);
    // The number in `.config/nextest.toml` is for two cores and more. On one, whole stacks beside each other starve.
    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1) {
        command.args(["--test-threads", "3"]);
    }
    command
}
