//! The parameters by which administrators say why they do something, and what it is a part of.

use serde_json::{Value, json};

use super::each_operation;
use crate::http::request::guard::OWN_ACCESS;
use crate::http::request::purpose::{self, OPERATION_ID, REASON, REASON_MAX};
use crate::http::request::rights;

/// Adds both to every write under `/admin`, but to those of one's own way in, and to those whose body has them; and says where a reason
/// is wanted (`x-galaxy-reason`).
pub(super) fn describe(document: &mut Value) {
    let as_generated = document.clone();
    each_operation(document, |path, method, operation| {
        let right = operation.get("operationId").and_then(Value::as_str).and_then(rights::of);
        let Some(right) = right.filter(|_| method != "get" && !path.starts_with(OWN_ACCESS)) else { return };
        if right.wants_reason {
            operation.insert("x-galaxy-reason".into(), true.into());
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
