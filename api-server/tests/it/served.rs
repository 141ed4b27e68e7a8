//! No operation is forgotten in silence: a file that is left out of its group's `operations()`, or of its folder's `mod.rs`,
//! compiles all the same, and nobody can call it. And the tests of operations lie where their paths say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The folders of operations, below `api-server/src/http`, and of their tests, below `api-server/tests/it`.
const GROUPS: [&str; 4] = ["admin", "internal", "public", "user"];

#[test]
fn every_operation_file_is_served() {
    let http = testkit::workspace_root().join("api-server/src/http");
    let mut files = BTreeMap::new();
    for group in GROUPS {
        gather(&http.join(group), &mut files);
    }
    let document = api_server::http::openapi().unwrap();
    let served: BTreeSet<&str> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    let faults = forgotten(&files, &served);
    assert!(faults.is_empty(), "operations are forgotten:\n  {}", faults.join("\n  "));
    let faults = strangers(&files);
    assert!(faults.is_empty(), "operations lie with another group's:\n  {}", faults.join("\n  "));
    let written = files.values().flat_map(|text| ids(text)).count();
    assert_eq!(written, served.len(), "an operation stands outside of {GROUPS:?}");
}

#[test]
fn a_file_that_is_left_out_is_found() {
    let text = |id: &str| format!("#[oai(path = \"/x\", method = \"get\", operation_id = \"{id}\")]");
    let good = ("user/x/get.rs".to_owned(), text("get_x"));
    let served = BTreeSet::from(["get_x"]);
    assert!(forgotten(&BTreeMap::from([good.clone()]), &served).is_empty());
    for (file, text) in
        [("user/x/list.rs", text("list_x")), ("user/x/copy.rs", text("get_x")), ("user/x/idle.rs", String::new())]
    {
        let faults = forgotten(&BTreeMap::from([good.clone(), (file.to_owned(), text)]), &served);
        assert!(faults.len() == 1 && faults[0].contains(file), "{file}: {faults:?}");
    }
}

#[test]
fn a_file_in_another_groups_folder_is_found() {
    let text = "#[OpenApi(prefix_path = \"/api/v1\")] #[oai(path = \"/admin/x\", operation_id = \"x\")]";
    let faults = |file: &str| strangers(&BTreeMap::from([(file.to_owned(), text.to_owned())]));
    assert!(faults("/home/http/api-server/src/http/admin/x/get.rs").is_empty());
    assert_eq!(faults("/home/http/api-server/src/http/user/x/get.rs").len(), 1);
}

/// Operations whose path begins with another word than the folder of their file: `codes!` tells the group from the file's
/// module, the frame and the document tell it from the path.
fn strangers(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (file, text) in files {
        let folder = file.rsplit_once("/src/http/").and_then(|(_, below)| below.split('/').next());
        // The prefix is the same of all, and its name ends like that of the path.
        let text = text.replace("prefix_path = ", "");
        let paths: Vec<&str> = text.split("path = \"/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let astray = paths.iter().filter(|path| path.split('/').next() != folder);
        faults.extend(astray.map(|path| format!("{file}: /{path}")));
        if paths.len() != ids(&text).count() {
            faults.push(format!("{file}: of its operations only the paths {paths:?} are found"));
        }
    }
    faults
}

/// What is wrong with these files, by their paths: each has an operation or two, of ids of their own, that are served.
fn forgotten(files: &BTreeMap<String, String>, served: &BTreeSet<&str>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (file, text) in files {
        let ids: Vec<&str> = ids(text).collect();
        if ids.is_empty() {
            faults.push(format!("{file} has no operation"));
        }
        for id in ids {
            if !served.contains(id) {
                faults.push(format!("{file}: {id} is not served: its group's operations() leaves it out"));
            } else if let Some(other) = seen.insert(id, file) {
                faults.push(format!("{id} stands in {other} and in {file}"));
            }
        }
    }
    faults
}

fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split("operation_id = \"").skip(1).filter_map(|rest| rest.split('"').next())
}

#[test]
fn tests_lie_by_the_paths_that_they_test() {
    let it = testkit::workspace_root().join("api-server/tests/it");
    let mut found = BTreeSet::new();
    for group in GROUPS {
        places(&it.join(group), group, &mut found);
    }
    assert!(found.len() > 20, "only {found:?} were found: do tests still lie there?");
    let document = api_server::http::openapi().unwrap();
    let paths = folders(document["paths"].as_object().unwrap().keys());
    let astray: Vec<&String> = found.difference(&paths).collect();
    assert!(astray.is_empty(), "no operation has such a path, so a theme's folder is the place: {astray:?}");
}

#[test]
fn a_path_has_a_folder_for_each_word_but_not_for_its_ids() {
    let paths = folders(["/api/v1/user/lobby/race-names/{race_name_id}/register".to_owned()].iter());
    let expected = ["user", "user/lobby", "user/lobby/race_names", "user/lobby/race_names/register"];
    assert_eq!(paths, expected.map(str::to_owned).into());
}

/// Where tests of these paths may lie: a folder for each word, as the operations' own files lie.
fn folders<'p>(paths: impl Iterator<Item = &'p String>) -> BTreeSet<String> {
    let mut folders = BTreeSet::new();
    for path in paths {
        let mut folder = String::new();
        for word in path.trim_start_matches("/api/v1/").split('/').filter(|word| !word.starts_with('{')) {
            folder = format!("{folder}/{}", word.replace('-', "_"));
            folders.insert(folder.trim_start_matches('/').to_owned());
        }
    }
    folders
}

/// The folders of tests below a group's. A file right in the group's own is a path too; deeper down, a file may be named after
/// what its tests are about.
fn places(folder: &Path, name: &str, found: &mut BTreeSet<String>) {
    found.insert(name.to_owned());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let below = format!("{name}/{}", path.file_stem().unwrap().display());
        if path.is_dir() {
            places(&path, &below, found);
        } else if GROUPS.contains(&name) && !below.ends_with("/mod") {
            found.insert(below);
        }
    }
}

/// Every file of operations below a folder, with its text.
fn gather(folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.file_name().is_some_and(|name| name != "mod.rs") {
            files.insert(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
        }
    }
}
