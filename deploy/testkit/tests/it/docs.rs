//! What the papers name exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
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

/// The pages that comments cite by section, under the names that they are cited by.
const CITED: [(&str, &str); 2] = [("SPEC", "docs/specification.md"), ("QUEUE-AND-LOG", "docs/queue-and-log.md")];

#[test]
fn every_section_that_is_cited_exists() {
    let mut cited = 0;
    for (name, page) in CITED {
        let sections = sections(&std::fs::read_to_string(testkit::workspace_root().join(page)).unwrap());
        for (file, text) in written() {
            for rest in text.split(&format!("{name} §")).skip(1) {
                let number: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
                let number = number.trim_end_matches('.');
                assert!(sections.contains(number), "{file} cites {name} §{number}, which {page} does not have");
                cited += 1;
            }
        }
    }
    assert!(cited > 300, "only {cited} sections were found: are they still cited so?");
}

/// `3` for `## 3. Title`, and `10.3` for the third point of a numbered list in section 10.
fn sections(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut section = String::new();
    for line in page.lines() {
        if let Some((number, _)) = line.strip_prefix("## ").and_then(|title| title.split_once('.')) {
            section = number.to_owned();
            found.insert(section.clone());
        } else if let Some((point, _)) = line.split_once(". ")
            && !point.is_empty()
            && point.bytes().all(|byte| byte.is_ascii_digit())
        {
            found.insert(format!("{section}.{point}"));
        }
    }
    found
}

#[test]
fn every_path_that_is_named_exists() {
    let tracked: BTreeSet<PathBuf> = tracked().into_iter().map(PathBuf::from).collect();
    let mut named = 0;
    for (file, text) in written() {
        for word in text.split('`').skip(1).step_by(2) {
            for path in braces(word.split("::").next().unwrap_or_default()) {
                if is_path(&path) {
                    let path = Path::new(path.trim_end_matches('/'));
                    let there = tracked.iter().any(|tracked| tracked.starts_with(path));
                    assert!(there, "{file} names `{}`, which does not exist", path.display());
                    named += 1;
                }
            }
        }
    }
    assert!(named > 200, "only {named} paths were found: are they still written so?");
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

/// Whether a word in backticks can only be a path of this repository: below one of its folders, without a placeholder.
fn is_path(word: &str) -> bool {
    const FOLDERS: [&str; 8] =
        ["api-server", "mail-worker", "notify-worker", "runtime-controller", "shared", "migrations", "deploy", "docs"];
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

/// Every file of the repository that people write prose in, with its text.
fn written() -> Vec<(String, String)> {
    let root = testkit::workspace_root();
    let prose = |file: &String| {
        [".md", ".rs", ".sql", ".proto", ".toml", ".yml", ".yaml"].iter().any(|end| file.ends_with(end))
    };
    // This file has the patterns themselves.
    let others = tracked().into_iter().filter(prose).filter(|file| !file.ends_with("testkit/tests/it/docs.rs"));
    others.filter_map(|file| Some((file.clone(), std::fs::read_to_string(root.join(&file)).ok()?))).collect()
}

fn tracked() -> Vec<String> {
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
