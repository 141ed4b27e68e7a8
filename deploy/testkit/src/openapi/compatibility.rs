//! Whether a document keeps what an earlier one promised to its clients.
//!
//! The earlier one is the **baseline**, `api-server/openapi.baseline.json`: the document without its words and examples.
//! `cargo xtask gen` adds to it whatever is new, and refuses to take anything away (docs/contract.md says how a deliberate
//! break is accepted).
//!
//! | breaks a client that sends | breaks a client that reads |
//! | --- | --- |
//! | an operation, parameter, field or media type is gone | a success status, media type, header or field is gone |
//! | something is required that was not | a field may be absent or null that might not |
//! | a type, format or pattern is another, a bound is tighter, a word of an enum is gone | a type or format is another |
//! | other credentials are wanted, or an `operationId` is another: generated clients name their calls by it | |
//!
//! New operations, optional parameters, fields in answers, statuses of errors and words of enums in answers break nobody:
//! clients ignore fields and words that they do not know.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

/// Formats that stand for a type in clients' languages. The others only name a kind of text.
const FORMATS: [&str; 12] =
    ["uuid", "date-time", "date", "byte", "binary", "float", "double", "int32", "int64", "uint16", "uint32", "uint64"];

/// Which side writes what a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Written {
    /// The client does: it must not be refused what it may send today.
    ByClient,
    /// The server does: a client must find what it finds today.
    ByServer,
}

/// Judges `document` by `baseline`, and where it keeps every promise, or `accept` says that it need not, makes it the new
/// baseline. Answers the breaks.
///
/// # Errors
/// A file that cannot be read or written. A missing baseline is no fault: everything is new.
pub fn keep_baseline(document: &Path, baseline: &Path, accept: bool) -> Result<Vec<String>> {
    let read = |path: &Path| -> Result<Value> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    };
    let after = outline(&read(document)?);
    let found = if baseline.exists() { breaks(&read(baseline)?, &after) } else { Vec::new() };
    if found.is_empty() || accept {
        std::fs::write(baseline, format!("{after:#}\n")).with_context(|| baseline.display().to_string())?;
    }
    Ok(found)
}

/// The document without what promises nothing: words, examples, links.
pub fn outline(document: &Value) -> Value {
    const WORDS: [&str; 8] = ["description", "summary", "example", "examples", "links", "tags", "info", "deprecated"];
    /// Below these, members are names that somebody chose.
    const NAMES: [&str; 5] = ["properties", "schemas", "responses", "headers", "paths"];
    fn strip(value: &Value, names: bool) -> Value {
        match value {
            Value::Object(object) => {
                let kept = object.iter().filter(|(name, _)| names || !WORDS.contains(&name.as_str()));
                Value::Object(
                    kept.map(|(name, value)| (name.clone(), strip(value, !names && NAMES.contains(&name.as_str()))))
                        .collect(),
                )
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| strip(item, false)).collect()),
            other => other.clone(),
        }
    }
    strip(document, false)
}

/// What a client of `before` could not rely on any more with `after`.
pub fn breaks(before: &Value, after: &Value) -> Vec<String> {
    let mut judge = Judge { before, after, compared: HashSet::new(), found: Vec::new() };
    let theirs = operations(after);
    for (name, was) in operations(before) {
        match theirs.get(&name) {
            Some(is) => judge.operation(&name, was, is),
            None => judge.found.push(format!("{name}: the operation is gone")),
        }
    }
    judge.found
}

/// By `METHOD path`.
fn operations(document: &Value) -> BTreeMap<String, &Value> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
        })
        .collect()
}

struct Judge<'a> {
    before: &'a Value,
    after: &'a Value,
    /// Pairs of components that were compared or are being compared: schemas may contain themselves.
    compared: HashSet<(String, String, Written)>,
    found: Vec<String>,
}

impl Judge<'_> {
    fn operation(&mut self, name: &str, was: &Value, is: &Value) {
        if was["operationId"] != is["operationId"] {
            self.found.push(format!("{name}: operationId was {}, is {}", was["operationId"], is["operationId"]));
        }
        let ways = |security: &Value| security.as_array().cloned().unwrap_or_default();
        let (before, after) = (ways(&was["security"]), ways(&is["security"]));
        // One more way in breaks nobody; one that is gone, or any where there was none, does.
        if !after.is_empty() && (before.is_empty() || before.iter().any(|way| !after.contains(way))) {
            self.found.push(format!("{name}: wants {}, wanted {}", is["security"], was["security"]));
        }
        self.parameters(name, was, is);
        self.request(name, &was["requestBody"], &is["requestBody"]);
        self.responses(name, was, is);
    }

    fn parameters(&mut self, name: &str, was: &Value, is: &Value) {
        let by_place = |operation: &Value| -> BTreeMap<String, Value> {
            let all = operation["parameters"].as_array().into_iter().flatten();
            all.map(|p| (format!("{} parameter {}", text(&p["in"]), text(&p["name"])), p.clone())).collect()
        };
        let (was, is) = (by_place(was), by_place(is));
        for (place, parameter) in &was {
            let Some(now) = is.get(place) else {
                self.found.push(format!("{name}: {place} is gone"));
                continue;
            };
            if now["required"] == Value::Bool(true) && parameter["required"] != Value::Bool(true) {
                self.found.push(format!("{name}: {place} is required now"));
            }
            self.schema(&format!("{name}: {place}"), &parameter["schema"], &now["schema"], Written::ByClient);
        }
        for (place, parameter) in is.iter().filter(|(place, _)| !was.contains_key(*place)) {
            if parameter["required"] == Value::Bool(true) {
                self.found.push(format!("{name}: {place} is new and required"));
            }
        }
    }

    fn request(&mut self, name: &str, was: &Value, is: &Value) {
        if was.is_null() && is["required"] == Value::Bool(true) {
            self.found.push(format!("{name}: a body is required now"));
        }
        if !was.is_null() && is.is_null() {
            self.found.push(format!("{name}: takes no body any more"));
            return;
        }
        self.contents(&format!("{name}: request"), was, is, Written::ByClient);
    }

    fn responses(&mut self, name: &str, was: &Value, is: &Value) {
        for (status, response) in was["responses"].as_object().into_iter().flatten() {
            let (response, now) = (resolve(self.before, response), resolve(self.after, &is["responses"][status]));
            let at = format!("{name}: {status}");
            if now.is_null() {
                // An error that cannot happen any more breaks nobody.
                if status.as_str() < "400" {
                    self.found.push(format!("{at} is gone"));
                }
                continue;
            }
            for header in response["headers"].as_object().into_iter().flat_map(Map::keys) {
                if now["headers"].get(header).is_none() {
                    self.found.push(format!("{at}: the header {header} is gone"));
                }
            }
            self.contents(&at, &response, &now, Written::ByServer);
        }
    }

    fn contents(&mut self, at: &str, was: &Value, is: &Value, written: Written) {
        for (kind, media) in was["content"].as_object().into_iter().flatten() {
            match is["content"].get(kind) {
                Some(now) => self.schema(at, &media["schema"], &now["schema"], written),
                None => self.found.push(format!("{at}: {kind} is gone")),
            }
        }
    }

    fn schema(&mut self, at: &str, was: &Value, is: &Value, written: Written) {
        let (was, is) = (&plain(was), &plain(is));
        let referenced_twice = referenced(was).zip(referenced(is));
        if let Some((was, is)) = referenced_twice {
            // What stands beside the reference is compared each time, the component once.
            self.nullable(at, written, was.1, is.1);
            if !self.compared.insert((was.0.to_owned(), is.0.to_owned(), written)) {
                return;
            }
        }
        let (was, is) = (resolve(self.before, was), resolve(self.after, is));
        let (was, is) = (plain(&merged(self.before, &was)), plain(&merged(self.after, &is)));
        let mut broken = |what: String| self.found.push(format!("{at}: {what}"));
        if was["type"] != is["type"] {
            let widened = written == Written::ByClient
                && (is["type"].is_null() || is["type"] == "number" && was["type"] == "integer");
            let narrowed = written == Written::ByServer
                && (was["type"].is_null() || is["type"] == "integer" && was["type"] == "number");
            if !widened && !narrowed {
                return broken(format!("the type was {}, is {}", was["type"], is["type"]));
            }
        }
        let format = was["format"].as_str().unwrap_or_default();
        if FORMATS.contains(&format) && was["format"] != is["format"] {
            broken(format!("the format was {}, is {}", was["format"], is["format"]));
        }
        if written == Written::ByClient {
            tighter(&was, &is).into_iter().for_each(&mut broken);
        }
        if referenced_twice.is_none() {
            self.nullable(at, written, null(&was), null(&is));
        }
        self.properties(at, &was, &is, written);
        for part in ["items", "additionalProperties"] {
            if was[part].is_object() && is[part].is_object() {
                self.schema(&format!("{at}/{part}"), &was[part], &is[part], written);
            }
        }
    }

    fn nullable(&mut self, at: &str, written: Written, was: bool, is: bool) {
        match written {
            Written::ByClient if was && !is => self.found.push(format!("{at}: may not be null any more")),
            Written::ByServer if !was && is => self.found.push(format!("{at}: may be null now")),
            _ => {}
        }
    }

    fn properties(&mut self, at: &str, was: &Value, is: &Value, written: Written) {
        let required = |schema: &Value| -> BTreeSet<String> {
            schema["required"].as_array().into_iter().flatten().map(text).collect()
        };
        let (required_before, required_now) = (required(was), required(is));
        for (field, property) in was["properties"].as_object().into_iter().flatten() {
            match is["properties"].get(field) {
                Some(now) => self.schema(&format!("{at}/{field}"), property, now, written),
                None => self.found.push(format!("{at}/{field} is gone")),
            }
        }
        match written {
            Written::ByClient => {
                for field in required_now.difference(&required_before) {
                    self.found.push(format!("{at}/{field} is required now"));
                }
            }
            Written::ByServer => {
                for field in required_before.difference(&required_now) {
                    if is["properties"].get(field).is_some() {
                        self.found.push(format!("{at}/{field} may be absent now"));
                    }
                }
            }
        }
    }
}

/// What a client may not send any more.
fn tighter(was: &Value, is: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let upper = ["maximum", "maxLength", "maxItems", "maxProperties"].map(|word| (word, 1.0));
    let lower = ["minimum", "minLength", "minItems", "minProperties"].map(|word| (word, -1.0));
    for (word, sign) in upper.into_iter().chain(lower) {
        if let Some(now) = is[word].as_f64()
            && was[word].as_f64().is_none_or(|before| sign * now < sign * before)
        {
            found.push(format!("{word} was {}, is {now}", was[word]));
        }
    }
    if !is["pattern"].is_null() && was["pattern"] != is["pattern"] {
        found.push(format!("the pattern was {}, is {}", was["pattern"], is["pattern"]));
    }
    if let Some(words) = is["enum"].as_array() {
        match was["enum"].as_array() {
            None => found.push("takes only some words now".into()),
            Some(before) => {
                found.extend(before.iter().filter(|word| !words.contains(word)).map(|word| format!("{word} is gone")));
            }
        }
    }
    found
}

fn null(schema: &Value) -> bool {
    schema["nullable"] == Value::Bool(true)
}

/// The schema with `nullable` as OpenAPI 3.0 has it, in whichever dialect it is written: a baseline may be older than the
/// document, and saying the same thing anew breaks nobody.
fn plain(schema: &Value) -> Value {
    let Some(object) = schema.as_object() else { return schema.clone() };
    let mut object = object.clone();
    let pair = |word: &str| Some(schema[word].as_array()?.as_slice());
    let other = |pair: Option<&[Value]>, is_null: fn(&Value) -> bool| match pair {
        Some([null, other] | [other, null]) if is_null(null) => Some(other.clone()),
        _ => None,
    };
    if let Some(kind) = other(pair("type"), |kind| kind == "null") {
        object.insert("type".into(), kind);
        object.insert("nullable".into(), true.into());
    }
    if let Some(part) = other(pair("anyOf"), |part| part["type"] == "null") {
        object.remove("anyOf");
        object.insert("allOf".into(), Value::Array(vec![part]));
        object.insert("nullable".into(), true.into());
    }
    Value::Object(object)
}

/// The component that a schema refers to, by itself or as the one part of `allOf`, and whether null may stand in its place.
fn referenced(schema: &Value) -> Option<(&str, bool)> {
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let mut targets = std::iter::once(schema).chain(parts).filter_map(|part| part["$ref"].as_str());
    let target = targets.next()?;
    // The schema of a problem is a component narrowed by another part, and is compared as a whole.
    let narrowed =
        schema["allOf"].as_array().is_some_and(|parts| parts.iter().any(|part| part["properties"].is_object()));
    (!narrowed).then_some((target, null(schema)))
}

/// Follows references.
fn resolve(document: &Value, value: &Value) -> Value {
    let mut value = value;
    while let Some(target) = value["$ref"].as_str() {
        value = target.strip_prefix('#').and_then(|pointer| document.pointer(pointer)).unwrap_or(&Value::Null);
    }
    value.clone()
}

/// The schema with the parts of `allOf` in it.
fn merged(document: &Value, schema: &Value) -> Value {
    let mut whole = schema.as_object().cloned().unwrap_or_default();
    for part in whole.remove("allOf").iter().flat_map(|parts| parts.as_array().cloned().unwrap_or_default()) {
        let part = merged(document, &resolve(document, &part));
        for (word, value) in part.as_object().into_iter().flatten() {
            match (whole.get_mut(word), value) {
                (Some(Value::Object(there)), Value::Object(more)) => there.extend(more.clone()),
                (Some(Value::Array(there)), Value::Array(more)) if word == "required" => there.extend(more.clone()),
                (Some(_), _) => {}
                (None, _) => drop(whole.insert(word.clone(), value.clone())),
            }
        }
    }
    Value::Object(whole)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
