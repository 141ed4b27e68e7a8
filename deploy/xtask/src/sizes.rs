//! How long a file and a line may be (docs/conventions.md), read from every file that git tracks.

use std::path::Path;

use anyhow::{Result, bail};

use crate::run;

/// Lines of a hand-written source file, at most.
const LINES: usize = 500;

/// Characters of a line of code or docs, at most.
const COLUMNS: usize = 140;

/// Characters of a line of a page's prose, at most.
const PROSE: usize = 120;

/// The endings of sources. Their files are bounded, and their lines.
const SOURCES: &[&str] = &["rs", "py", "ts", "tsx", "css", "mjs", "sql", "proto", "fbs"];

/// The endings of pages and settings. Their lines are bounded; a page is as long as what it says.
const PAGES: &[&str] = &["md", "toml", "yaml", "yml"];

/// What nobody writes, or nobody may change.
const EXEMPT: &[(&str, &str)] = &[
    ("deploy/typescript/src/contract.ts", "generated from openapi.json"),
    ("migrations/sql/", "an applied migration is known by its checksum"),
    ("shared/src/postgres/statement/generated.rs", "generated from the statements' functions"),
    ("shared/src/proto/galaxy.", "generated from the protocol's files"),
];

/// Checks them all, and tells every breach at once.
///
/// # Errors
/// The breaches.
pub fn check() -> Result<()> {
    let root = crate::root();
    let mut breaches = Vec::new();
    for file in run::output(std::process::Command::new("git").arg("ls-files").current_dir(&root))?.lines() {
        // What is deleted and not committed yet has no text.
        if let Ok(text) = std::fs::read_to_string(root.join(file)) {
            breaches.extend(breaches_of(file, &text));
        }
    }
    if breaches.is_empty() {
        println!("   files and lines are short enough");
        return Ok(());
    }
    bail!("too long:\n  {}", breaches.join("\n  "))
}

/// What one file breaks: `shown` is its path from the root.
fn breaches_of(shown: &str, text: &str) -> Vec<String> {
    let ending = Path::new(shown).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let (source, page) = (SOURCES.contains(&ending), PAGES.contains(&ending));
    if !(source || page) || EXEMPT.iter().any(|(exempt, _)| shown.starts_with(exempt)) {
        return Vec::new();
    }
    let mut breaches = Vec::new();
    let lines = text.lines().count();
    if source && lines > LINES {
        breaches.push(format!("{shown} has {lines} lines: {LINES} at most, then its parts are files"));
    }
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        let columns = line.chars().count();
        let prose = ending == "md";
        let fence = prose && line.trim_start().starts_with("```");
        fenced ^= fence;
        // A row of a table cannot be broken.
        let row = prose && line.trim_start().starts_with('|');
        let limit = if prose && !fenced && !fence { PROSE } else { COLUMNS };
        if columns > limit && !row {
            breaches.push(format!("{shown}:{} has {columns} columns: {limit} at most", at + 1));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_as_they_are_break_nothing() {
        check().unwrap();
    }

    #[test]
    fn a_line_that_is_too_long_is_a_breach() {
        for (file, begins) in [
            ("shared/src/ids.rs", "// "),
            ("shared/src/db/games/mod.rs", "    \"SELECT "),
            ("deploy/testkit/src/seed/sql/2_lobby.sql", "SELECT "),
            ("deploy/engine-python/engine.py", "# "),
            ("docs/queue.md", "* "),
            ("README.md", ""),
            ("Cargo.toml", "# "),
        ] {
            let line = |columns: usize| format!("first\n{begins}{}\n", "ä".repeat(columns - begins.len()));
            let most = if file.ends_with(".md") { 120 } else { 140 };
            let breach = format!("{file}:2 has {} columns: {most} at most", most + 1);
            assert_eq!(breaches_of(file, &line(most + 1)), [breach]);
            assert!(breaches_of(file, &line(most)).is_empty(), "characters count, not bytes");
        }
    }

    #[test]
    fn what_a_page_shows_between_fences_may_be_as_long_as_code() {
        let page = |columns: usize, behind: &str| format!("```sh\n{}\n```\n{behind}\n", "x".repeat(columns));
        assert!(breaches_of("docs/queue.md", &page(140, "short")).is_empty());
        assert_eq!(breaches_of("docs/queue.md", &page(141, "short")).len(), 1);
        let prose = "x".repeat(121);
        assert_eq!(breaches_of("docs/queue.md", &page(140, &prose)), ["docs/queue.md:4 has 121 columns: 120 at most"]);
    }

    #[test]
    fn a_source_that_is_too_long_is_a_breach_and_a_page_is_not() {
        let text = |lines: usize| "a line\n".repeat(lines);
        for file in ["api-server/src/app.rs", "api-server/tests/it/lobby.rs", "deploy/typescript/src/client.ts"] {
            assert_eq!(breaches_of(file, &text(501)).len(), 1, "{file}");
            assert!(breaches_of(file, &text(500)).is_empty(), "{file}");
        }
        assert!(breaches_of("docs/specification.md", &text(501)).is_empty());
    }

    #[test]
    fn tables_of_pages_generated_files_and_data_may_be_as_they_are() {
        let row = format!("| {} |\n", "x".repeat(200));
        assert!(breaches_of("docs/queue.md", &row).is_empty());
        assert!(!breaches_of("shared/src/ids.rs", &row).is_empty(), "a table is one of a page");
        let much = row.repeat(600);
        for (exempt, _) in EXEMPT {
            let file = if exempt.ends_with('/') { format!("{exempt}0001_foundation.up.sql") } else { (*exempt).into() };
            assert!(breaches_of(&file, &much).is_empty(), "{file}");
        }
        assert!(breaches_of("api-server/openapi.json", &much).is_empty());
        assert!(breaches_of("shared/tests/tables/names.tsv", &much).is_empty());
    }
}
