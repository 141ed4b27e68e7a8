//! What the papers name exists.

use std::path::Path;

/// A page that stands beside tests, in backticks as `path/to/file.rs::name_of_the_test`.
const PAGES: [&str; 1] = ["docs/security.md"];

#[test]
fn every_test_that_a_page_names_exists() {
    let root = testkit::workspace_root();
    let mut named = 0;
    for page in PAGES {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for (file, test) in text.split('`').filter_map(|word| word.split_once(".rs::")) {
            let path = root.join(format!("{file}.rs"));
            assert!(holds(&path, test), "{page} names {file}.rs::{test}, which does not exist");
            named += 1;
        }
    }
    assert!(named > 50, "only {named} tests were found: are they still written so?");
}

/// Whether the file has a function of that name, under a test's attribute.
fn holds(path: &Path, test: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let is_ours = |line: &str| line.trim_start().trim_start_matches("async ").starts_with(&format!("fn {test}("));
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().position(|line| is_ours(line)).is_some_and(|at| {
        lines[..at].iter().rev().take(3).any(|line| line.contains("#[test]") || line.contains("#[tokio::test"))
    })
}
