//! OpenAPI 3.0 schemas as JSON Schema.
//!
//! OpenAPI 3.0 has a dialect of its own: `nullable` instead of a null type, boolean `exclusiveMinimum`, and siblings of
//! a `$ref` that count for nothing.

use serde_json::{Map, Value, json};

/// Words that are no assertions in OpenAPI, and mean something else, or nothing, to a JSON Schema validator.
const ANNOTATIONS: [&str; 8] =
    ["discriminator", "example", "xml", "externalDocs", "deprecated", "readOnly", "writeOnly", "nullable"];

/// The same schema in JSON Schema 2020-12. References keep their targets.
pub(super) fn to_json_schema(schema: &Value) -> Value {
    let Value::Object(schema) = schema else { return schema.clone() };
    if let Some(target) = schema.get("$ref") {
        return json!({ "$ref": target });
    }
    let mut out = Map::new();
    for (word, value) in schema {
        let value = match word.as_str() {
            word if ANNOTATIONS.contains(&word) => continue,
            "properties" | "patternProperties" => map_values(value),
            "items" | "additionalProperties" | "not" => to_json_schema(value),
            "allOf" | "anyOf" | "oneOf" => {
                Value::Array(value.as_array().into_iter().flatten().map(to_json_schema).collect())
            }
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => continue,
            _ => value.clone(),
        };
        out.insert(word.clone(), value);
    }
    for (limit, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        if schema.get(exclusive) == Some(&Value::Bool(true))
            && let Some(bound) = out.remove(limit)
        {
            out.insert(exclusive.to_owned(), bound);
        }
    }
    if schema.get("nullable") == Some(&Value::Bool(true)) {
        return json!({ "anyOf": [{ "type": "null" }, out] });
    }
    Value::Object(out)
}

/// Each value of an object, converted.
pub(super) fn map_values(object: &Value) -> Value {
    let entries = object.as_object().into_iter().flatten();
    Value::Object(entries.map(|(name, schema)| (name.clone(), to_json_schema(schema))).collect())
}
