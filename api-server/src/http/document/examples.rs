//! Examples and the words that the generator has no place for, from one table (`examples.json`).
//!
//! The table gives one example a field; those of objects, pages, requests and answers are put together from them, so that
//! they agree with each other. A test names each field that has none.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{each_operation, insert_component, words};
use crate::http::request::page::{DEFAULT_LIMIT, MAX_LIMIT};

/// The table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Examples {
    /// By `field`, or by `Object.field` where that object's differs.
    fields: BTreeMap<String, Value>,
    /// What a parameter is, where the operation itself does not say.
    parameters: BTreeMap<String, String>,
    /// The kind of text that a field or parameter takes, for those who generate or check requests.
    formats: BTreeMap<String, String>,
    /// Which fields and parameters have a word of which set ([`super::words`]): `Object.field` or `operation.parameter`, by the set's name.
    words: BTreeMap<String, Vec<String>>,
    /// Answers in the engine's own JSON, by operation.
    answers: BTreeMap<String, Value>,
    #[serde(skip)]
    sets: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Examples {
    /// Reads the table.
    ///
    /// # Errors
    /// When it is no JSON of this shape, or names a set of words that there is not: a bug.
    pub(super) fn read() -> anyhow::Result<Self> {
        let mut table: Self = serde_json::from_str(include_str!("examples.json")).context("examples.json")?;
        table.sets = words::sets();
        let unknown = table.words.keys().find(|set| !table.sets.contains_key(set.as_str())).cloned();
        anyhow::ensure!(unknown.is_none(), "examples.json: there is no set of words {unknown:?}");
        Ok(table)
    }

    /// The words that a text at this place is one of.
    fn words(&self, place: &str) -> Option<&[&'static str]> {
        let (set, _) = self.words.iter().find(|(_, places)| places.iter().any(|other| other == place))?;
        self.sets.get(set.as_str()).map(Vec::as_slice)
    }

    /// The example of a field.
    pub(super) fn field(&self, object: &str, field: &str) -> Option<&Value> {
        self.fields.get(&format!("{object}.{field}")).or_else(|| self.fields.get(field))
    }

    /// The example of a component, put together.
    fn object(&self, schemas: &Value, name: &str) -> Option<Value> {
        let schema = schemas.get(name)?;
        if let Some(word) = schema.get("enum").and_then(|words| words.get(0)) {
            return Some(word.clone());
        }
        let properties = schema.get("properties")?.as_object()?;
        let members = properties.iter().filter_map(|(field, property)| {
            // Where something was not at fault or not filled in, the member is left out.
            Some((field.clone(), self.member(schemas, name, field, property)?))
        });
        Some(Value::Object(members.collect()))
    }

    /// The example of a property as it stands in its object.
    fn member(&self, schemas: &Value, object: &str, field: &str, property: &Value) -> Option<Value> {
        if let Some(own) = self.fields.get(&format!("{object}.{field}")) {
            return Some(own.clone());
        }
        if let Some(name) = referenced(property) {
            return self.object(schemas, name);
        }
        if let Some(name) = property.get("items").and_then(referenced) {
            return Some(json!([self.object(schemas, name)?]));
        }
        self.fields.get(field).cloned()
    }
}

/// The component that a property refers to.
fn referenced(property: &Value) -> Option<&str> {
    let parts = property.get("allOf").and_then(Value::as_array).into_iter().flatten();
    let target = std::iter::once(property).chain(parts).find_map(|part| part.get("$ref")?.as_str())?;
    target.strip_prefix("#/components/schemas/")
}

/// Puts the examples where readers and tools look for them.
pub(super) fn show(document: &mut Value, examples: &Examples) {
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    let mut objects = Map::new();
    if let Some(all) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        for (name, schema) in all {
            let Some(example) = examples.object(&schemas, name) else { continue };
            let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
            for (field, property) in properties.into_iter().flatten() {
                annotate(examples, name, field, property);
                let own = example.get(field).filter(|own| !own.is_null());
                if let (Some(property), Some(example)) =
                    (property.as_object_mut(), own.or_else(|| examples.fields.get(field)))
                {
                    property.insert("example".into(), example.clone());
                }
            }
            if let Some(object) = schema.as_object_mut() {
                let summary = object.get("description").cloned().unwrap_or_default();
                objects.insert(name.clone(), json!({ "summary": summary, "value": example }));
                object.insert("example".into(), example);
            }
        }
    }
    each_operation(document, |_, _, operation| {
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
        // An export takes what its list takes.
        let list = id.replace("_export_", "_list_");
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            describe_parameter(examples, &list, parameter);
        }
        if let Some(body) = operation.get_mut("requestBody") {
            show_content(body, &objects, None);
        }
        for response in
            operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            show_content(response, &objects, examples.answers.get(&id));
            for (name, header) in response.get_mut("headers").and_then(Value::as_object_mut).into_iter().flatten() {
                if let (Some(header), Some(example)) = (header.as_object_mut(), examples.field(&id, name)) {
                    header.entry("example").or_insert_with(|| example.clone());
                }
            }
        }
    });
    insert_component(document, "examples", objects);
}

/// Takes out the shared examples that nothing shows: of objects that stand only within others, and of errors that no operation
/// answers.
pub(super) fn prune(document: &mut Value) {
    let mut shown = BTreeSet::new();
    shown_below(document, &mut shown);
    if let Some(examples) = document.pointer_mut("/components/examples").and_then(Value::as_object_mut) {
        examples.retain(|name, _| shown.contains(name));
    }
}

fn shown_below(value: &Value, shown: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            shown.extend(target.and_then(|t| t.strip_prefix("#/components/examples/")).map(str::to_owned));
            members.values().for_each(|member| shown_below(member, shown));
        }
        Value::Array(items) => items.iter().for_each(|item| shown_below(item, shown)),
        _ => {}
    }
}

/// Adds an example to a request or to a success, and words to the latter where it has none.
fn show_content(holder: &mut Value, objects: &Map<String, Value>, answer: Option<&Value>) {
    let mut words = None;
    for media in holder.get_mut("content").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        let name = media.get("schema").and_then(referenced).map(str::to_owned);
        let Some(media) = media.as_object_mut().filter(|media| !media.contains_key("examples")) else { continue };
        match name {
            Some(name) => {
                // Of several the first, which is the operation's own.
                words = words.or_else(|| objects.get(&name).and_then(|object| object.get("summary").cloned()));
                let example = json!({ "$ref": format!("#/components/examples/{name}") });
                media.insert("examples".into(), json!({ name: example }));
            }
            None => {
                let own = media.get_mut("schema").and_then(|schema| schema.as_object_mut()?.remove("example"));
                if let Some(answer) = answer.cloned().or(own) {
                    media.insert("example".into(), answer);
                }
            }
        }
    }
    if let (Some(words), Some(holder)) = (words, holder.as_object_mut()) {
        let empty = holder.get("description").and_then(Value::as_str).is_none_or(str::is_empty);
        if empty {
            holder.insert("description".into(), words);
        }
    }
}

fn describe_parameter(examples: &Examples, operation: &str, parameter: &mut Value) {
    let Some(parameter) = parameter.as_object_mut() else { return };
    let Some(name) = parameter.get("name").and_then(Value::as_str).map(str::to_owned) else { return };
    if let Some(words) = examples.parameters.get(&name) {
        parameter.entry("description").or_insert_with(|| words.clone().into());
    }
    if let Some(example) = examples.field(operation, &name) {
        parameter.insert("example".into(), example.clone());
    }
    let Some(schema) = parameter.get_mut("schema") else { return };
    annotate(examples, operation, &name, schema);
    // The parameter is read by hand ([`crate::http::request::page`]), so that its fault is explained like any other.
    if let Some(schema) = schema.as_object_mut().filter(|_| name == "limit") {
        schema.insert("minimum".into(), json!(1));
        schema.insert("maximum".into(), json!(MAX_LIMIT));
        schema.insert("default".into(), json!(DEFAULT_LIMIT));
    }
}

/// Names the kind of text, or lists its words.
fn annotate(examples: &Examples, object: &str, field: &str, schema: &mut Value) {
    let format = examples.formats.get(&format!("{object}.{field}")).or_else(|| examples.formats.get(field));
    if let (Some(format), Some(schema)) = (format, schema.as_object_mut())
        && schema.get("type").and_then(Value::as_str) == Some("string")
    {
        schema.entry("format").or_insert_with(|| format.clone().into());
    }
    let place = format!("{object}.{field}");
    if let (Some(words), Some(schema)) = (examples.words(&place), schema.as_object_mut()) {
        let null = schema.get("nullable").is_some_and(|nullable| *nullable == Value::Bool(true)).then_some(Value::Null);
        let words: Vec<Value> = words.iter().map(|word| Value::from(*word)).chain(null).collect();
        schema.entry("enum").or_insert(words.into());
    }
}
