//! How the papers are worded (docs/conventions.md), as far as a machine can tell.

use crate::docs::written;

/// "They" is for people.
const PRONOUNS: [&str; 8] = ["he", "she", "him", "her", "hers", "his", "himself", "herself"];

/// Where persons with a name act, and what nobody may change any more.
const EXEMPT: [&str; 3] = ["/tests/", "deploy/e2e/src/demo/", "migrations/sql/"];

/// What says nothing below `# Errors`: the ordinary case is said once, in `shared/src/db/mod.rs`.
const HOLLOW: [&str; 5] =
    ["As above.", "Those of the database.", "The database's.", "What Postgres answers.", "What the database answers."];

#[test]
fn people_are_they() {
    let contract = "api-server/openapi.json";
    let text = std::fs::read_to_string(testkit::workspace_root().join(contract)).unwrap();
    let all = written().into_iter().chain([(contract.to_owned(), text)]);
    let found: Vec<String> = all.flat_map(|(file, text)| pronouns(&file, &text)).collect();
    assert!(found.is_empty(), "\"they\" is for people: {found:#?}");
}

/// Lines that have another word than "they" for a person. A source's tests are left out, which stand at its end.
fn pronouns(file: &str, text: &str) -> Vec<String> {
    if EXEMPT.iter().any(|exempt| file.contains(exempt)) {
        return Vec::new();
    }
    let product = if file.ends_with(".rs") { product(text) } else { text };
    let lines = product.lines().enumerate().filter(|(_, line)| {
        let mut words = line.split(|c: char| !c.is_alphanumeric());
        words.any(|word| PRONOUNS.iter().any(|pronoun| word.eq_ignore_ascii_case(pronoun)))
    });
    lines.map(|(at, line)| format!("{file}:{}: {}", at + 1, line.trim())).collect()
}

/// A source up to the module of its tests. One line that names tests in a file of their own ends nothing.
fn product(text: &str) -> &str {
    let mark = "#[cfg(test)]";
    let opens =
        |at: &usize| text[at + mark.len()..].trim_start().lines().next().is_some_and(|line| line.ends_with('{'));
    let end = text.match_indices(mark).map(|(at, _)| at).find(opens);
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn a_person_who_is_not_they_is_found() {
    for (file, text) in [
        ("docs/a.md", "The owner\nstops his game."),
        ("shared/src/a.rs", "/// He who waits.\n#[cfg(test)]\nmod tests {\n}\n"),
        ("shared/src/a.rs", "#[cfg(test)]\nmod tests;\n\n/// He who waits.\n"),
        ("api-server/openapi.json", "{\"description\": \"Her sessions\"}"),
        ("deploy/typescript/src/a.ts", "// what she may do"),
    ] {
        assert_eq!(pronouns(file, text).len(), 1, "{text}");
    }
    for (file, text) in [
        ("docs/a.md", "The owner stops their game; the history of this hero, themselves."),
        ("shared/src/a.rs", "/// They wait.\n#[cfg(test)]\nmod tests {\n// Ada and her game.\n}\n"),
        ("shared/tests/it/a.rs", "// Ada and her game."),
    ] {
        assert!(pronouns(file, text).is_empty(), "{text}");
    }
}

#[test]
fn errors_are_told_of_where_there_is_something_to_tell() {
    let sources = written().into_iter().filter(|(file, _)| file.ends_with(".rs"));
    let found: Vec<String> = sources.flat_map(|(file, text)| hollow(&file, &text)).collect();
    assert!(found.is_empty(), "nothing is said there: {found:#?}");
}

/// Sections of errors without content.
fn hollow(file: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let headed = lines.windows(2).enumerate().filter(|(_, pair)| pair[0] == "/// # Errors");
    let hollow = headed.filter(|(_, pair)| pair[1].strip_prefix("/// ").is_some_and(|said| HOLLOW.contains(&said)));
    hollow.map(|(at, pair)| format!("{file}:{}: {}", at + 2, pair[1])).collect()
}

#[test]
fn a_hollow_section_is_found() {
    let with = |said: &str| format!("/// Reads.\n    ///\n    /// # Errors\n    /// {said}\n    fn read() {{}}\n");
    for said in HOLLOW {
        assert_eq!(hollow("a.rs", &with(said)), [format!("a.rs:4: /// {said}")]);
    }
    assert!(hollow("a.rs", &with("Where the row is gone.")).is_empty());
}
