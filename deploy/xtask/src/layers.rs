//! The dependency and layer rules of docs/architecture.md, read from the manifests and sources themselves.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

const SERVICES: &[&str] = &["api-server", "mail-worker", "notify-worker", "runtime-controller"];

/// A crate that only some of ours may name.
const OWNERS: &[(&str, &[&str])] = &[
    ("poem", &["api-server", "deploy/engine-sdk", "deploy/testkit"]),
    ("poem-openapi", &["api-server", "deploy/engine-sdk"]),
    // The bench measures against lettre's own client.
    ("lettre", &["mail-worker", "deploy/testkit", "deploy/bench"]),
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
    breaches.extend(unused(&root, &manifests)?);
    let mut files = Vec::new();
    for dir in ["shared/src", "api-server/src", "mail-worker/src", "notify-worker/src", "runtime-controller/src"] {
        collect(&root.join(dir), &mut files)?;
    }
    for file in files {
        let shown = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        breaches.extend(breaches_of(&shown, &std::fs::read_to_string(&file)?));
    }
    if breaches.is_empty() {
        println!("   layers hold");
        return Ok(());
    }
    bail!("layer rules are broken:\n  {}", breaches.join("\n  "))
}

/// Dependencies that no source of their crate names: each is built for nothing. What tests alone name is a `dev-dependency`.
fn unused(root: &Path, manifests: &[(String, String)]) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for (member, manifest) in manifests.iter().filter(|(member, _)| !member.is_empty()) {
        let sources = |dirs: &[&str]| -> Result<String> {
            let mut files = Vec::new();
            for dir in dirs.iter().map(|dir| root.join(member).join(dir)).filter(|dir| dir.is_dir()) {
                collect(&dir, &mut files)?;
            }
            Ok(files.iter().map(std::fs::read_to_string).collect::<std::io::Result<Vec<_>>>()?.join("\n"))
        };
        let (dependencies, dev) = dependencies(manifest);
        let (product, all) = (sources(&["src"])?, sources(&["src", "tests", "examples"])?);
        for (names_of, text) in [(dependencies, product), (dev, all)] {
            let idle = names_of.iter().filter(|name| !names(&text, &identifier(name, manifests)));
            breaches.extend(idle.map(|name| format!("{member} depends on {name}, and no source of it names {name}")));
        }
    }
    Ok(breaches)
}

/// The word by which sources name a package: its library's, which ours may choose.
fn identifier(package: &str, manifests: &[(String, String)]) -> String {
    let named = |text: &str, section: &str| {
        let (_, rest) = text.split_once(section)?;
        let line = rest.lines().take_while(|line| !line.starts_with('[')).find(|line| line.starts_with("name = "))?;
        Some(line.trim_start_matches("name = ").trim_matches('"').to_owned())
    };
    let own = manifests.iter().find(|(_, text)| named(text, "[package]").as_deref() == Some(package));
    own.and_then(|(_, text)| named(text, "[lib]")).unwrap_or_else(|| package.replace('-', "_"))
}

/// What the sources below a folder may not name, and why.
const BLIND: &[(&str, &[&str], &str)] = &[
    ("shared/src/domain/", &["db", "sqlx"], "the domain is pure, and knows no database"),
    ("api-server/src/use_cases/", &["http", "poem", "poem_openapi"], "use cases know nothing of the wire"),
    ("api-server/src/refusal/", &["use_cases", "poem"], "a refusal is below the use cases, and no answer yet"),
];

/// What one source breaks: `shown` is its path from the root.
fn breaches_of(shown: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    for (folder, unseen, why) in BLIND {
        if shown.starts_with(folder) {
            let named = unseen.iter().filter(|name| names(text, name));
            breaches.extend(named.map(|name| format!("{shown} names {name}: {why}")));
        }
    }
    let production = production(text);
    // SQL stands only in `shared/src/db` and `shared/src/queue`; what a connection needs itself, in `shared/src/postgres`.
    let homes = ["shared/src/db/", "shared/src/queue/", "shared/src/postgres/"];
    let home = homes.iter().any(|home| shown.starts_with(home));
    // The readiness probe looks at the schema's version itself: it is no domain noun.
    let probe = shown.starts_with("shared/src/service/health/");
    let sql = ["sqlx::query", "query!(", "query_as!(", "query_scalar!(", "raw_sql("];
    if !home && !probe && sql.iter().any(|word| production.contains(word)) {
        breaches.push(format!("{shown}: SQL outside shared/src/db and shared/src/queue"));
    }
    // A transaction is begun and committed by the caller of `db`.
    if shown.starts_with("shared/src/db/") && (production.contains(".commit()") || production.contains(".begin()")) {
        breaches.push(format!("{shown}: db functions neither begin nor commit"));
    }
    breaches
}

/// A source without the module of tests at its end. Where tests have a file of their own, one line names it, and what stands
/// behind that line counts.
pub(crate) fn production(text: &str) -> &str {
    let mark = "#[cfg(test)]";
    let opens = |at: usize| {
        let behind = text.get(at + mark.len()..).unwrap_or_default().trim_start();
        let line = behind.lines().next().unwrap_or_default();
        line.contains('{') && line.split_whitespace().any(|word| word == "mod")
    };
    let end = text.match_indices(mark).map(|(at, _)| at).find(|at| opens(*at));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// The same without comments.
pub(crate) fn code(text: &str) -> String {
    let lines = production(text).lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether the code of a source, its tests too, has `name` as a word of its own; comments may say what they like. A name is
/// looked for wherever it stands: `crate::http`, `super::super::http`, `use crate::{app, http}`.
fn names(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.flat_map(|line| line.split(|c| !part(c))).any(|word| word == name)
}

pub(crate) fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_as_they_are_break_nothing() {
        check().unwrap();
    }

    #[test]
    fn a_use_case_that_names_the_wire_is_a_breach() {
        let file = "api-server/src/use_cases/games.rs";
        for line in [
            "use crate::http::objects::games::NewGame;",
            "use crate::{app::App, http};",
            "use super::super::http::request::page::Page;",
            "fn status() -> poem::http::StatusCode {",
            "use poem_openapi::types::ToJSON as _;",
        ] {
            let text = format!("//! Games.\n\n{line}\n");
            assert!(!breaches_of(file, &text).is_empty(), "{line}");
            // The wire may name itself.
            assert!(breaches_of("api-server/src/http/frame.rs", &text).is_empty(), "{line}");
        }
        for line in [
            "//! As [`crate::http::objects`] shows them.",
            "use crate::refusal::Problem; // not of http",
            "let https = 1;",
        ] {
            assert!(breaches_of(file, line).is_empty(), "{line}");
        }
    }

    #[test]
    fn a_refusal_that_is_an_answer_is_a_breach() {
        let file = "api-server/src/refusal/mod.rs";
        assert!(!breaches_of(file, "use poem::Response;").is_empty());
        assert!(!breaches_of(file, "use crate::use_cases::caller::Caller;").is_empty());
        assert!(breaches_of(file, "use poem_openapi::Object;").is_empty(), "the derive");
    }

    #[test]
    fn a_domain_that_names_the_database_is_a_breach() {
        let file = "shared/src/domain/game.rs";
        for line in [
            "use crate::db::games::Game;",
            "use crate::{db, ids};",
            "#[derive(sqlx::Type)]",
            "    #[sqlx(transparent)]",
            "use sqlx::PgConnection;",
        ] {
            assert!(!breaches_of(file, line).is_empty(), "{line}");
            assert!(breaches_of("shared/src/ids.rs", line).is_empty(), "{line}");
        }
        assert!(breaches_of(file, "//! Pure; `db::games` stores them as text.").is_empty());
    }

    #[test]
    fn sql_and_transactions_away_from_home_are_breaches() {
        let sql = "sqlx::query!(\"SELECT 1\").execute(conn).await?;";
        assert!(!breaches_of("api-server/src/use_cases/games.rs", sql).is_empty());
        assert!(breaches_of("shared/src/db/accounts.rs", sql).is_empty());
        assert!(!breaches_of("shared/src/db/accounts.rs", "let tx = conn.begin().await?;").is_empty());
        assert!(breaches_of("shared/src/postgres/pool.rs", "let tx = conn.begin().await?;").is_empty());
        // Only the module of tests itself is left out.
        let file = "api-server/src/use_cases/games.rs";
        assert!(!breaches_of(file, &format!("#[cfg(test)]\nmod tests;\n\n{sql}")).is_empty());
        assert!(!breaches_of(file, &format!("#[cfg(test)]\nuse x::y;\n{sql}")).is_empty());
        assert!(breaches_of(file, &format!("#[cfg(test)]\nmod tests {{\n{sql}\n}}")).is_empty());
    }
}
