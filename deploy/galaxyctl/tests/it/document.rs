//! The table of commands against the API's document.

use std::collections::BTreeSet;

use galaxyctl::commands;
use serde_json::Value;

fn document() -> Value {
    let path = testkit::workspace_root().join("api-server/openapi.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The schema that a reference leads to, or the value itself.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let named = schema.get("$ref").and_then(Value::as_str).map(|path| path.trim_start_matches('#'));
    named.map_or(schema, |pointer| document.pointer(pointer).unwrap())
}

fn body<'a>(document: &'a Value, content: &'a Value) -> &'a Value {
    resolved(document, &content.as_object().unwrap().values().next().unwrap()["schema"])
}

#[test]
fn every_command_asks_for_what_the_document_has() {
    let document = document();
    for spec in commands::all() {
        let words = spec.words.join(" ");
        let operation = &document["paths"][format!("/api/v1/admin{}", spec.path)][spec.method.to_lowercase()];
        assert!(operation.is_object(), "{words}: there is no {} {}", spec.method, spec.path);
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let named = |place: &str| -> BTreeSet<String> {
            let here = parameters.iter().filter(|parameter| parameter["in"] == place);
            here.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(spec.arguments().map(str::to_owned).collect::<BTreeSet<_>>(), named("path"), "{words}");
        let paging = if spec.is_list() { vec!["limit", "cursor"] } else { Vec::new() };
        let asked = spec.query.iter().chain(spec.told()).copied().chain(paging);
        let asked: BTreeSet<String> = asked.map(str::to_owned).collect();
        assert_eq!(asked, named("query"), "{words}");
        let answer = &operation["responses"]["200"]["content"];
        let schema = body(&document, answer);
        assert_eq!(spec.is_list(), schema["properties"].get("items").is_some(), "{words} answers a list");
        for column in spec.columns {
            let item = resolved(&document, &schema["properties"]["items"]["items"]);
            let first = column.split('.').next().unwrap();
            assert!(item["properties"].get(first).is_some(), "{words}: a row has no {column}");
        }
        let content = operation["requestBody"].get("content");
        assert_eq!(content.is_some(), !spec.body.is_empty() || !spec.filter.is_empty(), "{words} has a body");
        let Some(content) = content else { continue };
        let properties = &body(&document, content)["properties"];
        for member in spec.body {
            assert!(properties.get(member).is_some(), "{words}: the body has no {member}");
        }
        if !spec.filter.is_empty() {
            let filter = resolved(&document, &properties["filter"])["properties"].as_object().unwrap();
            let members: BTreeSet<&str> = filter.keys().map(String::as_str).collect();
            assert_eq!(spec.filter.iter().copied().collect::<BTreeSet<_>>(), members, "{words}");
        }
    }
}

#[test]
fn no_two_commands_have_the_same_words() {
    let words: BTreeSet<_> = commands::all().map(|spec| spec.words).collect();
    assert_eq!(words.len(), commands::all().count());
}
