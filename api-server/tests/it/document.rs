//! The committed document is what this build says, and says it in full: words, examples that fit, and nothing taken away.

use serde_json::{Map, Value};
use testkit::openapi::{Contract, compatibility};

const TABLE: &str = "api-server/src/http/document/examples.json";

#[test]
fn the_committed_document_is_fresh() {
    let path = testkit::workspace_root().join("api-server/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap();
    let fresh = api_server::http::openapi_text().unwrap();
    if committed != fresh {
        let kept = testkit::state_dir().join("openapi.json");
        std::fs::write(&kept, &fresh).unwrap();
        panic!("api-server/openapi.json is stale: `cargo xtask gen` writes it anew, as {}", kept.display());
    }
}

#[test]
fn the_document_keeps_what_the_baseline_promises() {
    let path = testkit::workspace_root().join("api-server/openapi.baseline.json");
    let baseline = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let broken = compatibility::breaks(&baseline, &compatibility::outline(crate::harness::contract().document()));
    assert!(broken.is_empty(), "clients break (docs/contract.md says what to do):\n  {}", broken.join("\n  "));
}

#[test]
fn every_operation_has_an_id_of_its_own_and_a_group() {
    let contract = crate::harness::contract();
    let mut ids: Vec<&str> = contract.operations().iter().map(|o| o.id.as_str()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(!ids.contains(&""));
    assert!(contract.operations().iter().all(|o| o.tags.len() == 1 && o.path.starts_with("/api/v1/")));
}

/// Gathers everything that lacks something, so that one run names it all.
struct Reader<'a> {
    contract: &'a Contract,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn follow<'v>(&'v self, value: &'v Value) -> &'v Value {
        let target = value["$ref"].as_str().and_then(|t| self.contract.document().pointer(t.strip_prefix('#')?));
        target.unwrap_or(value)
    }

    fn words(&mut self, at: &str, holder: &Value) {
        if holder["description"].as_str().is_none_or(|words| words.trim().is_empty()) {
            self.faults.push(format!("{at} has no description: a doc comment in the code gives it"));
        }
    }

    fn example(&mut self, at: &str, schema: &Value, example: &Value) {
        if example.is_null() {
            self.faults.push(format!("{at} has no example: give its field one in {TABLE}"));
            return;
        }
        if let Err(fault) = self.contract.check_value(&format!("the example of {at}"), schema, example) {
            self.faults.push(format!("{fault:#}"));
        }
        if schema["format"] == "date-time" && !example.as_str().is_some_and(|time| time.ends_with('Z')) {
            self.faults.push(format!("the example of {at} is no time in UTC: {example}"));
        }
        self.ids(at, example);
    }

    /// Whatever looks like an id in an example is one that this API could give out.
    fn ids(&mut self, at: &str, example: &Value) {
        match example {
            Value::String(text) if uuid::Uuid::parse_str(text).is_ok_and(|id| id.get_version_num() != 7) => {
                self.faults.push(format!("the example of {at} holds a UUID that is none of version 7: {text}"));
            }
            Value::Array(items) => items.iter().for_each(|item| self.ids(at, item)),
            Value::Object(members) => members.values().for_each(|member| self.ids(at, member)),
            _ => {}
        }
    }

    fn component(&mut self, name: &str, schema: &Value) {
        self.words(name, schema);
        self.example(name, schema, &schema["examples"][0]);
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let at = format!("{name}.{field}");
            self.words(&at, property);
            self.example(&at, property, &property["examples"][0]);
            if schema["examples"][0].get(field).is_none() {
                self.faults.push(format!("the example of {name} lacks {field}: {TABLE}"));
            }
        }
    }

    fn content(&mut self, at: &str, holder: &Value) {
        for media in holder["content"].as_object().into_iter().flat_map(Map::values) {
            let named: Vec<Value> = media["examples"]
                .as_object()
                .into_iter()
                .flat_map(Map::values)
                .map(|example| self.follow(example)["value"].clone())
                .collect();
            if named.is_empty() {
                self.example(at, &media["schema"], &media["example"]);
            }
            for example in named {
                self.example(at, &media["schema"], &example);
            }
        }
    }

    fn operation(&mut self, name: &str, spec: &Value) {
        self.words(name, spec);
        if spec["summary"].as_str().is_none_or(str::is_empty) {
            self.faults.push(format!("{name} has no summary"));
        }
        for parameter in spec["parameters"].as_array().into_iter().flatten() {
            let at = format!("{name}: {}", parameter["name"]);
            self.words(&at, parameter);
            self.example(&at, &parameter["schema"], &parameter["example"]);
        }
        self.content(&format!("{name}: the body"), &spec["requestBody"]);
        for (status, response) in spec["responses"].as_object().into_iter().flatten() {
            let response = self.follow(response).clone();
            let at = format!("{name}: {status}");
            self.words(&at, &response);
            self.content(&at, &response);
            for (header, definition) in response["headers"].as_object().into_iter().flatten() {
                let definition = self.follow(definition).clone();
                let at = format!("{at}: {header}");
                self.words(&at, &definition);
                self.example(&at, &definition["schema"], &definition["example"]);
            }
        }
    }
}

#[test]
fn everything_has_words_and_an_example_that_fits() {
    let contract = crate::harness::contract();
    let mut reader = Reader { contract: &contract, faults: Vec::new() };
    for (name, schema) in contract.document()["components"]["schemas"].as_object().unwrap() {
        reader.component(name, schema);
    }
    for (path, item) in contract.document()["paths"].as_object().unwrap() {
        for (method, spec) in item.as_object().unwrap() {
            reader.operation(&format!("{} {path}", method.to_uppercase()), spec);
        }
    }
    let faults = reader.faults;
    assert!(faults.is_empty(), "{} places:\n  {}", faults.len(), faults.join("\n  "));
}

#[test]
fn every_link_leads_to_an_operation_with_what_it_wants() {
    let contract = crate::harness::contract();
    let mut links = 0;
    for operation in contract.operations() {
        for (from, response) in operation.spec()["responses"].as_object().unwrap() {
            for link in response["links"].as_object().into_iter().flat_map(Map::values) {
                let id = link["operationId"].as_str().unwrap();
                let target = contract.operations().iter().find(|o| o.id == id).unwrap_or_else(|| panic!("no {id}"));
                let given = link["parameters"].as_object().unwrap();
                let wanted = target.path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
                assert!(wanted.clone().all(|name| given.contains_key(name)), "{} {from} → {id}", operation.name());
                links += 1;
            }
        }
    }
    assert!(links >= 20, "{links}");
}
