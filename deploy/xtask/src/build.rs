//! Builds that more than one command needs.

use std::path::PathBuf;

use anyhow::Result;

use crate::run;

/// Every binary of the workspace, in the dev profile.
///
/// # Errors
/// When it does not build.
pub fn binaries() -> Result<()> {
    run::step("Build every binary", run::cargo().args(["build", "--workspace", "--bins", "--locked"]))
}

/// The reference engine, and the hostile one that tests set against its container, without any shared library, so that they run in
/// images `FROM scratch`. Answers where the reference engine is.
///
/// There is no musl target here; glibc links statically, and still resolves names where the root is empty. A target
/// directory of its own: other flags would make cargo build the whole workspace again at every change between the two.
///
/// # Errors
/// When it does not build.
pub fn static_engine() -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let dir = testkit::target_dir().join("static");
    run::step(
        "Build the engines as static binaries",
        run::cargo()
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .args([
                "build",
                "--locked",
                "--package",
                "galaxy-engine",
                "--bin",
                "galaxy-engine",
                "--package",
                "galaxy-hostile",
                "--bin",
                "galaxy-hostile",
                "--target",
                &target,
                "--target-dir",
            ])
            .arg(&dir),
    )?;
    Ok(dir.join(target).join("debug/galaxy-engine"))
}
