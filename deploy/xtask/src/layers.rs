//! The dependency and layer rules of docs/architecture.md, read from the manifests and sources themselves.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

const SERVICES: &[&str] = &["api-server", "mail-worker", "notify-worker", "runtime-controller"];

/// A crate that only some of ours may name.
const OWNERS: &[(&str, &[&str])] = &[
    ("poem", &["api-server", "deploy/engine-sdk", "deploy/testkit"]),
    ("poem-openapi", &["api-server", "deploy/engine-sdk"]),
    ("lettre", &["mail-worker", "deploy/testkit"]),
    // The bench measures against the bare Docker API.
    ("bollard", &["runtime-controller", "deploy/bench"]),
];

/// Checks them all, and tells every breach at once.
///
/// # Errors
/// The breaches.
pub fn check() -> Result<()> {
    let root = crate::root();
    let mut breaches = Vec::new();
    let manifests = manifests(&root)?;
    for (member, manifest) in &manifests {
        let (dependencies, dev) = dependencies(manifest);
        for name in &dependencies {
            if SERVICES.contains(&member.as_str()) && SERVICES.contains(&name.as_str()) {
                breaches.push(format!("{member} depends on {name}: services depend on shared, never on each other"));
            }
        }
        for (name, owners) in OWNERS {
            if (dependencies.iter().chain(&dev)).any(|d| d == name) && !owners.contains(&member.as_str()) {
                breaches.push(format!("{member} names {name}, which belongs to {}", owners.join(", ")));
            }
        }
    }
    sql_stays_home(&root, &mut breaches)?;
    if breaches.is_empty() {
        println!("   layers hold");
        return Ok(());
    }
    bail!("layer rules are broken:\n  {}", breaches.join("\n  "))
}

/// SQL stands only in `shared/src/db` and `shared/src/queue`; a transaction is begun and committed by the caller of `db`.
fn sql_stays_home(root: &Path, breaches: &mut Vec<String>) -> Result<()> {
    let mut files = Vec::new();
    for dir in ["shared/src", "api-server/src", "mail-worker/src", "notify-worker/src", "runtime-controller/src"] {
        collect(&root.join(dir), &mut files)?;
    }
    for file in files {
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        let text = std::fs::read_to_string(&file)?;
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        let home = shown.starts_with("shared/src/db/") || shown.starts_with("shared/src/queue/");
        // The readiness probe looks at the schema's version itself: it is no domain noun.
        let probe = shown.starts_with("shared/src/service/health/");
        if !home
            && !probe
            && ["sqlx::query", "query!(", "query_as!(", "query_scalar!(", "raw_sql("]
                .iter()
                .any(|word| production.contains(word))
        {
            breaches.push(format!("{shown}: SQL outside shared/src/db and shared/src/queue"));
        }
        if shown.starts_with("shared/src/db/")
            && shown != "shared/src/db/pool.rs"
            && (production.contains(".commit()") || production.contains(".begin()"))
        {
            breaches.push(format!("{shown}: db functions neither begin nor commit"));
        }
    }
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn manifests(root: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for dir in [root.to_path_buf(), root.join("deploy")] {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if let Ok(text) = std::fs::read_to_string(path.join("Cargo.toml")) {
                found.push((path.strip_prefix(root).unwrap_or(&path).display().to_string(), text));
            }
        }
    }
    Ok(found)
}

/// The names under `[dependencies]` and under `[dev-dependencies]`.
fn dependencies(manifest: &str) -> (Vec<String>, Vec<String>) {
    let (mut normal, mut dev) = (Vec::new(), Vec::new());
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if let Some(name) = line.split(['.', ' ', '=']).next().filter(|n| !n.is_empty() && !n.starts_with('#')) {
            match section {
                "[dependencies]" => normal.push(name.to_owned()),
                "[dev-dependencies]" => dev.push(name.to_owned()),
                _ => {}
            }
        }
    }
    (normal, dev)
}
