//! Builds that more than one command needs.

use std::path::PathBuf;

use anyhow::Result;
use testkit::stack;

use crate::run;

/// Every binary of the workspace, in the dev profile.
///
/// # Errors
/// When it does not build.
pub fn binaries() -> Result<()> {
    run::step("Build every binary", run::cargo().args(["build", "--workspace", "--bins", "--locked"]))
}

/// The benches, built for release, and the processes that they measure beside them; answers where the benches are.
///
/// # Errors
/// When it does not build.
pub fn benches() -> Result<PathBuf> {
    let wanted = ["galaxy-bench", "api-server", "runtime-controller"].iter().flat_map(|package| ["--package", package]);
    run::step("Build for release", run::cargo().args(["build", "--release", "--locked", "--bins"]).args(wanted))?;
    Ok(testkit::target_dir().join("release").join("galaxy-bench"))
}

/// What is linked without any shared library: package and binary.
const STATIC: [(&str, &str); 3] =
    [("galaxy-engine", "galaxy-engine"), ("galaxy-hostile", "galaxy-hostile"), ("galaxy-engine-check", "engine-check")];

/// The reference engine, linked as [`static_binary`] says.
///
/// # Errors
/// When it does not build.
pub fn static_engine() -> Result<PathBuf> {
    static_binary("galaxy-engine")
}

/// The conformance test: authors run it on machines of their own, and as an image (`deploy/engine-check/Dockerfile`).
///
/// # Errors
/// When it does not build.
pub fn static_engine_check() -> Result<PathBuf> {
    static_binary("engine-check")
}

/// Builds every program that runs in an image `FROM scratch`, the hostile engine of the tests among them, and answers where this one is.
fn static_binary(binary: &str) -> Result<PathBuf> {
    let wanted = STATIC.iter().flat_map(|(package, binary)| ["--package", package, "--bin", binary]);
    run::step(
        "Build the static binaries",
        run::cargo()
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .args(["build", "--locked", "--target", &stack::static_target()])
            .args(wanted)
            .arg("--target-dir")
            .arg(stack::static_dir()),
    )?;
    stack::static_binary(binary)
}

/// Makes the conformance test's image with the docker command, and answers its name.
///
/// # Errors
/// When it does not build, or what docker says.
pub fn engine_check_image() -> Result<&'static str> {
    const IMAGE: &str = "engine-check:1.0.0";
    let binary = static_engine_check()?;
    // The context holds the binary alone: nothing else can get in, and nothing of the build is sent to the daemon.
    let context = testkit::target_dir().join("engine-check-image");
    std::fs::create_dir_all(&context)?;
    std::fs::copy(&binary, context.join("engine-check"))?;
    run::step(
        &format!("Build the image {IMAGE}"),
        run::program("docker")
            .env("DOCKER_BUILDKIT", "0")
            .args(["build", "--quiet", "--tag", IMAGE, "--file"])
            .arg(crate::root().join("deploy/engine-check/Dockerfile"))
            .arg(&context),
    )?;
    Ok(IMAGE)
}
