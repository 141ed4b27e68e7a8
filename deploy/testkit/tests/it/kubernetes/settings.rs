//! What the ConfigMaps and Secrets say is what the processes ask for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use testkit::kubernetes::{documents, label, text};

use super::{OVERLAYS, container, dir, namespace, of_kind, rendered, workloads};

/// Where Secrets are mounted.
const SECRETS: &str = "/run/secrets/galaxy";

/// One row of docs/configuration.md, which is generated from what the processes read.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) default: String,
    secret: bool,
}

/// The settings of a process.
pub(super) fn settings(process: &str) -> BTreeMap<String, Setting> {
    let page = std::fs::read_to_string(testkit::workspace_root().join("docs/configuration.md")).unwrap();
    let mut found = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `BACKEND_")) {
        let cells: Vec<&str> = line.split(" | ").collect();
        if cells[2] == "all" || cells[2].contains(&format!("`{process}`")) {
            let default = cells[1].trim_matches('`').to_owned();
            let setting = Setting { default, secret: cells[0].contains('🔒') };
            // An older name may stand beside.
            for name in cells[0].split('`').skip(1).step_by(2) {
                found.insert(name.to_owned(), setting.clone());
            }
        }
    }
    assert!(found.len() > 5, "{process} has only {found:?}");
    found
}

/// What a process is told: its ConfigMap.
pub(super) fn told<'a>(all: &'a [Value], workload: &Value) -> BTreeMap<&'a str, &'a str> {
    let container = container(workload);
    assert_eq!(container.get("env"), None, "{}: settings stand in its ConfigMap", label(workload));
    let sources = container.get("envFrom").and_then(Value::as_array).unwrap();
    let names: Vec<&str> = sources.iter().map(|source| text(source, "/configMapRef/name")).collect();
    let process = text(container, "/name");
    assert_eq!(names, [process], "{}", label(workload));
    let maps = of_kind(all, "ConfigMap");
    let map = maps.iter().find(|map| namespace(map) == namespace(workload) && text(map, "/metadata/name") == process);
    let data = map.unwrap_or_else(|| panic!("{} has no ConfigMap", label(workload))).get("data").unwrap();
    data.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect()
}

#[test]
fn every_setting_is_one_that_its_process_knows() {
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        for workload in workloads(&all) {
            let process = text(container(workload), "/name");
            let (known, told) = (settings(process), told(&all, workload));
            let is_given = |name: &str, setting: &Setting| {
                told.contains_key(name) || setting.secret && told.contains_key(format!("{name}_FILE").as_str())
            };
            for name in told.keys() {
                let of_file =
                    name.strip_suffix("_FILE").and_then(|name| known.get(name)).is_some_and(|known| known.secret);
                assert!(of_file || known.contains_key(*name), "{overlay}: {process} does not know {name}");
                assert!(!known.get(*name).is_some_and(|known| known.secret), "{overlay}: {name} stands in a ConfigMap");
            }
            // What its driver has no use for is not required.
            let of_docker = ["BACKEND_GAME_STATE_ROOT", "BACKEND_DOCKER_NETWORK"];
            let on_kubernetes = told.get("BACKEND_RUNTIME_DRIVER") == Some(&"kubernetes");
            assert_eq!(told.contains_key("BACKEND_KUBERNETES_NAMESPACE"), on_kubernetes, "{overlay}: {process}");
            let required = known.iter().filter(|(_, setting)| setting.default == "**required**");
            for (name, setting) in required.filter(|(name, _)| !(on_kubernetes && of_docker.contains(&name.as_str()))) {
                assert!(is_given(name, setting), "{overlay}: {process} is not told {name}");
            }
        }
    }
}

#[test]
fn every_secret_that_is_named_is_in_the_example_and_no_other() {
    let example: BTreeMap<(String, String), BTreeSet<String>> = documents(&dir().join("secrets.example.yaml"))
        .unwrap()
        .iter()
        .map(|secret| {
            let keys = secret.get("stringData").and_then(Value::as_object).unwrap().keys().cloned().collect();
            ((namespace(secret).to_owned(), text(secret, "/metadata/name").to_owned()), keys)
        })
        .collect();
    let mut all = rendered("base");
    all.extend(rendered("engines-docker"));
    all.extend(rendered("engines-kubernetes"));
    let mut named = BTreeMap::new();
    for workload in workloads(&all) {
        let of_its_own = format!("galaxy-{}", text(container(workload), "/name"));
        let volumes = workload.pointer("/spec/template/spec/volumes").and_then(Value::as_array).unwrap();
        let secrets: Vec<&str> = volumes
            .iter()
            .filter(|volume| volume.get("secret").is_some())
            .map(|volume| text(volume, "/name"))
            .collect();
        assert_eq!(secrets, ["secrets"], "{}", label(workload));
        let secret = volumes.iter().find_map(|volume| volume.pointer("/secret/secretName")).unwrap();
        assert_eq!(secret, &of_its_own);
        let mounts = container(workload).get("volumeMounts").and_then(Value::as_array).unwrap();
        let mount = mounts.iter().find(|mount| text(mount, "/name") == "secrets").unwrap();
        assert_eq!(text(mount, "/mountPath"), SECRETS, "{}", label(workload));
        let keys: BTreeSet<String> = told(&all, workload)
            .values()
            .filter_map(|value| value.strip_prefix(&format!("{SECRETS}/")))
            .map(str::to_owned)
            .collect();
        named.insert((namespace(workload).to_owned(), of_its_own), keys);
    }
    assert_eq!(named, example, "the manifests on the left, secrets.example.yaml on the right");
}
