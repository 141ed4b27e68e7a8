//! What the papers name exists: tests, links and metrics. Sections and paths have files of their own.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

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

#[test]
fn every_link_leads_to_a_page_and_to_a_heading_of_it() {
    let root = testkit::workspace_root();
    let (mut pages, mut anchors) = (0, 0);
    for (file, text) in written().into_iter().filter(|(file, _)| file.ends_with(".md")) {
        for link in links(&text) {
            let (page, anchor) = link.split_once('#').unwrap_or((link, ""));
            let here = root.join(&file);
            let path = if page.is_empty() { here } else { here.parent().unwrap().join(page) };
            assert!(path.exists(), "{file} links to {link}, which does not exist");
            pages += 1;
            if !anchor.is_empty() {
                let there = headings(&std::fs::read_to_string(&path).unwrap());
                assert!(there.contains(anchor), "{file} links to {link}, and the page has no such heading: {there:?}");
                anchors += 1;
            }
        }
    }
    assert!(
        pages > 80 && anchors > 8,
        "only {pages} links and {anchors} anchors were found: are they still written so?"
    );
}

#[test]
fn every_decision_stands_in_the_index() {
    let root = testkit::workspace_root();
    let index = std::fs::read_to_string(root.join("docs/adr/README.md")).unwrap();
    let decisions = tracked().into_iter().filter(|file| file.starts_with("docs/adr/0"));
    let first = |file: &str| std::fs::read_to_string(root.join(file)).unwrap().lines().next().unwrap().to_owned();
    let missing: Vec<String> =
        decisions.map(|file| index_row(&file, &first(&file))).filter(|row| !index.contains(row)).collect();
    assert!(missing.is_empty(), "docs/adr/README.md has no such row: {missing:#?}");
}

/// A decision's row in the index, by its file and first line.
fn index_row(file: &str, heading: &str) -> String {
    let name = file.rsplit('/').next().unwrap();
    let (number, title) = heading.trim_start_matches("# ").split_once(". ").unwrap();
    assert!(name.starts_with(&format!("{number:0>4}-")), "{file} is headed {heading}");
    format!("\n| [{number}]({name}) | {title} |\n")
}

#[test]
fn a_row_of_the_index_follows_from_file_and_heading() {
    let row = index_row("docs/adr/0007-names.md", "# 7. One holder. Always");
    assert_eq!(row, "\n| [7](0007-names.md) | One holder. Always |\n");
}

/// The targets of a page's links, but for those into the web: a host's address, or a path of one.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|link| !link.contains("://") && !link.starts_with('/'))
}

/// The anchors that a page's headings have: in lower case, without punctuation, a hyphen for a blank.
fn headings(page: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in page.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if let Some(title) = line.strip_prefix('#').map(|rest| rest.trim_start_matches('#')).filter(|_| !fenced)
            && let Some(title) = title.strip_prefix(' ')
        {
            let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
            let again = (1..).map(|n| format!("{anchor}-{n}"));
            let free = std::iter::once(anchor.clone()).chain(again).find(|name| !found.contains(name));
            found.extend(free);
        }
    }
    found
}

#[test]
fn an_anchor_is_a_headings_words() {
    let page = "# At scale\n\n## Names: `a` and _b_\n```sh\n# no heading\n```\n## Twice\n## Twice\n#none\n";
    let expected = ["at-scale", "names-a-and-_b_", "twice", "twice-1"].map(str::to_owned);
    assert_eq!(headings(page), BTreeSet::from(expected));
    let text = "[a](b.md#c), [d](#e), [f](https://host/g) and [h](/docs)";
    assert_eq!(links(text).collect::<Vec<_>>(), ["b.md#c", "#e"]);
}

/// The endings of what people write prose in: pages, and what has comments.
const PROSE: [&str; 11] = [".md", ".rs", ".sql", ".proto", ".toml", ".yml", ".yaml", ".ts", ".mjs", ".py", ".fbs"];

/// The files that hold the papers.
const HERE: [&str; 5] = ["docs", "paths", "prose", "recipes", "sections"];

/// Every file of the repository that people write prose in, with its text.
pub(crate) fn written() -> Vec<(String, String)> {
    let root = testkit::workspace_root();
    let prose = |file: &String| PROSE.iter().any(|end| file.ends_with(end));
    // These files have the patterns themselves, and what is planted.
    let ours = |file: &String| HERE.iter().any(|name| file == &format!("deploy/testkit/tests/it/{name}.rs"));
    let others = tracked().into_iter().filter(|file| prose(file) && !ours(file));
    others.filter_map(|file| Some((file.clone(), std::fs::read_to_string(root.join(&file)).ok()?))).collect()
}

/// Every file that git tracks, by its path from the root.
pub(crate) fn tracked() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files"]).current_dir(testkit::workspace_root()).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    String::from_utf8(listed.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// After these, a literal is the name of an instrument.
const INSTRUMENTS: [&str; 5] = ["_counter(", "_gauge(", "_histogram(", "seconds(", "count("];

#[test]
fn every_metric_stands_on_its_page_and_no_other() {
    let root = testkit::workspace_root();
    let mut made = BTreeSet::new();
    for (_, text) in written()
        .into_iter()
        .filter(|(file, _)| file.ends_with(".rs") && file.contains("/src/") && !file.starts_with("deploy/"))
    {
        let product = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        for call in INSTRUMENTS {
            let names =
                product.split(call).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
            made.extend(names.filter(|name| name.contains('_')).map(str::to_owned));
        }
    }
    let page = std::fs::read_to_string(root.join("docs/metrics.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let told: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert!(made.len() > 35, "only {made:?} were found: are they still made so?");
    assert_eq!(told, made, "docs/metrics.md on the left");
}
