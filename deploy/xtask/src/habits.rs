//! What no source does (docs/conventions.md): compare with the text of a closed word instead of the word, or let a lint give
//! way otherwise than by `#[expect(…, reason = "…")]`. Read from every source that git tracks.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::{layers, run};

/// Where words decide: the product. Tools and tests see the platform from outside, as text.
const PRODUCT: &[&str] =
    &["shared/src/", "api-server/src/", "mail-worker/src/", "notify-worker/src/", "runtime-controller/src/"];

/// Checks them all, and tells every breach at once.
///
/// # Errors
/// The breaches.
pub fn check() -> Result<()> {
    let root = crate::root();
    let mut sources = Vec::new();
    for file in run::output(std::process::Command::new("git").args(["ls-files", "*.rs"]).current_dir(&root))?.lines() {
        // What is deleted and not committed yet has no text.
        if let Ok(text) = std::fs::read_to_string(root.join(file)) {
            sources.push((file.to_owned(), text));
        }
    }
    let product: Vec<(&str, String)> = sources
        .iter()
        .filter(|(file, _)| PRODUCT.iter().any(|folder| file.starts_with(folder)) && !is_of_tests(file))
        .map(|(file, text)| (file.as_str(), layers::code(text)))
        .collect();
    let words: BTreeSet<&str> = product.iter().flat_map(|(_, code)| declared(code)).collect();
    let mut breaches: Vec<String> = product.iter().flat_map(|(file, code)| compared(file, code, &words)).collect();
    breaches.extend(sources.iter().flat_map(|(file, text)| lints(file, text)));
    if words.is_empty() {
        breaches.push("no source declares a word: `words!` is read wrongly".to_owned());
    }
    if breaches.is_empty() {
        println!("   {} words are compared as words", words.len());
        return Ok(());
    }
    bail!("sources do what none does:\n  {}", breaches.join("\n  "))
}

/// Tests in a file of their own.
fn is_of_tests(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.ends_with("/fuzz.rs") || file.contains("/tests/")
}

/// The texts of the words that a source declares by `words!`.
fn declared(code: &str) -> Vec<&str> {
    let blocks = code.split("\nwords! {").skip(1).map(|block| block.split("\n}").next().unwrap_or_default());
    blocks.flat_map(str::lines).filter_map(word).collect()
}

/// The text of a line `Name = "text",`.
fn word(line: &str) -> Option<&str> {
    let (_, text) = line.split_once(" = \"")?;
    text.strip_suffix("\",")
}

/// Where a source compares with a word's text, or matches it: `== "word"`, `!= "word"`, `"word" =>`, `"word" | "other"`.
fn compared(file: &str, code: &str, words: &BTreeSet<&str>) -> Vec<String> {
    let behind = ["== \"", "!= \""].into_iter().flat_map(|sign| {
        code.match_indices(sign).filter_map(move |(at, _)| code.get(at + sign.len()..)?.split('"').next())
    });
    let before = ["\" =>", "\" | \""]
        .into_iter()
        .flat_map(|sign| code.match_indices(sign).filter_map(move |(at, _)| code.get(..at)?.rsplit('"').next()));
    let found = behind.chain(before).filter(|text| words.contains(text));
    found.map(|word| format!("{file} compares with \"{word}\": compare with the word of its type")).collect()
}

/// Lints that give way in another way than the one. The heads of test crates say what only some of their files need, and what
/// generated code breaks nobody knows beforehand: an expectation would not hold.
fn lints(file: &str, text: &str) -> Vec<String> {
    if file.starts_with("shared/src/proto/galaxy.") {
        return Vec::new();
    }
    let may_allow = file.ends_with("tests/it/main.rs") || file == "shared/src/proto/mod.rs";
    let (mut breaches, lines) = (Vec::new(), text.lines().collect::<Vec<_>>());
    for (at, line) in lines.iter().map(|line| line.trim_start()).enumerate() {
        let starts = |words: [&str; 2]| words.iter().any(|word| line.starts_with(word));
        let (allows, expects) = (starts(["#[allow(", "#![allow("]), starts(["#[expect(", "#![expect("]));
        if !allows && !expects {
            continue;
        }
        if allows && !may_allow {
            breaches.push(format!("{file}:{}: `#[allow]` stays when nothing needs it: `#[expect(…)]`", at + 1));
        }
        let attribute = lines.get(at..).unwrap_or_default().join("\n");
        if !attribute.split(")]").next().unwrap_or_default().contains("reason = ") {
            breaches.push(format!("{file}:{}: a lint gives way without a reason", at + 1));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "use super::word::words;\n\nwords! {\n    /// A fruit, no Pear = \"pear\",\n    Fruit, \"fruit\" {\n\
        \x20       /// Red.\n        Apple = \"apple\",\n        LongBanana = \"long_banana\",\n    }\n}\n\n\
        const NUT: &str = \"nut\",\n";

    #[test]
    fn the_sources_as_they_are_break_nothing() {
        check().unwrap();
    }

    #[test]
    fn the_words_of_a_source_are_those_of_its_declarations() {
        assert_eq!(declared(&layers::code(WORDS)), ["apple", "long_banana"]);
    }

    #[test]
    fn a_comparison_with_the_text_of_a_word_is_a_breach() {
        let code = layers::code(WORDS);
        let words: BTreeSet<&str> = declared(&code).into_iter().collect();
        let breaches = |text: &str| compared("api-server/src/use_cases/games.rs", &layers::code(text), &words).len();
        for (planted, times) in [
            ("if fruit == \"apple\" {", 1),
            ("if fruit.as_str() != \"long_banana\" {", 1),
            ("match fruit.as_str() {\n    \"apple\" => 1,\n    \"pear\" | \"long_banana\" => 2,\n    _ => 3,\n}", 2),
            ("match fruit {\n    \"long_banana\" | \"pear\" => 2,\n}", 1),
            ("#[cfg(test)]\nmod tests;\n\nfn f() -> bool {\n    fruit == \"apple\"\n}", 1),
        ] {
            assert_eq!(breaches(planted), times, "{planted}");
        }
        for fine in [
            "if fruit == Fruit::Apple {",
            "if fruit == \"pear\" { // or == \"apple\"",
            "let sql = \"SELECT FROM fruits WHERE kind = 'apple' AND kind <> 'long_banana'\";",
            "let shown = \"apple\";",
            "#[cfg(test)]\nmod tests {\n    assert!(fruit == \"apple\");\n}",
        ] {
            assert_eq!(breaches(fine), 0, "{fine}");
        }
    }

    #[test]
    fn a_lint_gives_way_to_an_expectation_with_a_reason_alone() {
        let file = "shared/src/ids.rs";
        let (given, none) = ("clippy::panic, reason = \"it must\"", "clippy::panic");
        for (head, tail) in [("#[", ")]\nfn f() {}"), ("//! Ids.\n#![", "\n)]\n"), ("mod ids {\n    #[", ")]")] {
            assert!(lints(file, &format!("{head}expect({given}{tail}")).is_empty(), "{head}");
            assert_eq!(lints(file, &format!("{head}expect({none}{tail}")).len(), 1, "{head}");
            assert_eq!(lints(file, &format!("{head}allow({given}{tail}")).len(), 1, "{head}");
            assert_eq!(lints(file, &format!("{head}allow({none}{tail}")).len(), 2, "{head}");
            let tests = "shared/tests/it/main.rs";
            assert!(lints(tests, &format!("{head}allow({given}{tail}")).is_empty(), "{head}");
            assert_eq!(lints(tests, &format!("{head}allow({none}{tail}")).len(), 1, "{head}");
        }
        assert!(lints(file, "/// Like `#[allow(dead_code)]`.\nfn f() {}").is_empty());
    }
}
