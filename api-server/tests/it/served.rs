//! No operation is forgotten in silence: a file that is left out of its group's `operations()`, or of its folder's `mod.rs`,
//! compiles all the same, and nobody can call it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The folders of operations, below `api-server/src/http`.
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
