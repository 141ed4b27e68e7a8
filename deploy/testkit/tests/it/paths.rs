//! A path of this repository that is named exists: in backticks anywhere, and bare in pages and comments.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::docs::{tracked, written};

/// Below these lies what a path of this repository names.
const FOLDERS: [&str; 12] = [
    ".cargo",
    ".ci",
    ".config",
    ".github",
    "api-server",
    "deploy",
    "docs",
    "mail-worker",
    "migrations",
    "notify-worker",
    "runtime-controller",
    "shared",
];

/// What is made here, and is in no commit.
const MADE: [&str; 2] = ["deploy/console/dist", "deploy/console/shots"];

/// What begins a comment, by the ending of its file.
const COMMENTS: [(&str, &str); 10] = [
    (".rs", "//"),
    (".proto", "//"),
    (".ts", "//"),
    (".mjs", "//"),
    (".fbs", "//"),
    (".sql", "--"),
    (".toml", "#"),
    (".yml", "#"),
    (".yaml", "#"),
    (".py", "#"),
];

#[test]
fn every_path_that_is_named_exists() {
    let tracked: BTreeSet<PathBuf> = tracked().into_iter().map(PathBuf::from).collect();
    let mut named = 0;
    let mut breaches = Vec::new();
    for (file, text) in written() {
        for path in paths(&file, &text) {
            if !exists(&tracked, &path) {
                breaches.push(format!("{file} names {path}"));
            }
            named += 1;
        }
    }
    assert!(breaches.is_empty(), "these do not exist: {breaches:#?}");
    assert!(named > 600, "only {named} paths were found: are they still written so?");
}

/// Whether a file lies there, or below it. A decision is known by its number, too: `docs/adr/0001`.
fn exists(tracked: &BTreeSet<PathBuf>, path: &str) -> bool {
    let path = Path::new(path.trim_end_matches('/'));
    if MADE.iter().any(|made| path.starts_with(made)) {
        return true;
    }
    let number = path.strip_prefix("docs/adr").ok().and_then(Path::to_str);
    let number = number.filter(|name| name.len() == 4 && name.bytes().all(|byte| byte.is_ascii_digit()));
    match number {
        Some(number) => {
            let begins = format!("docs/adr/{number}-");
            tracked.iter().filter_map(|tracked| tracked.to_str()).any(|tracked| tracked.starts_with(&begins))
        }
        None => tracked.iter().any(|tracked| tracked.starts_with(path)),
    }
}

/// The paths that a text names.
fn paths(file: &str, text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).map(|word| word.split("::").next().unwrap_or_default());
    let bare = text.lines().filter_map(|line| prose(file, line)).flat_map(|line| line.split('`').step_by(2));
    let apart = |c: char| c.is_whitespace() || "()[]\"'<>,;:|".contains(c);
    let bare = bare.flat_map(|part| part.split(apart)).map(|word| word.trim_end_matches('.'));
    quoted.chain(bare).flat_map(braces).filter(|word| is_path(word)).collect()
}

/// What people read of a line: of a page the whole, else a comment.
fn prose<'a>(file: &str, line: &'a str) -> Option<&'a str> {
    if file.ends_with(".md") {
        return Some(line);
    }
    let (ending, mark) = COMMENTS.iter().find(|(ending, _)| file.ends_with(ending))?;
    let line = line.trim_start();
    if matches!(*ending, ".ts" | ".mjs") && line.starts_with(['*', '/']) {
        return Some(line);
    }
    line.strip_prefix(mark).or_else(|| line.split_once(&format!(" {mark} ")).map(|(_, comment)| comment))
}

/// Whether a word can only be a path of this repository: below one of its folders, without a placeholder.
fn is_path(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    word.split_once('/').is_some_and(|(folder, rest)| FOLDERS.contains(&folder) && !rest.is_empty())
        && word.chars().all(plain)
}

/// `a/{b,c}.rs` is `a/b.rs` and `a/c.rs`.
fn braces(word: &str) -> Vec<String> {
    match (word.find('{'), word.find('}')) {
        (Some(open), Some(close)) if open < close => word[open + 1..close]
            .split(',')
            .flat_map(|part| braces(&format!("{}{}{}", &word[..open], part.trim(), &word[close + 1..])))
            .collect(),
        _ => vec![word.to_owned()],
    }
}

#[test]
fn a_path_is_found_wherever_it_is_named() {
    for (file, text, named) in [
        ("docs/a.md", "`shared/{a,b}.rs::name`, docs/c.md.\n```sh\n.ci/run\n```", "shared/a.rs shared/b.rs docs/c.md"),
        ("docs/a.md", "see docs/c.md, and (.github/d.md): `.config/e.toml`", ".config/e.toml docs/c.md .github/d.md"),
        ("a/b.rs", "let a = \"docs/no.md\"; // as docs/b.md\n    //! docs/adr/0009\n", "docs/b.md docs/adr/0009"),
        ("a/b.sql", "-- deploy/a.sql: one\nSELECT 'docs/no.md';\n", "deploy/a.sql"),
        ("a/b.ts", "/** docs/a.md\n * docs/b.md */\n\"docs/no.ts\";\n// docs/c.md", "docs/a.md docs/b.md docs/c.md"),
        ("a/b.py", "x = 1 # docs/a.md\n", "docs/a.md"),
        ("a/b.fbs", "// shared/a.rs. Do not edit.\n", "shared/a.rs"),
        ("docs/a.md", "https://host/docs/x, ../docs/x, `docs/<kind>.md`, `shared`, and/or, src/lib.rs", ""),
    ] {
        let found = paths(file, text);
        for path in named.split_whitespace() {
            assert!(found.iter().any(|found| found == path), "{path} is named in {text}: {found:?}");
        }
        assert!(!named.is_empty() || found.is_empty(), "none is named in {text}: {found:?}");
        assert!(!found.iter().any(|found| found.contains("/no.")), "code is no comment: {found:?}");
    }
}

#[test]
fn a_path_that_leads_nowhere_is_a_breach() {
    let tracked = ["docs/queue.md", "docs/adr/0001-one.md", ".github/SECURITY.md"].map(PathBuf::from);
    let tracked = BTreeSet::from(tracked);
    for there in ["docs/queue.md", "docs/adr/", "docs/adr/0001", "docs/adr/0001-one.md", ".github/SECURITY.md"] {
        assert!(exists(&tracked, there), "{there}");
    }
    for absent in ["docs/queues.md", "docs/que", "docs/adr/0017", "docs/adr/0001-one", ".github/OWNERS", ".ci/run"] {
        assert!(!exists(&tracked, absent), "{absent}");
    }
}
