//! No circle between the modules that a crate's root names (docs/architecture.md): whoever reads one of two that need
//! each other must read both. Read from the text of `crate::…` paths, without tests and comments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};

/// Which module names which others.
type Names = BTreeMap<String, BTreeSet<String>>;

/// Checks every crate of the workspace.
///
/// # Errors
/// The modules that lie on a circle, for each crate that has one.
pub fn check(root: &Path) -> Result<()> {
    let mut found = Vec::new();
    for sources in crates(root)? {
        let mut names = Names::new();
        for (module, text) in modules(&sources)? {
            names.entry(module.clone()).or_default().extend(named(&text).filter(|other| *other != module));
        }
        let circle = on_a_circle(&names);
        if !circle.is_empty() {
            let sources = sources.strip_prefix(root).unwrap_or(&sources).display().to_string();
            found.push(format!("{sources}: {}", circle.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    if found.is_empty() { Ok(()) } else { bail!("modules that need each other:\n{}", found.join("\n")) }
}

/// The folders of sources, by what has a manifest beside it.
fn crates(root: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for dir in [root.to_path_buf(), root.join("deploy")] {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.join("Cargo.toml").is_file() && path.join("src").is_dir() {
                found.push(path.join("src"));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Every source below a folder, with the module of the crate's root that it belongs to. Tests in files of their own are left out.
fn modules(sources: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(sources)? {
        let path = entry?.path();
        let Some(module) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else { continue };
        let mut files = Vec::new();
        if path.is_dir() {
            crate::layers::collect(&path, &mut files)?;
        } else if !["lib", "main"].contains(&module.as_str()) && path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
        // A file of either name is one of tests.
        for file in files.iter().filter(|file| !file.ends_with("tests.rs") && !file.ends_with("fuzz.rs")) {
            found.push((module.clone(), std::fs::read_to_string(file)?));
        }
    }
    Ok(found)
}

/// The modules that a text names as `crate::module` or `crate::{module…, module…}`.
fn named(text: &str) -> impl Iterator<Item = String> {
    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code: Vec<&str> = production.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => found.extend(word(rest)),
            Some(list) => found.extend(members(list)),
        }
    }
    found.into_iter()
}

/// The first word of each member of a `use` list whose opening brace is behind us.
fn members(list: &str) -> Vec<String> {
    let (mut depth, mut begins, mut found) = (0_u32, true, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            letter if begins && !letter.is_whitespace() => {
                begins = false;
                found.extend(list.get(at..).and_then(word));
            }
            _ => {}
        }
    }
    found
}

/// The module's name at the beginning of a path; types and functions of the root are none.
fn word(path: &str) -> Option<String> {
    let end = path.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_' && !letter.is_ascii_digit());
    let word = path.get(..end.unwrap_or(path.len()))?;
    (!word.is_empty()).then(|| word.to_owned())
}

/// The modules from which a way leads back to themselves.
fn on_a_circle(names: &Names) -> BTreeSet<String> {
    let returns = |start: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start]);
        while let Some(module) = next.pop() {
            for other in names.get(module).into_iter().flatten() {
                if other == start {
                    return true;
                }
                if seen.insert(other) {
                    next.push(other);
                }
            }
        }
        false
    };
    names.keys().filter(|module| returns(module)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(sources: &[(&str, &str)]) -> Vec<String> {
        let mut names = Names::new();
        for (module, text) in sources {
            names.entry((*module).to_owned()).or_default().extend(named(text));
        }
        on_a_circle(&names).into_iter().collect()
    }

    #[test]
    fn modules_that_need_each_other_over_a_third_are_found_and_those_beside_are_not() {
        let planted = [
            ("queue", "use crate::{\n    clock::Clock,\n    db::{Conn, Db},\n};"),
            ("db", "fn f() -> crate::mail::Letter {}"),
            ("mail", "use crate::{ids, queue};"),
            ("ids", "use crate::random::Random;"),
        ];
        assert_eq!(circle(&planted), ["db", "mail", "queue"]);
    }

    #[test]
    fn comments_tests_and_names_within_a_list_do_not_count() {
        let fine = [
            (
                "queue",
                "/// See [`crate::db`].\nuse crate::ids::{db, Id};\n#[cfg(test)]\nmod tests { use crate::db::Db; }",
            ),
            ("db", "use crate::queue::Topic;"),
        ];
        assert_eq!(circle(&fine), Vec::<String>::new());
    }
}
