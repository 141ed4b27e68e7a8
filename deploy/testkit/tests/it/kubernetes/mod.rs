//! The manifests of `deploy/kubernetes`, held without a cluster: to the API's types, to the processes' settings, and to each other.

mod custom;
mod engines;
mod network;
mod one_node;
mod pods;
mod schema;
mod settings;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use testkit::kubernetes::{documents, label, pod, render, text};

/// What is applied to a cluster.
const OVERLAYS: [&str; 4] =
    ["overlays/example", "overlays/one-node", "overlays/engines-kubernetes", "overlays/one-node-pods"];
/// Those whose engines are containers of a node's Docker Engine.
const ON_DOCKER: [&str; 2] = ["overlays/example", "overlays/one-node"];
/// Those of `cargo xtask test --kubernetes`: of a cluster of 1.20, with images that the command gives their tag.
const ONE_NODE: [&str; 2] = ["overlays/one-node", "overlays/one-node-pods"];
/// Where pods are that no manifest has: runtime-controller makes them.
const GAMES: &str = "galaxy-games";

/// The processes that stay.
const DEPLOYMENTS: [&str; 4] = ["api-server", "mail-worker", "notify-worker", "runtime-controller"];

fn dir() -> PathBuf {
    testkit::workspace_root().join("deploy/kubernetes")
}

fn rendered(overlay: &str) -> Vec<Value> {
    render(&dir().join(overlay)).unwrap_or_else(|error| panic!("{overlay}: {error:#}"))
}

/// Those of one kind.
fn of_kind<'a>(documents: &'a [Value], kind: &str) -> Vec<&'a Value> {
    documents.iter().filter(|document| text(document, "/kind") == kind).collect()
}

/// What makes pods.
fn workloads(documents: &[Value]) -> Vec<&Value> {
    documents.iter().filter(|document| pod(document).is_some()).collect()
}

/// The one container of its pods: one process each.
fn container(workload: &Value) -> &Value {
    let containers = workload.pointer("/spec/template/spec/containers").and_then(Value::as_array).unwrap();
    assert_eq!(containers.len(), 1, "{}", label(workload));
    &containers[0]
}

fn namespace(document: &Value) -> &str {
    text(document, "/metadata/namespace")
}

/// Every file below a folder with this end.
fn files(dir: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_str().unwrap().ends_with(end) {
            found.push(path);
        }
    }
    found
}

/// Whether labels have all of a selector.
fn selects(selector: &Value, labels: &Value) -> bool {
    let empty = Map::new();
    let wanted = selector.as_object().unwrap_or(&empty);
    wanted.iter().all(|(name, value)| labels.get(name) == Some(value))
}

#[test]
fn what_the_reader_of_kustomizations_does_not_know_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(dir.path().join("kustomization.yaml"), text).unwrap();
    let head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
    write(head);
    assert_eq!(render(dir.path()).unwrap(), Vec::<Value>::new());
    write(&format!("{head}configMapGenerator: [{{ name: one, literals: [A=b=c] }}]\nnamespace: here\n"));
    let metadata = json!({ "name": "one", "namespace": "here" });
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": { "A": "b=c" } });
    assert_eq!(render(dir.path()).unwrap(), [map]);
    for more in [
        "namePrefix: x-\n",
        "resources: [nowhere.yaml]\n",
        "patches: [{ target: { kind: Job }, patch: \"[]\" }]\n",
        "configMapGenerator: [{ name: one, behavior: merge }]\n",
    ] {
        write(&format!("{head}{more}"));
        assert!(render(dir.path()).is_err(), "{more}");
    }
}

#[test]
fn the_operator_is_told_the_rules_that_are_tested() {
    let root = testkit::workspace_root();
    let written = std::fs::read_to_string(root.join(testkit::kubernetes::RULES)).unwrap();
    assert!(written == testkit::kubernetes::prometheus_rule(&root).unwrap(), "`cargo xtask gen` writes it anew");
}

#[test]
fn no_two_documents_have_the_same_name() {
    for overlay in OVERLAYS {
        let mut names: Vec<String> = rendered(overlay).iter().map(label).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{overlay}: {names:?}");
    }
}

#[test]
fn every_file_is_part_of_something() {
    let named: String =
        files(&dir(), "kustomization.yaml").iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for file in files(&dir(), ".yaml").iter().chain(&files(&dir(), ".env")) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let alone = ["kustomization.yaml", "secrets.example.yaml"].contains(&name);
        assert!(alone || named.contains(name), "{} is named by no kustomization", file.display());
    }
    let components = std::fs::read_dir(dir().join("components")).unwrap().map(|entry| entry.unwrap().path());
    for component in components {
        let name = component.file_name().unwrap().to_str().unwrap().to_owned();
        let before = [rendered("base"), rendered("engines-docker")].concat();
        // Alone, on what they are for.
        let stage = tempfile::tempdir().unwrap();
        let at = dir().display().to_string();
        let text = format!(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
             resources: [{at}/base, {at}/engines-docker]\ncomponents: [{at}/components/{name}]\n"
        );
        std::fs::write(stage.path().join("kustomization.yaml"), text).unwrap();
        assert_ne!(render(stage.path()).unwrap(), before, "{name} changes nothing");
    }
    assert!(documents(&dir().join("secrets.example.yaml")).unwrap().len() > 3);
}
