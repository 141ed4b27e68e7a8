//! Engines as pods: whoever makes them is let do that and no more, and they are let do nothing.

use serde_json::{Value, json};
use testkit::kubernetes::{label, text};

use super::{GAMES, namespace, of_kind, rendered};

const OVERLAYS: [&str; 2] = ["overlays/engines-kubernetes", "overlays/one-node-pods"];

fn named<'a>(all: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found: Vec<&Value> = of_kind(all, kind).into_iter().filter(|one| text(one, "/metadata/name") == name).collect();
    assert_eq!(found.len(), 1, "{kind} {name}");
    found[0]
}

#[test]
fn every_binding_gives_the_controller_s_own_account_a_role_that_is_there() {
    for overlay in OVERLAYS {
        bindings(&rendered(overlay));
    }
}

fn bindings(all: &[Value]) {
    let deployment = named(all, "Deployment", "runtime-controller");
    let account = named(all, "ServiceAccount", "runtime-controller");
    assert_eq!(namespace(account), namespace(deployment));
    let subject = json!({ "kind": "ServiceAccount", "name": "runtime-controller", "namespace": namespace(account) });
    for (binding, role) in [("RoleBinding", "Role"), ("ClusterRoleBinding", "ClusterRole")] {
        for binding in of_kind(all, binding) {
            assert_eq!(binding["subjects"], json!([subject]), "{}", label(binding));
            assert_eq!(text(binding, "/roleRef/kind"), role);
            let role = named(all, role, text(binding, "/roleRef/name"));
            assert_eq!(namespace(role), namespace(binding), "a role counts where it is bound");
        }
    }
    assert_eq!(namespace(named(all, "Role", "runtime-controller")), GAMES);
    assert_eq!(of_kind(all, "Role").len() + of_kind(all, "ClusterRole").len(), 2);
}

/// `runtime-controller/tests/it/drivers.rs` has the other half: what is given is needed.
#[test]
fn no_role_gives_everything_or_a_way_to_more() {
    for overlay in OVERLAYS {
        rights(&rendered(overlay));
    }
}

fn rights(all: &[Value]) {
    let roles: Vec<&Value> = of_kind(all, "Role").into_iter().chain(of_kind(all, "ClusterRole")).collect();
    for rule in roles.iter().flat_map(|role| role["rules"].as_array().unwrap()) {
        let has = |what: &str, word: &str| rule[what].as_array().unwrap().iter().any(|one| one == word);
        for verb in ["*", "update", "deletecollection", "bind", "escalate", "impersonate"] {
            assert!(!has("verbs", verb), "{rule}");
        }
        for resource in ["*", "pods/exec", "pods/attach", "pods/ephemeralcontainers", "nodes", "serviceaccounts/token"]
        {
            assert!(!has("resources", resource), "{rule}");
        }
        if has("resources", "secrets") {
            assert_eq!(rule["verbs"], json!(["create"]), "a Secret is made and not read");
        }
        if has("resources", "pods") {
            assert!(!has("verbs", "patch"), "a pod is made anew and not changed");
        }
    }
}

#[test]
fn engines_are_called_by_two_processes_and_call_nobody() {
    for overlay in OVERLAYS {
        callers(&rendered(overlay));
    }
}

fn callers(all: &[Value]) {
    let space = named(all, "Namespace", GAMES);
    assert_eq!(text(space, "/metadata/labels/pod-security.kubernetes.io~1enforce"), "restricted");
    let engines = named(all, "NetworkPolicy", "galaxy-engines");
    assert_eq!(namespace(engines), GAMES);
    assert_eq!(engines["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(engines["spec"].get("egress"), None);
    let callers = engines["spec"]["ingress"][0]["from"].as_array().unwrap();
    let names: Vec<&str> =
        callers.iter().map(|one| text(one, "/podSelector/matchLabels/app.kubernetes.io~1name")).collect();
    assert_eq!(names, ["api-server", "runtime-controller"]);
    for (name, policy) in [("api-server", "api-server-calls-engines"), ("runtime-controller", "runtime-controller")] {
        let own = named(all, "Deployment", name);
        assert_eq!(text(own, "/spec/template/metadata/labels/app.kubernetes.io~1name"), name);
        let policy = named(all, "NetworkPolicy", policy);
        let to = json!([{ "namespaceSelector": { "matchLabels": { "galaxy/games": "true" } } }]);
        assert_eq!(policy["spec"]["egress"][0]["to"], to, "{name}");
        assert_eq!(policy["spec"]["egress"][0]["ports"], engines["spec"]["ingress"][0]["ports"], "{name}");
    }
    assert_eq!(text(space, "/metadata/labels/galaxy~1games"), "true");
    let told = of_kind(all, "ConfigMap").into_iter().find(|map| text(map, "/metadata/name") == "runtime-controller");
    let told = told.unwrap();
    assert_eq!(text(told, "/data/BACKEND_KUBERNETES_NAMESPACE"), GAMES);
    // A pod that copies states is made from the same image as the controller that makes it.
    let deployment = named(all, "Deployment", "runtime-controller");
    let own = text(deployment, "/spec/template/spec/containers/0/image");
    assert_eq!(text(told, "/data/BACKEND_KUBERNETES_COPY_IMAGE"), own);
}
