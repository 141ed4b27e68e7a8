//! Every document is what its kind says, and nothing more or less: read into the API's own types and written again. A field that is
//! none gets lost on that way, and one that is required and missing appears.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Namespace, PersistentVolume, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use k8s_openapi::api::storage::v1::StorageClass;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use testkit::kubernetes::{documents, label, pod, text};

use super::{OVERLAYS, custom, dir, files, rendered};

/// Whether it is sound, and else why not.
pub(super) fn judge(document: &Value) -> Result<(), String> {
    if text(document, "/metadata/name").is_empty() {
        return Err("/metadata/name is missing".to_owned());
    }
    // Required by the server, and not by its types.
    let containers = pod(document).and_then(|pod| pod.get("containers")).and_then(Value::as_array);
    if containers.into_iter().flatten().any(|container| text(container, "/image").is_empty()) {
        return Err("/spec/template/spec/containers: an image is missing".to_owned());
    }
    let ends = ["Never", "OnFailure"].contains(&text(document, "/spec/template/spec/restartPolicy"));
    if text(document, "/kind") == "Job" && !ends {
        return Err("/spec/template/spec/restartPolicy: a Job's is Never or OnFailure".to_owned());
    }
    match text(document, "/kind") {
        "ClusterRole" => whole::<ClusterRole>(document),
        "ClusterRoleBinding" => whole::<ClusterRoleBinding>(document),
        "ConfigMap" => whole::<ConfigMap>(document),
        "Deployment" => whole::<Deployment>(document),
        "Endpoints" => whole::<Endpoints>(document),
        "HorizontalPodAutoscaler" => whole::<HorizontalPodAutoscaler>(document),
        "Job" => whole::<Job>(document),
        "Namespace" => whole::<Namespace>(document),
        "NetworkPolicy" => whole::<NetworkPolicy>(document),
        "PersistentVolume" => whole::<PersistentVolume>(document),
        "PodDisruptionBudget" => whole::<PodDisruptionBudget>(document),
        "Role" => whole::<Role>(document),
        "RoleBinding" => whole::<RoleBinding>(document),
        "Secret" => whole::<Secret>(document),
        "Service" => whole::<Service>(document),
        "ServiceAccount" => whole::<ServiceAccount>(document),
        "StorageClass" => whole::<StorageClass>(document),
        _ => custom::judge(document),
    }
}

fn whole<T: Serialize + DeserializeOwned>(document: &Value) -> Result<(), String> {
    let read: T = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    let mut faults = Vec::new();
    lost("", document, &serde_json::to_value(&read).unwrap(), &mut faults);
    if faults.is_empty() { Ok(()) } else { Err(faults.join(", ")) }
}

/// What stands in the one and not in the other. The types write what is required even where nothing was read.
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
            let missing = kept.keys().filter(|name| !written.contains_key(*name));
            faults.extend(missing.map(|name| format!("{path}/{name} is missing")));
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

#[test]
fn a_required_field_that_is_missing_is_found() {
    let base = rendered("base");
    let of = |kind: &str| base.iter().find(|document| text(document, "/kind") == kind).unwrap();
    let pods = rendered("overlays/one-node-pods");
    let role = pods.iter().find(|document| text(document, "/kind") == "RoleBinding").unwrap();
    let class = pods.iter().find(|document| text(document, "/kind") == "StorageClass").unwrap();
    for (good, pointer, name) in [
        (of("Deployment"), "/metadata", "name"),
        (of("Deployment"), "/spec", "selector"),
        (of("Deployment"), "/spec", "template"),
        (of("Deployment"), "/spec/template/spec", "containers"),
        (of("Deployment"), "/spec/template/spec/containers/0", "name"),
        (of("Deployment"), "/spec/template/spec/containers/0", "image"),
        (of("Deployment"), "/spec/template/spec/containers/0/ports/0", "containerPort"),
        (of("Deployment"), "/spec/template/spec/containers/0/volumeMounts/0", "mountPath"),
        (of("Deployment"), "/spec/template/spec/containers/0/livenessProbe/httpGet", "port"),
        (of("Deployment"), "/spec/template/spec/topologySpreadConstraints/0", "topologyKey"),
        (of("Deployment"), "/spec/template/spec/volumes/0", "name"),
        (of("Job"), "/spec/template/spec", "restartPolicy"),
        (of("Service"), "/spec/ports/0", "port"),
        (role, "", "roleRef"),
        (role, "/subjects/0", "kind"),
        (class, "", "provisioner"),
    ] {
        assert_eq!(judge(good), Ok(()));
        let mut bad = good.clone();
        bad.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap().remove(name).unwrap();
        let why = judge(&bad).unwrap_err();
        assert!(why.contains(name), "{pointer}/{name}: {why}");
    }
}
