//! `.config/nextest.toml` puts tests in the order that it means. Of the overrides that fit a test the first decides, and in a
//! group nothing that needs more than one thread may wait for another: nextest up to 0.9.143 never begins it.

use std::collections::BTreeSet;
use std::path::Path;

/// An override, as far as the order of tests depends on it.
#[derive(Debug, Default)]
struct Override {
    filter: String,
    priority: Option<i32>,
    threads: i32,
}

#[test]
fn tests_begin_in_the_order_that_is_meant() {
    let text = std::fs::read_to_string(testkit::workspace_root().join(".config/nextest.toml")).unwrap();
    let faults = faults(&text, &stands);
    assert!(faults.is_empty(), ".config/nextest.toml: {faults:#?}");
}

/// What is wrong with the overrides; `stands` says whether a package has a test whose module is so called, and that begins so.
fn faults(text: &str, stands: &dyn Fn(&str, &str, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut least = i32::MAX;
    let mut begun = BTreeSet::new();
    for one in overrides(text) {
        let package = between(&one.filter, "package(", ")").unwrap_or_default();
        // Alternatives in brackets are modules, each with all of its tests.
        let names = between(&one.filter, "test(/^", "/)").filter(|names| !names.starts_with('('));
        if let Some((module, name)) = names.and_then(|names| names.rsplit_once("::"))
            && !stands(package, module, name)
        {
            found.push(format!("{package} has no test {module}::{name}"));
        }
        let Some(priority) = one.priority else { continue };
        if priority > least {
            found.push(format!("{}: the priority {priority} stands behind {least}", one.filter));
        }
        least = least.min(priority);
        if !begun.insert(package.to_owned()) && one.threads > 1 {
            found.push(format!(
                "{}: it needs more than one thread, and others of its package begin before it",
                one.filter
            ));
        }
    }
    found
}

fn overrides(text: &str) -> Vec<Override> {
    let blocks = text.split("[[profile.default.overrides]]").skip(1);
    blocks
        .map(|block| {
            let value = |name: &str| {
                let mut lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
                lines.next().map(|value| value.trim_matches('\'').to_owned())
            };
            let threads = value("threads-required").map_or(1, |threads| threads.parse().unwrap_or(i32::MAX));
            let priority = value("priority").map(|priority| priority.parse().unwrap());
            Override { filter: value("filter").unwrap_or_default(), priority, threads }
        })
        .collect()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(inner, _)| inner)
}

/// Whether the package's `tests/it` has such a module with such a test.
fn stands(package: &str, module: &str, name: &str) -> bool {
    let root = testkit::workspace_root();
    let crates = [root.join(package), root.join("deploy").join(package.trim_start_matches("galaxy-"))];
    let module = module.replace("::", "/");
    crates.iter().any(|krate| {
        let files = [format!("tests/it/{module}.rs"), format!("tests/it/{module}/mod.rs")];
        files.iter().any(|file| has_test(&krate.join(file), name))
    })
}

fn has_test(file: &Path, name: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {name}")))
}

#[test]
fn an_order_that_is_not_meant_is_found() {
    let block = |filter: &str, rest: &str| format!("[[profile.default.overrides]]\nfilter = '{filter}'\n{rest}\n");
    let (first, all) = ("package(e2e) and test(/^a::b/)", "package(e2e) and kind(test)");
    let found = |text: &str| faults(text, &|_, module, name| (module, name) == ("a", "b"));
    let good = block(first, "threads-required = 2\npriority = 15") + &block(all, "priority = 10");
    assert_eq!(found(&good), Vec::<String>::new());
    let behind = block(all, "priority = 10") + &block(first, "priority = 15");
    assert!(found(&behind)[0].contains("stands behind 10"), "{:?}", found(&behind));
    let more = block(first, "priority = 15") + &block(all, "threads-required = 2\npriority = 10");
    assert!(found(&more)[0].contains("more than one thread"), "{:?}", found(&more));
    let gone = block("package(e2e) and test(/^a::c/)", "priority = 15");
    assert_eq!(found(&gone), ["e2e has no test a::c"]);
}
