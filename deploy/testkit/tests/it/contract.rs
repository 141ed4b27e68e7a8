//! What the judges of the contract find, on a small document.

use serde_json::{Value, json};
use testkit::openapi::{Contract, compatibility, coverage};

fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": { "/things": {
            "get": {
                "operationId": "list_things",
                "security": [{ "gateway": [] }],
                "parameters": [{ "name": "limit", "in": "query", "schema": { "type": "integer", "maximum": 200 } }],
                "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } } }
            },
            "post": {
                "operationId": "create_thing",
                "security": [{ "gateway": [] }],
                "requestBody": {
                    "required": true,
                    "content": { "application/json": { "schema": { "$ref": "#/components/schemas/NewThing" } } }
                },
                "responses": {
                    "201": {
                        "headers": { "Location": { "schema": { "type": "string" } } },
                        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } }
                    },
                    "409": { "$ref": "#/components/responses/busy" },
                    "500": { "content": { "application/problem+json": { "schema": { "allOf": [
                        { "$ref": "#/components/schemas/Problem" }, { "properties": { "code": { "enum": ["internal"] } } }
                    ] } } } }
                }
            }
        } },
        "components": {
            "responses": { "busy": { "description": "busy", "content": { "application/problem+json": { "schema": { "allOf": [
                { "$ref": "#/components/schemas/Problem" },
                { "type": "object", "properties": { "code": { "type": "string", "enum": ["busy", "taken"] } } }
            ] } } } } },
            "schemas": {
                "Thing": { "type": "object", "required": ["id", "description"], "properties": {
                    "id": { "type": "string", "format": "uuid", "example": "x" }, "description": { "type": "string" },
                    "inner": { "description": "one within", "anyOf": [{ "$ref": "#/components/schemas/Thing" }, { "type": "null" }] }
                } },
                "NewThing": { "type": "object", "required": ["description"], "additionalProperties": false, "properties": {
                    "description": { "type": "string", "maxLength": 10 },
                    "kind": { "type": ["string", "null"], "enum": ["a", "b", null] }
                } },
                "Problem": { "type": "object", "required": ["code"], "properties": { "code": { "type": "string" } } }
            }
        }
    })
}

#[test]
fn a_document_that_only_grows_breaks_nobody() {
    let before = compatibility::outline(&document());
    assert!(!before.to_string().contains("one within"), "words promise nothing");
    assert!(before.pointer("/components/schemas/Thing/properties/description").is_some(), "a field of that name does");
    let mut after = document();
    let set = |after: &mut Value, at: &str, value: Value| {
        let (parent, name) = at.rsplit_once('/').unwrap();
        after.pointer_mut(parent).unwrap()[name] = value;
    };
    set(&mut after, "/paths/~1things/delete", json!({ "operationId": "delete", "responses": {} }));
    set(&mut after, "/components/schemas/Thing/properties/more", json!({ "type": "string" }));
    set(&mut after, "/components/schemas/NewThing/properties/more", json!({ "type": "string" }));
    set(&mut after, "/components/schemas/NewThing/properties/description/maxLength", json!(20));
    set(&mut after, "/components/schemas/NewThing/properties/kind/enum", json!(["a", "b", "c", null]));
    set(
        &mut after,
        "/components/responses/busy/content/application~1problem+json/schema/allOf/1/properties/code/enum",
        json!(["new"]),
    );
    assert_eq!(compatibility::breaks(&before, &compatibility::outline(&after)), Vec::<String>::new());
}

/// What OpenAPI 3.0 and 3.1 say in words of their own is the same promise.
#[test]
fn a_document_in_the_newer_dialect_keeps_what_the_older_one_promised() {
    let newer = compatibility::outline(&document());
    let mut older = newer.clone();
    let schemas = older.pointer_mut("/components/schemas").unwrap();
    schemas["Thing"]["properties"]["inner"] =
        json!({ "nullable": true, "allOf": [{ "$ref": "#/components/schemas/Thing" }] });
    schemas["NewThing"]["properties"]["kind"] = json!({ "type": "string", "nullable": true, "enum": ["a", "b", null] });
    assert_eq!(compatibility::breaks(&older, &newer), Vec::<String>::new());
    assert_eq!(compatibility::breaks(&newer, &older), Vec::<String>::new());
    for (at, now, found) in [
        (
            "/components/schemas/Thing/properties/id",
            json!({ "type": ["string", "null"], "format": "uuid" }),
            "GET /things: 200/id: may be null now",
        ),
        (
            "/components/schemas/NewThing/properties/kind",
            json!({ "type": "string" }),
            "POST /things: request/kind: may not be null any more",
        ),
    ] {
        let mut after = newer.clone();
        *after.pointer_mut(at).unwrap() = now;
        assert!(compatibility::breaks(&older, &after).iter().any(|b| b == found), "{found}");
    }
}

#[test]
fn every_kind_of_break_is_found() {
    let before = compatibility::outline(&document());
    let schema = "/components/schemas";
    for (at, now, found) in [
        ("/paths/~1things/get", Value::Null, "GET /things: the operation is gone"),
        ("/paths/~1things/get/operationId", json!("things"), "GET /things: operationId was"),
        ("/paths/~1things/get/security", json!([{ "admin": [] }]), "GET /things: wants"),
        ("/paths/~1things/get/parameters", json!([]), "GET /things: query parameter limit is gone"),
        (
            "/paths/~1things/get/parameters/0/required",
            json!(true),
            "GET /things: query parameter limit is required now",
        ),
        (
            "/paths/~1things/get/parameters/0/schema/maximum",
            json!(100),
            "GET /things: query parameter limit: maximum was 200",
        ),
        ("/paths/~1things/post/requestBody", Value::Null, "POST /things: takes no body any more"),
        ("/paths/~1things/post/responses/201", Value::Null, "POST /things: 201 is gone"),
        ("/paths/~1things/post/responses/201/headers", json!({}), "POST /things: 201: the header Location is gone"),
        ("/paths/~1things/post/responses/201/content", json!({}), "POST /things: 201: application/json is gone"),
        (&format!("{schema}/Thing/properties/id"), Value::Null, "GET /things: 200/id is gone"),
        (&format!("{schema}/Thing/properties/id/type"), json!("integer"), "GET /things: 200/id: the type was"),
        (&format!("{schema}/Thing/properties/id/format"), Value::Null, "GET /things: 200/id: the format was"),
        (
            &format!("{schema}/Thing/properties/id/type"),
            json!(["string", "null"]),
            "GET /things: 200/id: may be null now",
        ),
        (&format!("{schema}/Thing/required"), json!(["id"]), "GET /things: 200/description may be absent now"),
        (
            &format!("{schema}/NewThing/required"),
            json!(["description", "kind"]),
            "POST /things: request/kind is required now",
        ),
        (&format!("{schema}/NewThing/properties/kind"), Value::Null, "POST /things: request/kind is gone"),
        (&format!("{schema}/NewThing/properties/kind/enum"), json!(["b"]), "POST /things: request/kind: \"a\" is gone"),
        (
            &format!("{schema}/NewThing/properties/kind/type"),
            json!("string"),
            "POST /things: request/kind: may not be null any more",
        ),
        (
            &format!("{schema}/NewThing/properties/description/maxLength"),
            json!(9),
            "POST /things: request/description: maxLength was 10",
        ),
        (
            &format!("{schema}/NewThing/properties/description/pattern"),
            json!("x"),
            "POST /things: request/description: the pattern was",
        ),
    ] {
        let mut after = document();
        let (parent, name) = at.rsplit_once('/').unwrap();
        let parent = after.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if now.is_null() {
            drop(parent.remove(name))
        } else {
            drop(parent.insert(name.to_owned(), now))
        }
        let breaks = compatibility::breaks(&before, &compatibility::outline(&after));
        assert!(breaks.iter().any(|b| b.starts_with(found)), "{at}: {breaks:?}");
    }
}

#[test]
fn a_baseline_grows_and_does_not_shrink_unless_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let (document_file, baseline) = (dir.path().join("openapi.json"), dir.path().join("baseline.json"));
    let write = |document: &Value| std::fs::write(&document_file, document.to_string()).unwrap();
    let keep = |accept| compatibility::keep_baseline(&document_file, &baseline, accept).unwrap();
    let read = || std::fs::read_to_string(&baseline).unwrap();
    write(&document());
    assert!(keep(false).is_empty());
    let first = read();
    let mut smaller = document();
    smaller.pointer_mut("/paths/~1things").unwrap().as_object_mut().unwrap().remove("get");
    write(&smaller);
    assert_eq!(keep(false), ["GET /things: the operation is gone"]);
    assert_eq!(read(), first);
    assert_eq!(keep(true).len(), 1);
    assert_ne!(read(), first);
    assert!(keep(false).is_empty());
}

#[test]
fn coverage_names_what_was_not_seen_and_what_should_not_have_been() {
    let contract = Contract::parse(&document().to_string()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("seen.jsonl");
    let line = |operation: &str, status: u16, code: Option<&str>| {
        json!({ "operation": operation, "id": "x", "status": status, "code": code }).to_string()
    };
    let seen = [
        line("GET /things", 200, None),
        line("GET /things", 404, Some("gone")),
        line("POST /things", 409, Some("busy")),
        line("POST /elsewhere", 500, Some("internal")),
    ];
    std::fs::write(&file, seen.join("\n")).unwrap();
    let found = coverage::judge(&contract, &coverage::read(&file).unwrap());
    assert_eq!(found.undocumented, ["GET /things: 404 gone"]);
    assert_eq!(
        found.unseen,
        ["POST /things: 201", "POST /things: 409 taken"],
        "internal was seen elsewhere: that is enough"
    );
    assert_eq!(found.documented, 5);
}
