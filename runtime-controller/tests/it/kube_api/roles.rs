//! What the manifests let the controller do: nothing else is answered.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::Value;
use testkit::kubernetes::{documents, text};

use super::NAMESPACE;

/// A request, as the API server's authorisation sees it.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    pub(super) verb: &'a str,
    pub(super) group: &'a str,
    /// With its subresource, as `pods/log`.
    pub(super) resource: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

pub(super) struct Roles {
    /// Namespace (none: everywhere) and rule.
    rules: Vec<(Option<String>, Value)>,
    forbidden: Mutex<Vec<(String, String)>>,
    /// How often what was asked for.
    asked: Mutex<BTreeMap<String, usize>>,
}

fn manifests(file: &str) -> Vec<Value> {
    documents(&testkit::workspace_root().join("deploy/kubernetes/engines-kubernetes").join(file)).unwrap()
}

/// The policies of the engines' namespace.
pub(super) fn policies() -> Vec<Value> {
    manifests("games/network.yaml")
}

fn has(list: &Value, word: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|one| one == word))
}

impl Roles {
    pub(super) fn of_the_manifests() -> Self {
        let mut rules = Vec::new();
        for document in manifests("games/roles.yaml").iter().chain(&manifests("cluster-role.yaml")) {
            let space = match text(document, "/kind") {
                "Role" => Some(NAMESPACE.to_owned()),
                "ClusterRole" => None,
                _ => continue,
            };
            rules.extend(document["rules"].as_array().unwrap().iter().map(|rule| (space.clone(), rule.clone())));
        }
        assert!(rules.len() > 3, "{rules:?}");
        Self { rules, forbidden: Mutex::default(), asked: Mutex::default() }
    }

    pub(super) fn allow(&self, asked: &Asked<'_>) -> bool {
        let key = format!("{} {}", asked.verb, asked.resource);
        *self.asked.lock().entry(key).or_default() += 1;
        if self.forbidden.lock().iter().any(|(verb, resource)| verb == asked.verb && resource == asked.resource) {
            return false;
        }
        self.rules.iter().any(|(space, rule)| {
            // What names objects gives nothing about all of them.
            let named = &rule["resourceNames"];
            space.as_deref().is_none_or(|space| space == asked.namespace)
                && has(&rule["apiGroups"], asked.group)
                && has(&rule["resources"], asked.resource)
                && has(&rule["verbs"], asked.verb)
                && (named.is_null() || has(named, asked.name))
        })
    }

    pub(super) fn forbid(&self, verb: &str, resource: &str) {
        self.forbidden.lock().push((verb.to_owned(), resource.to_owned()));
    }

    pub(super) fn asked(&self, what: &str) -> usize {
        self.asked.lock().get(what).copied().unwrap_or_default()
    }

    pub(super) fn unused(&self) -> Vec<String> {
        let asked = self.asked.lock();
        let mut unused = Vec::new();
        for (_, rule) in &self.rules {
            for resource in rule["resources"].as_array().unwrap() {
                for verb in rule["verbs"].as_array().unwrap() {
                    let key = format!("{} {}", verb.as_str().unwrap(), resource.as_str().unwrap());
                    if !asked.contains_key(&key) {
                        unused.push(key);
                    }
                }
            }
        }
        unused
    }
}
