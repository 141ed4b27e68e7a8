//! Builds that more than one command needs.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use testkit::stack;

use crate::{run, shipped};

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
    let wanted = ["galaxy-bench", "api-server", "mail-worker", "notify-worker", "runtime-controller", "galaxy-engine"];
    let wanted = wanted.iter().flat_map(|package| ["--package", package]);
    run::step("Build for release", run::cargo().args(["build", "--release", "--locked", "--bins"]).args(wanted))?;
    Ok(testkit::target_dir().join("release").join("galaxy-bench"))
}

/// A build's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Built quickly.
    Dev,
    /// What is delivered.
    Release,
}

/// What runs in an image `FROM scratch` and is part of tests: package and binary.
const ENGINES: [(&str, &str); 3] =
    [("galaxy-engine", "galaxy-engine"), ("galaxy-hostile", "galaxy-hostile"), ("galaxy-engine-check", "engine-check")];

/// The reference engine, linked as [`static_link`] says, in the dev profile.
///
/// # Errors
/// When it does not build.
pub fn static_engine() -> Result<PathBuf> {
    static_link(Profile::Dev, &ENGINES)?;
    static_path(Profile::Dev, "galaxy-engine")
}

/// The conformance test: authors run it on machines of their own, and as an image (`deploy/engine-check/Dockerfile`).
///
/// # Errors
/// When it does not build.
pub fn static_engine_check() -> Result<PathBuf> {
    static_link(Profile::Dev, &ENGINES)?;
    static_path(Profile::Dev, "engine-check")
}

/// Every binary that has an image: those of [`IMAGES`](crate::shipped::IMAGES), and the reference engine.
///
/// # Errors
/// When one does not build.
pub fn static_binaries(profile: Profile) -> Result<()> {
    let mut wanted = vec![("galaxy-engine", "galaxy-engine")];
    wanted.extend(shipped::IMAGES.iter().map(|image| (image.package, image.name)));
    static_link(profile, &wanted)
}

/// Builds binaries that are linked without any shared library: an empty root holds all that they need.
fn static_link(profile: Profile, wanted: &[(&str, &str)]) -> Result<()> {
    let mut cargo = run::cargo();
    cargo
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .args(["build", "--locked", "--target", &stack::static_target()])
        .args(wanted.iter().flat_map(|(package, binary)| ["--package", package, "--bin", binary]))
        .arg("--target-dir")
        .arg(stack::static_dir());
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    run::step("Build the static binaries", &mut cargo)
}

/// Where a binary of [`static_link`] is.
///
/// # Errors
/// When it is not built.
pub fn static_path(profile: Profile, binary: &str) -> Result<PathBuf> {
    match profile {
        Profile::Dev => stack::static_binary(binary),
        Profile::Release => {
            let path = stack::static_dir().join(stack::static_target()).join("release").join(binary);
            ensure!(path.is_file(), "{} is not built: `cargo xtask images`", path.display());
            Ok(path)
        }
    }
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
        run::docker(None, &["build", "--quiet", "--tag", IMAGE, "--file"])
            .arg(crate::root().join("deploy/engine-check/Dockerfile"))
            .arg(&context),
    )?;
    Ok(IMAGE)
}
