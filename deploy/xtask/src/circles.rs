//! No circle between modules (docs/conventions.md): whoever reads one of two that need each other must read both. The
//! children of a module are compared, at every depth, files as well as folders, and what stands below a child is the
//! child's. Read from the text of `crate::…`, `super::…` and `self::…`, without tests and comments. A name that a parent hands
//! on counts as the parent's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The words of a module's path in its crate; the root has none.
type Module = Vec<String>;

/// Which child of one module names which others.
type Names = BTreeMap<String, BTreeSet<String>>;

/// Checks every crate of the workspace.
///
/// # Errors
/// The modules that lie on a circle, for each parent that has such children.
pub fn check(root: &Path) -> Result<()> {
    let mut found = Vec::new();
    for sources in crates(root)? {
        let shown = sources.strip_prefix(root).unwrap_or(&sources).display().to_string();
        for (parent, circle) in circles(&modules(&sources)?) {
            let place: Vec<&str> = std::iter::once(shown.as_str()).chain(parent.iter().map(String::as_str)).collect();
            found.push(format!("{}: {}", place.join("/"), circle.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    if found.is_empty() { Ok(()) } else { bail!("modules that need each other:\n{}", found.join("\n")) }
}

/// The folders of sources, by what has a manifest beside it.
fn crates(root: &Path) -> Result<Vec<PathBuf>> {
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

/// Every source below a folder, with its module. Tests in files of their own are left out, and programs beside the library.
fn modules(sources: &Path) -> Result<Vec<(Module, String)>> {
    let mut files = Vec::new();
    crate::layers::collect(sources, &mut files)?;
    let mut found = Vec::new();
    for file in files {
        let below = file.strip_prefix(sources)?.with_extension("");
        let mut module: Module = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.first().is_some_and(|first| first == "bin") || module.iter().any(|part| part == "tests") {
            continue;
        }
        match module.last().map(String::as_str) {
            // A file of this name is one of tests.
            Some("fuzz") => continue,
            Some("mod" | "lib" | "main") => drop(module.pop()),
            _ => {}
        }
        found.push((module, std::fs::read_to_string(file)?));
    }
    Ok(found)
}

/// The children that lie on a circle, with their parent.
fn circles(sources: &[(Module, String)]) -> Vec<(Module, BTreeSet<String>)> {
    let heads = |(module, _): &(Module, String)| -> Vec<Module> {
        (0..=module.len()).filter_map(|end| module.get(..end)).map(<[String]>::to_vec).collect()
    };
    let known: BTreeSet<Module> = sources.iter().flat_map(heads).collect();
    let mut names: BTreeMap<Module, Names> = BTreeMap::new();
    for (module, text) in sources {
        for path in named(text, module) {
            // The rest are items, or modules within a file.
            let mut heads = (0..=path.len()).rev().filter_map(|end| path.get(..end));
            let target = heads.find(|head| known.contains(*head)).unwrap_or_default();
            let common = module.iter().zip(target).take_while(|(one, other)| one == other).count();
            if let (Some(one), Some(other)) = (module.get(common), target.get(common)) {
                let parent = module.get(..common).unwrap_or_default().to_vec();
                names.entry(parent).or_default().entry(one.clone()).or_default().insert(other.clone());
            }
        }
    }
    let circles = names.into_iter().map(|(parent, names)| (parent, on_a_circle(&names)));
    circles.filter(|(_, circle)| !circle.is_empty()).collect()
}

/// What a source names, from the crate's root on.
fn named(text: &str, module: &[String]) -> Vec<Module> {
    let code = crate::layers::code(text);
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(start) {
            let before = code.get(..at).and_then(|before| before.chars().next_back());
            // In the middle of a path, or of a word.
            if before.is_some_and(|letter| is_of_a_word(letter) || letter == ':') {
                continue;
            }
            paths(code.get(at..).unwrap_or_default(), &[], &mut found);
        }
    }
    found.iter().filter_map(|path| absolute(path, module)).collect()
}

/// Reads the path at the head of a text, or the paths where it ends in a list. Answers what is behind.
fn paths<'a>(text: &'a str, head: &[String], found: &mut Vec<Module>) -> &'a str {
    let (mut path, mut rest) = (head.to_vec(), text);
    loop {
        if let Some(list) = rest.strip_prefix('{') {
            return members(list, &path, found);
        }
        let raw = rest.strip_prefix("r#").unwrap_or(rest);
        let end = raw.find(|letter: char| !is_of_a_word(letter)).unwrap_or(raw.len());
        let (word, behind) = raw.split_at(end);
        if !word.is_empty() {
            path.push(word.to_owned());
            rest = behind;
        }
        match behind.strip_prefix("::") {
            Some(next) if !word.is_empty() => rest = next,
            _ => break,
        }
    }
    found.push(path);
    rest
}

/// The same for a list whose opening brace is behind us.
fn members<'a>(list: &'a str, head: &[String], found: &mut Vec<Module>) -> &'a str {
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
        if rest.is_empty() {
            return rest;
        }
        if let Some(behind) = rest.strip_prefix('}') {
            return behind;
        }
        let behind = paths(rest, head, found);
        // A star, or another name for it.
        rest = behind.find([',', '}']).and_then(|at| behind.get(at..)).unwrap_or_default();
    }
}

/// A path from the crate's root; `None` where it leads out of the crate.
fn absolute(path: &[String], module: &[String]) -> Option<Module> {
    let (mut found, mut rest) = (module.to_vec(), path);
    while let [first, behind @ ..] = rest {
        match first.as_str() {
            "crate" => found.clear(),
            "self" => {}
            "super" => drop(found.pop()?),
            _ => break,
        }
        rest = behind;
    }
    found.extend_from_slice(rest);
    Some(found)
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
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

    /// The circles of sources, each as `parent: child, child`.
    fn found(sources: &[(&str, &str)]) -> Vec<String> {
        let module = |path: &str| path.split('/').map(str::to_owned).collect();
        let sources: Vec<(Module, String)> =
            sources.iter().map(|(path, text)| (module(path), (*text).to_owned())).collect();
        let shown = |(parent, circle): (Module, BTreeSet<String>)| {
            format!("{}: {}", parent.join("/"), circle.into_iter().collect::<Vec<_>>().join(", "))
        };
        circles(&sources).into_iter().map(shown).collect()
    }

    #[test]
    fn modules_that_need_each_other_over_a_third_are_found_and_those_beside_are_not() {
        let planted = [
            ("queue", "use crate::{\n    clock::Clock,\n    db::{Conn, Db},\n};"),
            ("db", "fn f() -> crate::mail::Letter {}"),
            ("mail", "use crate::{ids, queue};"),
            ("ids", "use crate::random::Random;"),
        ];
        assert_eq!(found(&planted), [": db, mail, queue"]);
    }

    #[test]
    fn children_two_levels_down_that_need_each_other_are_found() {
        let planted = [
            ("service/listen", "mod own;\npub use self::own::Own;"),
            ("service/listen/own", "use crate::{\n    ids::Id,\n    service::{health::Part, lifecycle},\n};"),
            ("service/health", "mod probe;"),
            ("service/health/probe", "use super::super::listen::{self as ears, Budget};"),
            ("service/lifecycle", "use super::{r#gen, Ended};"),
            ("service/gen", "fn f(_: &super::lifecycle::Lifecycle) {}"),
            ("ids", ""),
            ("driver/pods/body", "use super::copies::{Deed as What, *};"),
            ("driver/pods/copies", "use super::{\n    status::Seen,\n};"),
            ("driver/pods/status", "use self::super::body::CONTAINER;"),
        ];
        assert_eq!(found(&planted), ["driver/pods: body, copies, status", "service: gen, health, lifecycle, listen"]);
    }

    #[test]
    fn a_child_and_its_parent_may_name_each_other_and_so_may_what_is_below_one_child() {
        let fine = [
            ("queue", "mod run;\nmod spec;\npub use self::run::run;\nuse self::spec::Spec;"),
            ("queue/run", "use super::Settings;\nuse super::spec::Spec;"),
            ("queue/spec", "use crate::{clock::Clock, queue::Settings};"),
            ("clock", ""),
        ];
        assert_eq!(found(&fine), Vec::<String>::new());
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
        assert_eq!(found(&fine), Vec::<String>::new());
    }

    #[test]
    fn what_stands_behind_tests_in_a_file_of_their_own_counts() {
        let planted = [
            ("queue", "#[cfg(test)]\nmod tests;\n\nuse crate::db::Db;"),
            ("db", "use crate::queue::Topic;"),
            ("clock", "use std::time::Duration;"),
        ];
        assert_eq!(found(&planted), [": db, queue"]);
    }
}
