//! A section that is cited exists: `§n` and "section n" are of one of our two pages, or of a work that is named before.

use std::collections::{BTreeMap, BTreeSet};

use crate::docs::written;

/// The pages that are cited by section, under the names that they are cited by.
const CITED: [(&str, &str); 2] = [("SPEC", "docs/specification.md"), ("QUEUE-AND-LOG", "docs/queue-and-log.md")];

/// Works of others, which have a number behind the name. Their sections are not looked up.
const OTHERS: [&str; 4] = ["RFC", "UTS", "UAX", "SP"];

/// A `§` behind one of these is of the same work as the one before it.
const JOINING: [&str; 5] = ["and", "or", "to", "in", "of"];

/// So far apart, in bytes, two `§` may be of one work.
const NEAR: usize = 160;

/// What begins a line of a comment, and is no word of it.
const MARKS: [&str; 6] = ["//!", "///", "//", "--", "#", "*"];

/// The sections of each page that is cited.
type Pages = BTreeMap<&'static str, BTreeSet<String>>;

/// What a `§` is of.
#[derive(Clone, Copy)]
enum Work {
    Ours(&'static str),
    Other,
}

#[test]
fn every_section_that_is_cited_exists() {
    let root = testkit::workspace_root();
    let read = |page: &str| std::fs::read_to_string(root.join(page)).unwrap();
    let pages: Pages = CITED.iter().map(|(name, page)| (*name, sections(&read(page)))).collect();
    let mut cited = 0;
    let mut breaches = Vec::new();
    for (file, text) in written() {
        for broken in signs(&file, &text, &pages).into_iter().chain(words(&text, &pages)) {
            cited += 1;
            breaches.extend(broken.map(|what| format!("{file}: {what}")));
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
    assert!(cited > 500, "only {cited} sections were found: are they still cited so?");
}

/// The text as its words with one blank between them, without what marks a comment.
fn plain(text: &str) -> String {
    text.split_whitespace().filter(|word| !MARKS.contains(word)).collect::<Vec<_>>().join(" ")
}

/// For each `§` what is wrong with it, if anything.
fn signs(file: &str, text: &str, pages: &Pages) -> Vec<Option<String>> {
    let own = CITED.iter().find(|(_, page)| *page == file).map(|(name, _)| Work::Ours(name));
    let text = plain(text);
    let pieces: Vec<&str> = text.split('§').collect();
    let mut last = None;
    let mut found = Vec::new();
    for pair in pieces.windows(2) {
        let (before, behind) = (pair[0], pair[1]);
        if before.len() > NEAR {
            last = None;
        }
        last = work(before, last.or(own));
        let number = number(behind);
        found.push(match last {
            Some(Work::Other) => None,
            Some(Work::Ours(name)) if pages[name].contains(&number) => None,
            Some(Work::Ours(name)) => Some(format!("§{number} is no section of {name}")),
            None => Some(format!("of what is §{number}?")),
        });
    }
    found
}

/// What a `§` is of, by the words before it: a work that is named there or, where they only join, that of the last one.
fn work(before: &str, last: Option<Work>) -> Option<Work> {
    let bare = |word: &str| word.trim_start_matches('(').to_owned();
    let mut back = before.split(' ').filter(|word| !word.is_empty()).rev().map(bare);
    let word = back.next().unwrap_or_default();
    let former = back.next().unwrap_or_default();
    if let Some((name, _)) = CITED.iter().find(|(name, _)| *name == word) {
        return Some(Work::Ours(name));
    }
    let numbered = OTHERS.contains(&former.as_str()) && word.starts_with(|c: char| c.is_ascii_digit());
    if numbered || (former == "Trace" && word == "Context") {
        return Some(Work::Other);
    }
    let joins = word.is_empty() || word.ends_with([',', ';', '–', '|']) || JOINING.contains(&word.as_str());
    last.filter(|_| joins)
}

/// For each "section n" what is wrong with it, if anything.
fn words(text: &str, pages: &Pages) -> Vec<Option<String>> {
    let text = plain(text).replace("Section ", "section ");
    let mut found = Vec::new();
    for (at, word) in text.match_indices("section ") {
        let (before, behind) = (&text[..at], &text[at + word.len()..]);
        if before.ends_with(char::is_alphanumeric) || !behind.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let number = number(behind);
        let rest = behind.strip_prefix(number.as_str()).unwrap_or_default().trim_start_matches(' ');
        let near = before.split(' ').rev().take(4).collect::<Vec<_>>();
        let name = if rest.starts_with("of the specification") || rest.starts_with("of [specification.md]") {
            Some("SPEC")
        } else if near.iter().any(|word| word.contains("queue-and-log.md")) {
            Some("QUEUE-AND-LOG")
        } else {
            None
        };
        found.push(match name {
            Some(name) if pages[name].contains(&number) => None,
            Some(name) => Some(format!("section {number} is none of {name}")),
            None if near.iter().any(|word| OTHERS.contains(&word.trim_start_matches('('))) => None,
            None => Some(format!("of what is section {number}?")),
        });
    }
    found
}

/// The number that a text begins with, such as `10.3`; an annex has a letter: `C.1`.
fn number(text: &str) -> String {
    let number: String =
        text.chars().take_while(|c| c.is_ascii_digit() || c.is_ascii_uppercase() || *c == '.').collect();
    number.trim_end_matches('.').to_owned()
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
fn a_section_that_does_not_exist_is_found_however_it_is_cited() {
    let page = "## 1. One\n## 5. Five\n1. a point\n## 12. Twelve\n";
    let pages: Pages = [("SPEC", sections(page)), ("QUEUE-AND-LOG", sections("## 1. One\n"))].into();
    let of = |file: &str, text: &str| {
        let all = signs(file, text, &pages).into_iter().chain(words(text, &pages)).collect::<Vec<_>>();
        (all.len(), all.into_iter().flatten().count())
    };
    for (text, cited) in [
        ("//! Lists (SPEC §5, §5.1, §12).", 3),
        ("/// Objects (SPEC §1–§5), probes (SPEC §5 and\n/// §12).", 4),
        ("// QUEUE-AND-LOG\n// §1: a claim (RFC 9110 §15.5, §9), names (UTS 39 §5.1)", 4),
        ("// W3C Trace Context §3.2, UTS 51 §C.1, NIST SP 800-63B §3.1", 3),
        ("its row in section 12 of the specification, RFC 9112, section 9.6", 2),
        ("Section 5 of [specification.md](specification.md) and docs/queue-and-log.md, section 1.", 2),
    ] {
        assert_eq!(of("a.rs", text), (cited, 0), "{text}");
    }
    for text in [
        "//! Lists (SPEC §4).",
        "//! Lists (SPEC §5, §5.2).",
        "//! Lists (SPEC §5–§13).",
        "//! Lists (SPEC §5 and §6).",
        "//! The settings (SPEC §5; reference/001 §1).",
        "//! Lists (§5).",
        "//! QUEUE-AND-LOG §5.",
        "section 4 of the specification",
        "as section 5 has it",
    ] {
        assert_eq!(of("a.rs", text).1, 1, "{text}");
    }
    let own = "docs/specification.md";
    assert_eq!(of(own, "built for people in §1 (RFC 9110 §9), the exception to §5.1").1, 0);
    assert_eq!(of(own, "the exception to §5.2").1, 1, "a page is held by its own sections");
    let far = format!("SPEC §1. {}and §5", "word ".repeat(40));
    assert_eq!(of("a.rs", &far).1, 1, "nobody remembers what was named so long ago");
}
