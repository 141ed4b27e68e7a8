//! Every document is what its kind says, and nothing more: read into the API's own types, of which no field may get lost.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use testkit::kubernetes::{documents, label, text};

use super::{OVERLAYS, dir, files, rendered};

/// Kinds of operators that clusters may have: not the API's own, so only named here.
const CUSTOM: [(&str, &str); 3] = [
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
    ("keda.sh/v1alpha1", "ScaledObject"),
];

/// Whether it is sound, and else why not.
fn judge(document: &Value) -> Result<(), String> {
    match text(document, "/kind") {
        "ClusterRole" => whole::<ClusterRole>(document),
        "ClusterRoleBinding" => whole::<ClusterRoleBinding>(document),
        "ConfigMap" => whole::<ConfigMap>(document),
        "Deployment" => whole::<Deployment>(document),
        "HorizontalPodAutoscaler" => whole::<HorizontalPodAutoscaler>(document),
        "Job" => whole::<Job>(document),
        "Namespace" => whole::<Namespace>(document),
        "NetworkPolicy" => whole::<NetworkPolicy>(document),
        "PodDisruptionBudget" => whole::<PodDisruptionBudget>(document),
        "Role" => whole::<Role>(document),
        "RoleBinding" => whole::<RoleBinding>(document),
        "Secret" => whole::<Secret>(document),
        "Service" => whole::<Service>(document),
        "ServiceAccount" => whole::<ServiceAccount>(document),
        kind if CUSTOM.contains(&(text(document, "/apiVersion"), kind)) => Ok(()),
        kind => Err(format!("{kind} is not known here")),
    }
}

fn whole<T: Serialize + DeserializeOwned>(document: &Value) -> Result<(), String> {
    let read: T = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    let mut faults = Vec::new();
    lost("", document, &serde_json::to_value(&read).unwrap(), &mut faults);
    if faults.is_empty() { Ok(()) } else { Err(faults.join(", ")) }
}

/// What stands in the one and not in the other.
fn lost(path: &str, written: &Value, kept: &Value, faults: &mut Vec<String>) {
    match (written, kept) {
        (Value::Object(written), Value::Object(kept)) => {
            for (name, value) in written {
                let path = format!("{path}/{name}");
                match kept.get(name) {
                    Some(kept) => lost(&path, value, kept, faults),
                    None => faults.push(format!("{path} is no field")),
                }
            }
        }
        (Value::Array(written), Value::Array(kept)) if written.len() == kept.len() => {
            for (at, (written, kept)) in written.iter().zip(kept).enumerate() {
                lost(&format!("{path}/{at}"), written, kept, faults);
            }
        }
        _ if written == kept => {}
        _ => faults.push(format!("{path}: {written} is read as {kept}")),
    }
}

#[test]
fn every_document_is_what_its_kind_says() {
    let mut judged = 0;
    for file in files(&dir(), ".yaml").iter().filter(|file| !file.ends_with("kustomization.yaml")) {
        for document in documents(file).unwrap() {
            judge(&document).unwrap_or_else(|why| panic!("{}: {}: {why}", file.display(), label(&document)));
            judged += 1;
        }
    }
    for overlay in OVERLAYS {
        for mut document in rendered(overlay) {
            // The same type under its name of before 1.21.
            if text(&document, "/apiVersion") == "policy/v1beta1" {
                document["apiVersion"] = "policy/v1".into();
            }
            judge(&document).unwrap_or_else(|why| panic!("{overlay}: {}: {why}", label(&document)));
            judged += 1;
        }
    }
    assert!(judged > 80, "only {judged} documents were found");
}

#[test]
fn a_field_that_does_not_exist_is_found() {
    let good = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "x" }, "spec": { "ports": [{ "port": 1 }] } });
    assert_eq!(judge(&good), Ok(()));
    for (pointer, name, value) in [
        ("/spec", "sellector", json!({})),
        ("/spec/ports/0", "targetport", json!(1)),
        ("/spec", "ports", json!({})),
        ("", "apiVersion", json!("v2")),
    ] {
        let mut bad = good.clone();
        bad.pointer_mut(pointer).unwrap()[name] = value;
        assert!(judge(&bad).is_err(), "{bad}");
    }
}
