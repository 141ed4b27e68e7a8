//! From OpenAPI 3.0, which poem-openapi writes, to OpenAPI 3.1, whose schemas are JSON Schema: the last step.
//!
//! | in 3.0 | in 3.1 | why |
//! | --- | --- | --- |
//! | `type: string, nullable: true` | `type: [string, "null"]` | validators know no `nullable` |
//! | `allOf: [$ref, {description}], nullable: true` | `anyOf: [$ref, {type: "null"}]`, `description` | 3.0 lets no `$ref` be null |
//! | `allOf: [$ref, {description}]` | `$ref`, `description` | generators merge the parts of `allOf`, and drop what is no object |
//! | `example` | `examples` | the former is no word of JSON Schema |
//! | `minimum`, `exclusiveMinimum: true` | `exclusiveMinimum` | a bound of its own |

use serde_json::{Map, Value, json};

/// The version that the document says it is written in.
const VERSION: &str = "3.1.0";

/// Rewrites the document.
pub(super) fn modernise(document: &mut Value) {
    if let Some(document) = document.as_object_mut() {
        document.insert("openapi".into(), VERSION.into());
    }
    let components = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    components.into_iter().flat_map(Map::values_mut).for_each(schema);
    if let Some(paths) = document.get_mut("paths") {
        schemas_below(paths);
    }
    for kind in ["responses", "headers"] {
        if let Some(components) = document.pointer_mut(&format!("/components/{kind}")) {
            schemas_below(components);
        }
    }
}

/// Rewrites each member `schema`. Examples are values and may have any members.
fn schemas_below(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "schema" => schema(member),
                    "example" | "examples" => {}
                    _ => schemas_below(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(schemas_below),
        _ => {}
    }
}

fn schema(value: &mut Value) {
    let Some(schema_of) = value.as_object_mut() else { return };
    for (word, member) in schema_of.iter_mut() {
        match word.as_str() {
            "properties" => member.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(schema),
            "items" | "additionalProperties" | "not" => schema(member),
            "allOf" | "anyOf" | "oneOf" => member.as_array_mut().into_iter().flatten().for_each(schema),
            _ => {}
        }
    }
    plain_reference(schema_of);
    if let Some(example) = schema_of.remove("example") {
        schema_of.insert("examples".into(), json!([example]));
    }
    for (bound, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        match schema_of.get(exclusive).and_then(Value::as_bool) {
            Some(true) => {
                schema_of.remove(exclusive);
                if let Some(bound) = schema_of.remove(bound) {
                    schema_of.insert(exclusive.into(), bound);
                }
            }
            Some(false) => drop(schema_of.remove(exclusive)),
            None => {}
        }
    }
    if schema_of.remove("nullable") == Some(Value::Bool(true)) {
        or_null(schema_of);
    }
}

/// An `allOf` of one reference and words is that reference, and the words stand beside it.
fn plain_reference(schema: &mut Map<String, Value>) {
    let is_words = |part: &Value| part.as_object().is_some_and(|p| p.keys().all(|word| word == "description"));
    let Some(parts) = schema.get("allOf").and_then(Value::as_array) else { return };
    let (words, rest): (Vec<&Value>, Vec<&Value>) = parts.iter().partition(|part| is_words(part));
    let target = match rest.as_slice() {
        [only] => only.as_object().filter(|p| p.len() == 1).and_then(|p| p.get("$ref")).cloned(),
        _ => None,
    };
    let Some(target) = target else { return };
    let description = words.first().and_then(|part| part.get("description")).cloned();
    schema.remove("allOf");
    schema.insert("$ref".into(), target);
    if let Some(description) = description {
        schema.entry("description").or_insert(description);
    }
}

/// Lets null stand in the schema's place.
fn or_null(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get("type").filter(|kind| kind.is_string()).cloned() {
        schema.insert("type".into(), json!([kind, "null"]));
    } else if let Some(target) = schema.remove("$ref") {
        schema.insert("anyOf".into(), json!([{ "$ref": target }, { "type": "null" }]));
    }
    // What has no type takes any value, null too.
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_the_older_dialect_has_one_in_the_newer() {
        for (older, newer) in [
            (json!({ "type": "string", "nullable": true }), json!({ "type": ["string", "null"] })),
            (
                json!({ "type": "string", "nullable": false, "example": "a" }),
                json!({ "type": "string", "examples": ["a"] }),
            ),
            (json!({ "description": "anything", "nullable": true }), json!({ "description": "anything" })),
            (
                json!({ "allOf": [{ "$ref": "#/a" }, { "description": "one" }], "example": 1 }),
                json!({ "$ref": "#/a", "description": "one", "examples": [1] }),
            ),
            (
                json!({ "allOf": [{ "$ref": "#/a" }, { "description": "one" }], "nullable": true }),
                json!({ "anyOf": [{ "$ref": "#/a" }, { "type": "null" }], "description": "one" }),
            ),
            (
                json!({ "allOf": [{ "$ref": "#/a" }, { "properties": { "b": { "type": "null", "example": 1 } } }] }),
                json!({ "allOf": [{ "$ref": "#/a" }, { "properties": { "b": { "type": "null", "examples": [1] } } }] }),
            ),
            (
                json!({ "type": "array", "items": { "type": "integer", "minimum": 0, "exclusiveMinimum": true } }),
                json!({ "type": "array", "items": { "type": "integer", "exclusiveMinimum": 0 } }),
            ),
        ] {
            let mut value = older.clone();
            schema(&mut value);
            assert_eq!(value, newer, "{older}");
        }
    }

    #[test]
    fn an_example_is_a_value_and_stays_what_it_is() {
        let mut document = json!({ "paths": { "/a": { "get": { "responses": { "200": { "content": { "application/json": {
            "schema": { "type": "object", "nullable": true },
            "example": { "schema": { "nullable": true } },
        } } } } } } } });
        modernise(&mut document);
        let media = document.pointer("/paths/~1a/get/responses/200/content/application~1json").unwrap();
        assert_eq!(
            media,
            &json!({
                "schema": { "type": ["object", "null"] },
                "example": { "schema": { "nullable": true } },
            })
        );
    }
}
