//! The OpenAPI document: what poem-openapi generates, made exact where its generator is not.

mod dialect;
pub mod docs;
mod errors;
mod examples;
mod links;
mod purposes;
pub mod tags;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::http::request::administrator::COOKIE;
use crate::http::request::guard::Group;
use crate::http::request::rights;
use crate::http::request::schema::collect_refs;
use examples::Examples;

/// Makes the generated document say what the server does: one entry a path, `null` where it may stand, request objects
/// that refuse unknown fields, credentials, every error with its code; shows it by examples; and writes it in the dialect
/// that tools read without a warning (docs/contract.md).
///
/// # Errors
/// When the generator writes no JSON, or the table of examples is none: a bug.
pub fn refine(spec: &str) -> anyhow::Result<Arc<Value>> {
    let Document(mut document) = serde_json::from_str(spec)?;
    let examples = Examples::read()?;
    nullable_properties(&mut document);
    header_names(&mut document);
    strict_requests(&mut document);
    secure(&mut document);
    purposes::describe(&mut document);
    errors::describe(&mut document, &examples);
    request_ids(&mut document);
    examples::show(&mut document, &examples);
    links::join(&mut document);
    examples::prune(&mut document);
    dialect::modernise(&mut document);
    Ok(Arc::new(document))
}

/// The document as generated. Operations of one path that stand in several files come as several entries of the same name,
/// of which a plain parser keeps the last: here they are merged.
struct Document(Value);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Map<String, Value>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an OpenAPI document")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Map::new();
                while let Some(name) = access.next_key::<String>()? {
                    let value = if name == "paths" { access.next_value::<Paths>()?.0 } else { access.next_value()? };
                    members.insert(name, value);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(|members| Self(Value::Object(members)))
    }
}

struct Paths(Value);

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Map<String, Value>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("paths")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut paths: Map<String, Value> = Map::new();
                while let Some((path, operations)) = access.next_entry::<String, Map<String, Value>>()? {
                    match paths.entry(path).or_insert_with(|| json!({})) {
                        Value::Object(there) => there.extend(operations),
                        _ => return Err(serde::de::Error::custom("a path that is no object")),
                    }
                }
                Ok(paths)
            }
        }
        deserializer.deserialize_map(Entries).map(|paths| Self(Value::Object(paths)))
    }
}

/// A property that need not be there may be null: so are absent values answered, and so may they be sent.
fn nullable_properties(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for schema in schemas.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        let required: Vec<String> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (name, property) in properties.into_iter().flatten() {
            let Some(property) = property.as_object_mut().filter(|p| !p.contains_key("default")) else { continue };
            if required.contains(name) {
                continue;
            }
            if let Some(reference) = property.remove("$ref") {
                property.insert("allOf".into(), json!([{ "$ref": reference }]));
            }
            property.insert("nullable".into(), json!(true));
        }
    }
}

/// Objects in requests refuse fields that they do not know (SPEC §3).
fn strict_requests(document: &mut Value) {
    let mut pending = Vec::new();
    each_operation(document, |_, _, operation| {
        if let Some(body) = operation.get("requestBody") {
            collect_refs(body, &mut pending);
        }
    });
    let mut done = BTreeSet::new();
    while let Some(name) = pending.pop() {
        if !done.insert(name.clone()) {
            continue;
        }
        let Some(schema) = document.pointer_mut(&format!("/components/schemas/{name}")) else { continue };
        if schema.get("properties").is_some()
            && let Some(object) = schema.as_object_mut()
        {
            object.entry("additionalProperties").or_insert(json!(false));
        }
        collect_refs(schema, &mut pending);
    }
}

/// Every answer carries the request's id; the errors' own are described with them.
fn request_ids(document: &mut Value) {
    each_operation(document, |_, _, operation| {
        let responses =
            operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
        for response in responses.filter_map(Value::as_object_mut).filter(|r| !r.contains_key("$ref")) {
            let headers = response.entry("headers").or_insert_with(|| json!({}));
            if let Some(headers) = headers.as_object_mut() {
                headers.insert("X-Request-ID".into(), json!({ "$ref": "#/components/headers/X-Request-ID" }));
            }
        }
    });
}

/// Calls `act` with path, method and definition of every operation.
fn each_operation(document: &mut Value, mut act: impl FnMut(&str, &str, &mut Map<String, Value>)) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                act(path, method, operation);
            }
        }
    }
}

/// Adds components of a kind.
fn insert_component(document: &mut Value, kind: &str, more: Map<String, Value>) {
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut)
        && let Some(there) = components.entry(kind).or_insert_with(|| json!({})).as_object_mut()
    {
        there.extend(more);
    }
}

/// The generator shouts header names.
fn header_names(document: &mut Value) {
    each_operation(document, |_, _, operation| {
        let responses =
            operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
        for headers in responses.filter_map(|r| r.get_mut("headers")?.as_object_mut()) {
            for (shouted, name) in
                [("CONTENT-DISPOSITION", "Content-Disposition"), ("LOCATION", "Location"), ("SET-COOKIE", "Set-Cookie")]
            {
                if let Some(header) = headers.remove(shouted) {
                    headers.insert(name.into(), header);
                }
            }
        }
    });
}

/// Which credentials each group wants (SPEC §4): by path, as the guard enforces it, so that no operation can be forgotten. And which
/// roles an administrator needs, by the guard's own table.
fn secure(document: &mut Value) {
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        components.insert(
            "securitySchemes".into(),
            json!({
                "gateway": { "type": "http", "scheme": "bearer", "description": "BACKEND_GATEWAY_TOKEN" },
                "user": {
                    "type": "apiKey", "in": "header", "name": "X-User-ID",
                    "description": "The user on whose behalf the gateway calls"
                },
                "administrator": { "type": "http", "scheme": "basic", "description": "A row of admin_accounts" },
                "administratorSession": {
                    "type": "apiKey", "in": "cookie", "name": COOKIE,
                    "description": "What `POST /api/v1/admin/auth/sign-in` sets"
                },
                "administratorToken": {
                    "type": "http", "scheme": "bearer", "description": "What `POST /api/v1/admin/auth/tokens` makes"
                },
            }),
        );
    }
    each_operation(document, |path, _, operation| {
        let security = match Group::of(path) {
            Group::User => json!([{ "gateway": [], "user": [] }]),
            Group::Internal => json!([{ "gateway": [] }]),
            Group::Admin => {
                json!([{ "administrator": [] }, { "administratorSession": [] }, { "administratorToken": [] }])
            }
            // Said, and not only left out: nobody has forgotten them.
            Group::Public | Group::AdminDoor | Group::Open => json!([]),
        };
        operation.insert("security".into(), security);
        if let Some(right) = operation.get("operationId").and_then(Value::as_str).and_then(rights::of) {
            operation.insert("x-galaxy-roles".into(), right.roles.texts().into());
        }
    });
}
