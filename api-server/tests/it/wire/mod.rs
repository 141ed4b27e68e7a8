//! The conventions of the wire (SPEC §3, §4), walked over the document: a new operation is held to them by being there.

mod bodies;
mod console;
mod cors;
mod cross_site;
mod headers;
mod methods;
mod parameters;

use serde_json::Value;
use testkit::openapi::{ContractResponse, Operation};

/// Where a refused request is at fault.
fn pointers(answer: &ContractResponse) -> Vec<String> {
    let body = answer.json();
    let errors = body["errors"].as_array().into_iter().flatten();
    errors.map(|error| error["pointer"].as_str().unwrap().to_owned()).collect()
}

/// The fault of a refused request: its kind and what would be right.
fn fault(answer: &ContractResponse) -> (String, String) {
    let body = answer.json();
    let text = |name: &str| body["errors"][0][name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("detail"))
}

fn writes(operation: &Operation) -> bool {
    operation.method != "GET"
}

/// Paths that are no operations of the document.
const OPEN: [&str; 6] = ["/healthz", "/readyz", "/health/live", "/health/ready", "/openapi.json", "/docs"];

/// The example of a body, as an object.
fn object(example: Option<Value>) -> Option<serde_json::Map<String, Value>> {
    match example {
        Some(Value::Object(members)) => Some(members),
        _ => None,
    }
}
