//! The table of commands against the API's document.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use clap::{ArgMatches, Command};
use galaxyctl::commands::{self, Spec};
use serde_json::{Map, Value};

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

/// The operation that a command calls.
fn operation<'a>(document: &'a Value, spec: &Spec) -> &'a Value {
    &document["paths"][format!("/api/v1/admin{}", spec.path)][spec.method.to_lowercase()]
}

/// A command line, understood.
fn typed(arguments: &[String]) -> ArgMatches {
    let whole = std::iter::once("galaxyctl".to_owned()).chain(arguments.iter().cloned());
    let root = commands::add_to(Command::new("galaxyctl"));
    root.try_get_matches_from(whole).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
}

fn flag(name: &str, value: &str) -> String {
    format!("--{}={value}", name.replace('_', "-"))
}

#[test]
fn every_command_asks_for_what_the_document_has() {
    let document = document();
    for spec in commands::all() {
        let words = spec.words.join(" ");
        let operation = operation(&document, spec);
        assert!(operation.is_object(), "{words}: there is no {} {}", spec.method, spec.path);
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let named = |place: &str| -> BTreeSet<String> {
            let here = parameters.iter().filter(|parameter| parameter["in"] == place);
            here.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(spec.arguments().map(str::to_owned).collect::<BTreeSet<_>>(), named("path"), "{words}");
        assert_eq!(spec.keyed, named("header").contains("Idempotency-Key"), "{words}");
        let paging = if spec.paged { vec!["limit", "cursor"] } else { Vec::new() };
        let asked = spec.query.iter().chain(spec.told()).copied().chain(paging);
        let asked: BTreeSet<String> = asked.map(str::to_owned).collect();
        assert_eq!(asked, named("query"), "{words}");
        let answers = ["200", "201"].map(|status| &operation["responses"][status]["content"]);
        let answer = answers.into_iter().find(|content| !content.is_null()).unwrap();
        let schema = body(&document, answer);
        assert_eq!(spec.is_list(), schema["properties"].get("items").is_some(), "{words} answers a list");
        for column in spec.columns {
            let item = resolved(&document, &schema["properties"]["items"]["items"]);
            let first = column.split('.').next().unwrap();
            assert!(item["properties"].get(first).is_some(), "{words}: a row has no {column}");
        }
        let content = operation["requestBody"].get("content");
        let members: Vec<&str> =
            spec.body.iter().copied().chain(spec.secrets.iter().map(|(_, member)| *member)).collect();
        let filter = (!spec.filter.is_empty()).then_some("filter");
        let any = !members.is_empty() || filter.is_some() || !spec.further.is_empty();
        assert_eq!(content.is_some(), any, "{words} has a body");
        let Some(content) = content else { continue };
        let schema = body(&document, content);
        let properties = &schema["properties"];
        for member in spec.further {
            assert!(properties.get(member).is_some(), "{words}: the body has no {member}");
        }
        let required: BTreeSet<&str> =
            schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(members.into_iter().chain(filter).collect::<BTreeSet<_>>(), required, "{words}");
        if !spec.filter.is_empty() {
            let filter = resolved(&document, &properties["filter"])["properties"].as_object().unwrap();
            let members: BTreeSet<&str> = filter.keys().map(String::as_str).collect();
            assert_eq!(spec.filter.iter().copied().collect::<BTreeSet<_>>(), members, "{words}");
        }
    }
}

#[test]
fn what_is_typed_reaches_the_api_as_the_document_has_it() {
    let document = document();
    let dir = tempfile::tempdir().unwrap();
    for spec in commands::all() {
        let content = &operation(&document, spec)["requestBody"]["content"];
        if content.is_null() {
            continue;
        }
        let properties = &body(&document, content)["properties"];
        let mut arguments: Vec<String> = spec.words.into_iter().chain(spec.arguments()).map(str::to_owned).collect();
        let mut expected = Map::new();
        for name in spec.body.iter().chain(spec.further) {
            let example = &properties[name]["examples"][0];
            let text = match example {
                Value::String(text) => text.clone(),
                Value::Array(words) => words.iter().map(|word| word.as_str().unwrap()).collect::<Vec<_>>().join(","),
                other => other.to_string(),
            };
            arguments.push(flag(name, &text));
            expected.insert((*name).to_owned(), example.clone());
        }
        for (name, member) in spec.secrets {
            let path = dir.path().join(member);
            std::fs::write(&path, "a secret of its own\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            arguments.push(flag(name, path.to_str().unwrap()));
            expected.insert((*member).to_owned(), "a secret of its own".into());
        }
        let matches = typed(&arguments);
        let (chosen, given) = commands::chosen(&matches).unwrap();
        let mut sent = chosen.body(given).unwrap().unwrap();
        sent.as_object_mut().unwrap().remove("filter");
        assert_eq!(sent, Value::Object(expected), "{arguments:?}");
    }
}

#[test]
fn what_is_taken_away_is_null_and_what_is_not_given_is_not_there() {
    let sent = |arguments: &[&str]| {
        let matches = typed(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>());
        let (spec, given) = commands::chosen(&matches).unwrap();
        spec.body(given).unwrap()
    };
    let change = ["engine-versions", "change", "1.0.0", "--title=", "--min-players=null", "--enabled=no"];
    let expected = serde_json::json!({ "title": null, "min_players": null, "enabled": "no" });
    assert_eq!(sent(&change), Some(expected), "what is no JSON goes as it is");
    assert_eq!(sent(&["users", "set-limits", "1"]), Some(serde_json::json!({})));
    assert_eq!(sent(&["games", "pause", "1"]), None);
}

/// Operations without a command, and why.
const WITHOUT: &[(&str, &[&str])] = &[
    (
        "of a session, which is a browser's",
        &["admin_sign_in", "admin_second_factor", "admin_sign_out", "admin_confirm"],
    ),
    ("whoever has a second factor uses the console", &["admin_begin_totp", "admin_confirm_totp"]),
    (
        "the list shows the whole of it",
        &[
            "admin_get_application",
            "admin_get_entitlement",
            "admin_get_game_note",
            "admin_get_membership",
            "admin_get_sanction",
            "admin_get_user_note",
        ],
    ),
    ("there is another one that does the same", &["admin_resend_mail"]),
];

#[test]
fn every_operation_has_a_command_or_a_reason_to_have_none() {
    let document = document();
    let mut without: Vec<&str> = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/api/v1/admin") else { continue };
        for (method, operation) in operations.as_object().unwrap() {
            let calls = |spec: &Spec| spec.path == path && spec.method.eq_ignore_ascii_case(method);
            let takes = |spec: &Spec| spec.csv && path.strip_suffix("/export") == Some(spec.path);
            if !commands::all().any(|spec| calls(spec) || takes(spec)) {
                without.push(operation["operationId"].as_str().unwrap());
            }
        }
    }
    let known: BTreeSet<&str> = WITHOUT.iter().flat_map(|(_, operations)| *operations).copied().collect();
    assert_eq!(without.into_iter().collect::<BTreeSet<_>>(), known);
}

#[test]
fn a_list_is_a_file_of_csv_where_the_document_has_one_by_the_same_filters() {
    let document = document();
    for spec in commands::all().filter(|spec| spec.csv) {
        let export = &document["paths"][format!("/api/v1/admin{}/export", spec.path)]["get"];
        assert!(export["responses"]["200"]["content"]["text/csv"].is_object(), "{:?}", spec.words);
        let parameters = export["parameters"].as_array().unwrap().iter();
        let named: BTreeSet<&str> = parameters.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(spec.query.iter().copied().chain(["cursor"]).collect::<BTreeSet<_>>(), named, "{:?}", spec.words);
    }
}

#[test]
fn no_two_commands_have_the_same_words() {
    let words: BTreeSet<_> = commands::all().map(|spec| spec.words).collect();
    assert_eq!(words.len(), commands::all().count());
}
