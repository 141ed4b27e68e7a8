//! Kinds of operators that clusters may have, which the API's types do not know: small schemas of as much of them as the manifests use,
//! after the operators' own definitions. Another field is an error until it stands here.

use jsonschema::Draft;
use serde_json::{Value, json};
use testkit::kubernetes::{documents, text};

use super::dir;

/// Whether a document of such a kind is sound, and else why not.
pub(super) fn judge(document: &Value) -> Result<(), String> {
    let (version, kind) = (text(document, "/apiVersion"), text(document, "/kind"));
    let spec = match (version, kind) {
        ("monitoring.coreos.com/v1", "ServiceMonitor") => service_monitor(),
        ("monitoring.coreos.com/v1", "PrometheusRule") => prometheus_rule(),
        ("keda.sh/v1alpha1", "ScaledObject") => scaled_object(),
        _ => return Err(format!("{version} {kind} is not known here")),
    };
    let metadata = object(&["name"], json!({ "name": word(), "namespace": word(), "labels": words() }));
    let fields = json!({ "apiVersion": word(), "kind": word(), "metadata": metadata, "spec": spec });
    let schema = object(&["metadata", "spec"], fields);
    let validator = jsonschema::options().with_draft(Draft::Draft202012).build(&schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path().as_str())).collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join(", ")) }
}

/// An object of these fields and no other.
fn object(required: &[&str], fields: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": fields, "additionalProperties": false })
}

/// A list of these, with one at least.
fn list(of: &Value) -> Value {
    json!({ "type": "array", "items": of, "minItems": 1 })
}

fn word() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

/// Texts by their names: a number or a truth without quotes is none.
fn words() -> Value {
    json!({ "type": "object", "additionalProperties": { "type": "string" } })
}

fn duration() -> Value {
    json!({ "type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$" })
}

fn least(number: u32) -> Value {
    json!({ "type": "integer", "minimum": number })
}

fn service_monitor() -> Value {
    let relabeling = object(&[], json!({ "sourceLabels": list(&word()), "targetLabel": word() }));
    let endpoint = object(
        &["port"],
        json!({
            "port": word(),
            "path": { "type": "string", "pattern": "^/" },
            "interval": duration(),
            "relabelings": list(&relabeling),
        }),
    );
    object(
        &["endpoints", "selector"],
        json!({
            "namespaceSelector": object(&[], json!({ "matchNames": list(&word()) })),
            "selector": object(&[], json!({ "matchLabels": words() })),
            "endpoints": list(&endpoint),
        }),
    )
}

fn prometheus_rule() -> Value {
    let fields = json!({
        "alert": word(), "record": word(), "expr": word(), "for": duration(), "keep_firing_for": duration(),
        "labels": words(), "annotations": words(),
    });
    let mut rule = object(&["expr"], fields);
    // The one or the other.
    rule["oneOf"] = json!([{ "required": ["alert"] }, { "required": ["record"] }]);
    let fields = json!({ "name": word(), "interval": duration(), "rules": list(&rule) });
    object(&["groups"], json!({ "groups": list(&object(&["name"], fields)) }))
}

fn scaled_object() -> Value {
    let target = object(&["name"], json!({ "apiVersion": word(), "kind": word(), "name": word() }));
    let fields = json!({ "type": word(), "metricType": word(), "metadata": words() });
    let mut trigger = object(&["type", "metadata"], fields);
    let wants = |kind: &str, names: &[&str]| {
        json!({
            "if": { "properties": { "type": { "const": kind } } },
            "then": { "properties": { "metadata": { "required": names } } },
        })
    };
    trigger["allOf"] = json!([wants("prometheus", &["serverAddress", "query", "threshold"]), wants("cpu", &["value"])]);
    object(
        &["scaleTargetRef", "triggers"],
        json!({
            "scaleTargetRef": target,
            "minReplicaCount": least(0),
            "maxReplicaCount": least(1),
            "pollingInterval": least(1),
            "cooldownPeriod": least(0),
            "triggers": list(&trigger),
        }),
    )
}

#[test]
fn what_an_operator_would_refuse_is_found() {
    let first = |file: &str, at: usize| documents(&dir().join("components").join(file)).unwrap().remove(at);
    let (monitor, rules) = (first("monitoring/service-monitor.yaml", 0), first("monitoring/rules.yaml", 0));
    let scaled = first("autoscaling-keda/scaled-objects.yaml", 1);
    for good in [&monitor, &rules, &scaled] {
        assert_eq!(judge(good), Ok(()));
    }
    for (good, pointer, name, value) in [
        (&monitor, "", "apiVersion", json!("monitoring.coreos.com/v2")),
        (&monitor, "", "spec", json!({})),
        (&monitor, "/metadata", "name", json!("")),
        (&monitor, "/spec", "selector", json!({ "matchLabel": {} })),
        (&monitor, "/spec/endpoints/0", "interval", json!("15")),
        (&monitor, "/spec/endpoints/0", "port", json!(9100)),
        (&rules, "/spec", "groups", json!([])),
        (&rules, "/spec/groups/0/rules/0", "record", json!("both:at:once")),
        (&rules, "/spec/groups/0/rules/0", "expr", json!("")),
        (&rules, "/spec/groups/0/rules/0/labels", "severity", json!(1)),
        (&scaled, "/spec", "scaleTargetRef", json!({})),
        (&scaled, "/spec", "minReplicas", json!(2)),
        (&scaled, "/spec", "maxReplicaCount", json!("6")),
        (&scaled, "/spec/triggers/0", "metadata", json!({ "serverAddress": "http://x", "query": "up" })),
        (&scaled, "/spec/triggers/0/metadata", "threshold", json!(200)),
    ] {
        let mut bad = good.clone();
        bad.pointer_mut(pointer).unwrap()[name] = value;
        assert!(judge(&bad).is_err(), "{pointer}/{name}");
    }
}
