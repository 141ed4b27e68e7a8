//! The parameters by which administrators say why they do something, and what it is a part of.

use poem_openapi::registry::Registry;
use poem_openapi::types::Type as _;
use serde_json::{Map, Value, json};

use super::{each_operation, insert_component};
use crate::http::objects::effects::{Effects, MEDIA_TYPE};
use crate::http::request::guard::OWN_ACCESS;
use crate::http::request::purpose::{self, DRY_RUN, OPERATION_ID, REASON, REASON_MAX};
use crate::http::request::rights;

/// Adds both to every write under `/admin`, but to those of one's own way in, and to those whose body has them; and says where a reason
/// is wanted (`x-galaxy-reason`).
pub(super) fn describe(document: &mut Value) {
    insert_component(document, "schemas", effects());
    let as_generated = document.clone();
    each_operation(document, |path, method, operation| {
        let right = operation.get("operationId").and_then(Value::as_str).and_then(rights::of);
        let Some(right) = right.filter(|_| method != "get" && !path.starts_with(OWN_ACCESS)) else { return };
        if right.wants_reason {
            operation.insert("x-galaxy-reason".into(), true.into());
        }
        if right.has_preview {
            show_preview(operation);
        }
        let in_body = purpose::in_body(operation.get("requestBody"), &as_generated);
        let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
        let Some(parameters) = parameters.as_array_mut() else { return };
        for (name, schema, words) in [
            (
                REASON,
                json!({ "type": "string", "format": "line", "minLength": 1, "maxLength": REASON_MAX }),
                "Why, in a line, for the trail. Proxies write down what stands in a URL: no names, no addresses.",
            ),
            (
                OPERATION_ID,
                json!({ "type": "string", "format": "uuid" }),
                "An id of your own, the same for all the calls that are parts of one thing: the trail shows them together.",
            ),
        ] {
            if !in_body.contains(&name) {
                parameters.push(
                    json!({ "name": name, "in": "query", "required": false, "schema": schema, "description": words }),
                );
            }
        }
    });
}

/// The schemas of what a call would change: no operation answers it by itself.
fn effects() -> Map<String, Value> {
    let mut registry = Registry::new();
    Effects::register(&mut registry);
    let schemas = registry.schemas.iter();
    schemas.filter_map(|(name, schema)| Some((name.clone(), serde_json::to_value(schema).ok()?))).collect()
}

/// Adds the parameter that says that a call is only to be tried, and what is answered then.
fn show_preview(operation: &mut Map<String, Value>) {
    let parameter = json!({
        "name": DRY_RUN, "in": "query", "required": false, "schema": { "type": "boolean" },
        "description": "Only say what it would change: it is done, and taken back.",
    });
    if let Some(parameters) = operation.entry("parameters").or_insert_with(|| json!([])).as_array_mut() {
        parameters.push(parameter);
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({})).as_object_mut();
    let answer = responses.map(|responses| responses.entry("200").or_insert_with(|| json!({ "description": "" })));
    let Some(answer) = answer.and_then(Value::as_object_mut) else { return };
    if let Some(content) = answer.entry("content").or_insert_with(|| json!({})).as_object_mut() {
        content.insert(MEDIA_TYPE.into(), json!({ "schema": { "$ref": "#/components/schemas/Effects" } }));
    }
}
