//! A bill of materials for each binary that has an image: CycloneDX in JSON, by cargo-cyclonedx.

use std::path::Path;

use anyhow::{Context as _, Result};
use testkit::stack;

use crate::{run, shipped, tools};

/// What cargo-cyclonedx calls the files, for a moment, beside every manifest.
const PASSING: &str = "sbom-of-package";

/// Writes `<image>.cdx.json` for each image into `dir`: what the package and its dependencies are on this target, without
/// what only builds or tests them.
///
/// # Errors
/// When cargo-cyclonedx cannot be installed, or what it says.
pub fn write(dir: &Path) -> Result<()> {
    let program = tools::cargo_cyclonedx()?;
    // Of one commit there is one bill, whoever writes it and when.
    let committed = run::output(run::program("git").args(["show", "--no-patch", "--format=%ct", "HEAD"]))?;
    run::step(
        "Bills of materials",
        run::program(program)
            .env("SOURCE_DATE_EPOCH", committed.trim())
            .args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--no-build-deps", "-qq"])
            .args(["--target", &stack::static_target(), "--override-filename", PASSING]),
    )?;
    let mut wanted = vec![("galaxy-engine", "galaxy-engine")];
    wanted.extend(shipped::IMAGES.iter().map(|image| (image.package, image.name)));
    let written = format!("{PASSING}.json");
    for (package, manifest) in manifests()? {
        // It writes one for every member of the workspace, and knows no other place for it.
        let from = manifest.with_file_name(&written);
        for (_, name) in wanted.iter().filter(|(of, _)| *of == package) {
            let to = dir.join(format!("{name}.cdx.json"));
            std::fs::copy(&from, &to).with_context(|| format!("the bill of materials of {package}"))?;
            println!("   {}", to.display());
        }
        std::fs::remove_file(&from).with_context(|| from.display().to_string())?;
    }
    Ok(())
}

/// The members of the workspace, each with its manifest.
fn manifests() -> Result<Vec<(String, std::path::PathBuf)>> {
    let text = run::output(run::cargo().args(["metadata", "--no-deps", "--locked", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text).context("what cargo says of the workspace")?;
    let packages = metadata.get("packages").and_then(serde_json::Value::as_array).context("packages")?;
    let of = |package: &serde_json::Value| {
        let word = |name: &str| package.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        Some((word("name")?, word("manifest_path")?.into()))
    };
    packages.iter().map(|package| of(package).context("a package of the workspace")).collect()
}
