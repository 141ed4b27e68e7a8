//! Services, policies, budgets and autoscalers find what they are for.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::kubernetes::{documents, label, text};

use super::{GAMES, ON_DOCKER, OVERLAYS, container, dir, namespace, of_kind, rendered, selects, workloads};

/// The labels of a workload's pods.
fn labels(workload: &Value) -> &Value {
    workload.pointer("/spec/template/metadata/labels").unwrap()
}

/// The workloads of a document's namespace whose pods a selector finds.
fn found<'a>(all: &'a [Value], by: &Value, selector: &Value) -> Vec<&'a Value> {
    let near = workloads(all).into_iter().filter(|workload| namespace(workload) == namespace(by));
    near.filter(|workload| selects(selector, labels(workload))).collect()
}

#[test]
fn every_service_finds_pods_and_their_port() {
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        for service in of_kind(&all, "Service") {
            let stay = found(&all, service, &service["spec"]["selector"]);
            let stay: Vec<&&Value> = stay.iter().filter(|workload| text(workload, "/kind") == "Deployment").collect();
            assert!(!stay.is_empty(), "{overlay}: {} finds nobody", label(service));
            for (port, workload) in
                service["spec"]["ports"].as_array().unwrap().iter().flat_map(|port| stay.iter().map(move |w| (port, w)))
            {
                let ports = container(workload)["ports"].as_array().unwrap();
                let named = ports.iter().find(|there| there["name"] == port["targetPort"]);
                let number = named.map(|there| &there["containerPort"]);
                assert_eq!(number, Some(&port["port"]), "{overlay}: {}", label(service));
            }
        }
    }
}

#[test]
fn every_deployment_has_one_budget_and_a_policy_of_its_own() {
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        for (kind, pointer) in
            [("PodDisruptionBudget", "/spec/selector/matchLabels"), ("NetworkPolicy", "/spec/podSelector/matchLabels")]
        {
            for deployment in of_kind(&all, "Deployment") {
                let name = text(deployment, "/metadata/name");
                let own: Vec<&Value> = of_kind(&all, kind)
                    .into_iter()
                    .filter(|one| text(one, "/metadata/name") == name && namespace(one) == namespace(deployment))
                    .collect();
                assert_eq!(own.len(), 1, "{overlay}: {kind} of {name}");
                let selected: Vec<String> =
                    found(&all, own[0], own[0].pointer(pointer).unwrap()).into_iter().map(label).collect();
                assert_eq!(selected, [label(deployment)], "{overlay}: {kind}");
            }
        }
        for budget in of_kind(&all, "PodDisruptionBudget") {
            assert_eq!(budget["spec"]["maxUnavailable"], json!(1), "{overlay}: {}", label(budget));
        }
    }
}

#[test]
fn nothing_is_let_through_but_by_name() {
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        let spaces: BTreeSet<&str> = workloads(&all).into_iter().map(namespace).collect();
        let made = documents(&dir().join("namespaces/namespaces.yaml")).unwrap();
        let made: BTreeSet<&str> = made.iter().map(|space| text(space, "/metadata/name")).collect();
        if ON_DOCKER.contains(&overlay) {
            assert_eq!(spaces, made, "{overlay}");
        }
        let own = of_kind(&all, "Namespace").into_iter().map(|space| text(space, "/metadata/name"));
        for space in spaces.into_iter().chain(own) {
            let deny = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] });
            let denies = |policy: &&Value| namespace(policy) == space && policy["spec"] == deny;
            assert_eq!(of_kind(&all, "NetworkPolicy").into_iter().filter(denies).count(), 1, "{overlay}: {space}");
        }
        for policy in of_kind(&all, "NetworkPolicy") {
            let everybody = &json!({});
            let selector = policy.pointer("/spec/podSelector/matchLabels").unwrap_or(everybody);
            let anybody = namespace(policy) == GAMES || !found(&all, policy, selector).is_empty();
            assert!(anybody, "{overlay}: {} is for nobody", label(policy));
            for direction in ["ingress", "egress"] {
                for rule in policy["spec"].get(direction).and_then(Value::as_array).into_iter().flatten() {
                    assert!(rule.get("ports").is_some(), "{overlay}: {} lets every port through", label(policy));
                    let from = rule.get("from").or_else(|| rule.get("to")).is_some();
                    assert!(from || direction == "egress", "{overlay}: {} lets everybody in", label(policy));
                }
            }
        }
    }
}

#[test]
fn whom_a_policy_lets_in_is_there_and_may_go_there() {
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        let policies = of_kind(&all, "NetworkPolicy");
        let of = |name: &str| *policies.iter().find(|policy| text(policy, "/metadata/name") == name).unwrap();
        let rule = json!({ "podSelector": { "matchLabels": { "app.kubernetes.io/name": "api-server" } } });
        let out = &of("notify-worker")["spec"]["egress"][0];
        assert_eq!((&out["to"][0], &out["ports"][0]["port"]), (&rule, &json!(8081)), "{overlay}");
        if !ON_DOCKER.contains(&overlay) {
            continue;
        }
        // Both ways of a call to an engine: the same network, which engine-node.sh makes where it is told nothing else.
        let script = std::fs::read_to_string(dir().join("engine-node.sh")).unwrap();
        for name in ["api-server", "runtime-controller"] {
            let to = &of(name)["spec"]["egress"][0];
            let network = text(to, "/to/0/ipBlock/cidr");
            assert!(script.contains(&format!("engines=${{3:-{network}}}")), "{overlay}: {name} goes to {network}");
            assert_eq!(to["ports"], json!([{ "protocol": "TCP", "port": 8080 }]), "{overlay}: {name}");
        }
    }
}

#[test]
fn every_autoscaler_finds_its_deployment() {
    for file in ["components/autoscaling-hpa/autoscalers.yaml", "components/autoscaling-keda/scaled-objects.yaml"] {
        let base = rendered("base");
        let scalers = documents(&dir().join(file)).unwrap();
        assert_eq!(scalers.len(), 3, "{file}");
        for scaler in &scalers {
            let target = text(scaler, "/spec/scaleTargetRef/name");
            let deployments = of_kind(&base, "Deployment");
            let there = deployments
                .iter()
                .any(|one| text(one, "/metadata/name") == target && namespace(one) == namespace(scaler));
            assert!(there, "{file}: {target}");
        }
    }
    let metrics = std::fs::read_to_string(testkit::workspace_root().join("docs/metrics.md")).unwrap();
    let scaled = std::fs::read_to_string(dir().join("components/autoscaling-keda/scaled-objects.yaml")).unwrap();
    assert!(scaled.contains("queue_depth{") && metrics.contains("| `queue_depth` | gauge | `queue`, `state` |"));
}

#[test]
fn the_migration_is_applied_first_with_all_that_it_needs() {
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        let label = "/metadata/labels/app.kubernetes.io~1name";
        let first = all.iter().filter(|document| document.pointer(label).is_some_and(|name| name == "migrate"));
        let mut kinds: Vec<&str> = first.map(|document| text(document, "/kind")).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["ConfigMap", "Job"], "{overlay}");
    }
}
