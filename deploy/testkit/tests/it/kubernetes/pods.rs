//! Pods: hardened, probed where the process answers, limited, and given the time that they need to end.

use serde_json::{Value, json};
use testkit::kubernetes::{label, pod, text};

use super::settings::{settings, told};
use super::{DEPLOYMENTS, ON_DOCKER, ONE_NODE, OVERLAYS, container, of_kind, rendered, selects, workloads};

/// Seconds of a whole-second duration in the settings' syntax.
fn seconds(text: &str) -> u64 {
    text.strip_suffix('s').and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{text:?}"))
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

#[test]
fn every_container_may_do_nothing_but_its_work() {
    for overlay in OVERLAYS {
        for workload in workloads(&rendered(overlay)) {
            let (pod, container, who) = (pod(workload).unwrap(), container(workload), label(workload));
            for name in ["hostNetwork", "hostPID", "hostIPC", "initContainers"] {
                assert_eq!(pod.get(name), None, "{who}");
            }
            // Who makes pods speaks to the cluster, and nobody else.
            let makes_pods = text(container, "/name") == "runtime-controller" && !ON_DOCKER.contains(&overlay);
            assert_eq!(pod["automountServiceAccountToken"], json!(makes_pods), "{overlay}: {who}");
            let account = if makes_pods { "runtime-controller" } else { "" };
            assert_eq!(text(pod, "/serviceAccountName"), account, "{overlay}: {who}");
            assert_eq!(pod["enableServiceLinks"], json!(false), "{who}");
            let context = &pod["securityContext"];
            assert_eq!(context["runAsNonRoot"], json!(true), "{who}");
            assert_eq!(context["runAsUser"], json!(10001), "{who}");
            assert_eq!(context["seccompProfile"], json!({ "type": "RuntimeDefault" }), "{who}");
            let hardened = json!({
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
            });
            assert_eq!(container["securityContext"], hardened, "{who}");
            for wanted in ["/resources/requests/cpu", "/resources/requests/memory", "/resources/limits/memory"] {
                assert_ne!(text(container, wanted), "", "{who}: {wanted}");
            }
            let volumes = pod["volumes"].as_array().unwrap();
            let on_node: Vec<&str> =
                volumes.iter().map(|volume| text(volume, "/hostPath/path")).filter(|path| !path.is_empty()).collect();
            let may = if text(container, "/name") == "runtime-controller" && !makes_pods {
                vec!["/run", "/var/lib/galaxy/games"]
            } else {
                vec![]
            };
            assert_eq!(on_node, may, "{who}");
        }
    }
}

#[test]
fn every_deployment_is_there_twice_and_is_rolled_without_a_gap() {
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        let names: Vec<&str> = of_kind(&all, "Deployment").iter().map(|one| text(one, "/metadata/name")).collect();
        assert_eq!(names, DEPLOYMENTS, "{overlay}");
        for deployment in of_kind(&all, "Deployment") {
            let who = label(deployment);
            let labels = deployment.pointer("/spec/template/metadata/labels").unwrap();
            let selector = deployment.pointer("/spec/selector/matchLabels").unwrap();
            assert!(selects(selector, labels) && selector.get("app.kubernetes.io/name").is_some(), "{who}");
            // Where an autoscaler has the number, it has the least of it too.
            let scaled = all.iter().find(|scaler| {
                let target = text(scaler, "/spec/scaleTargetRef/name");
                !target.is_empty() && target == text(deployment, "/metadata/name")
            });
            let (least, own) = match scaled {
                Some(scaler) => {
                    (number(scaler, "/spec/minReplicaCount").max(number(scaler, "/spec/minReplicas")), false)
                }
                None => (number(deployment, "/spec/replicas"), true),
            };
            assert_eq!(deployment.pointer("/spec/replicas").is_some(), own, "{who}");
            assert!(least >= 2, "{who}: {least}");
            assert_eq!(deployment.pointer("/spec/strategy/rollingUpdate/maxUnavailable"), Some(&json!(0)), "{who}");
            let spread = deployment.pointer("/spec/template/spec/topologySpreadConstraints").and_then(Value::as_array);
            for constraint in spread.unwrap() {
                assert!(selects(constraint.pointer("/labelSelector/matchLabels").unwrap(), labels), "{who}");
            }
        }
    }
}

#[test]
fn every_port_is_where_its_process_listens_and_every_probe_asks_there() {
    let listeners = [
        ("rest", "BACKEND_HTTP_LISTEN_ADDR"),
        ("push", "BACKEND_GRPC_PUSH_LISTEN_ADDR"),
        ("ops", "BACKEND_OPS_LISTEN_ADDR"),
    ];
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        for deployment in of_kind(&all, "Deployment") {
            let (container, who) = (container(deployment), label(deployment));
            let (known, told) = (settings(text(container, "/name")), told(&all, deployment));
            let wanted: Vec<Value> = listeners
                .iter()
                .filter_map(|(port, setting)| {
                    Some((port, told.get(setting).copied().unwrap_or(&known.get(*setting)?.default)))
                })
                .map(|(port, address)| {
                    let number: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
                    json!({ "name": port, "containerPort": number, "protocol": "TCP" })
                })
                .collect();
            assert_eq!(container["ports"], json!(wanted), "{who}");
            for (probe, path) in
                [("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")]
            {
                assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "ops" }), "{who}: {probe}");
            }
        }
    }
}

#[test]
fn every_pod_has_the_time_that_its_process_takes_to_end() {
    for overlay in OVERLAYS {
        let all = rendered(overlay);
        for deployment in of_kind(&all, "Deployment") {
            let (container, who) = (container(deployment), label(deployment));
            let told = told(&all, deployment);
            let known = settings(text(container, "/name"));
            let of = |name: &str| seconds(told.get(name).copied().unwrap_or(&known[name].default));
            let (budget, delay) = (of("BACKEND_SHUTDOWN_TIMEOUT"), of("BACKEND_SHUTDOWN_DELAY"));
            let given = number(deployment, "/spec/template/spec/terminationGracePeriodSeconds");
            assert!(given >= budget + 3 && given <= budget + 15, "{who}: {given} for {budget}");
            // Whoever is called serves on until every node has heard of its end: the process itself waits, in its budget.
            assert_eq!(container.get("lifecycle"), None, "{overlay}: {who}");
            assert_eq!(delay > 0, text(container, "/name") == "api-server", "{overlay}: {who}");
            assert!(delay * 2 <= budget, "{overlay}: {who}: {delay} of {budget}");
        }
    }
}

#[test]
fn every_image_of_an_installation_has_a_tag() {
    for workload in ["overlays/example", "overlays/engines-kubernetes"].iter().flat_map(|overlay| rendered(overlay)) {
        if pod(&workload).is_none() {
            continue;
        }
        let (image, name) = (text(container(&workload), "/image"), text(container(&workload), "/name"));
        let (place, tag) = image.rsplit_once(':').unwrap_or_else(|| panic!("{image}"));
        assert!(place.ends_with(&format!("/galaxy/{name}")) && tag != "latest", "{image}");
    }
    for overlay in ONE_NODE {
        for workload in workloads(&rendered(overlay)) {
            assert_eq!(text(container(workload), "/image"), format!("galaxy/{}", text(container(workload), "/name")));
        }
    }
}
