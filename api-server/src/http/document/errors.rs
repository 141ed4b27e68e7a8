//! The errors of every operation: which codes it can answer, by status, with an example of each.

use serde_json::{Map, Value, json};

use super::examples::Examples;
use super::{each_operation, insert_component};
use crate::http::answer::by_the_frame;
use crate::http::request::guard::Group;
use crate::http::request::rights::{self, Right};
use crate::refusal::ErrorCode;

/// What stands around an operation can answer: told from its group, from whether it writes, and from what it asks.
fn of_the_frame(group: Group, method: &str, right: Option<&'static Right>) -> impl Iterator<Item = ErrorCode> {
    let writes = method != "get";
    by_the_frame::codes(group)
        .filter(move |code| writes || *code != ErrorCode::CrossSite)
        .filter(move |code| right.is_none_or(|right| right.may_answer(*code)))
}

/// Replaces the bare lists of words that [`crate::http::answer::problem::Fail`] leaves by whole answers.
pub(super) fn describe(document: &mut Value, examples: &Examples) {
    let mut shared = Map::new();
    each_operation(document, |path, method, operation| {
        let right = operation.get("operationId").and_then(Value::as_str).and_then(rights::of);
        let mut codes: Vec<ErrorCode> = of_the_frame(Group::of(path), method, right).collect();
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
        codes.extend(responses.values().flat_map(own_codes));
        // None stands here twice: `codes!` does not compile with one of the frame's, or with a repeat.
        codes.sort_by_key(|c| (c.status().as_u16(), c.word()));
        for group in codes.chunk_by(|a, b| a.status() == b.status()) {
            let Some(status) = group.first().map(|code| code.status().as_str().to_owned()) else { continue };
            // Answers that the frame gives are the same at many operations, and stand in the document once.
            let answer = if group.iter().all(|code| by_the_frame::answers_somewhere(*code)) {
                let name = group.iter().map(|c| c.word()).collect::<Vec<_>>().join(".");
                shared.entry(name.clone()).or_insert_with(|| answer(group));
                json!({ "$ref": format!("#/components/responses/{name}") })
            } else {
                answer(group)
            };
            responses.insert(status, answer);
        }
    });
    insert_component(document, "responses", shared);
    insert_component(
        document,
        "headers",
        [
            (
                "X-Request-ID",
                "The request's id: as sent, or made. The log lines of the request carry it.",
                json!("0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10"),
            ),
            ("Retry-After", "Whole seconds after which trying again makes sense.", json!(1)),
            (
                "Accept-Encoding",
                "Where the fault is the `Content-Encoding`: the codings that are taken.",
                json!("identity"),
            ),
            ("WWW-Authenticate", "The credentials that the path wants.", json!("Basic realm=\"galaxy-admin\"")),
        ]
        .map(|(name, words, example)| {
            let kind = if example.is_number() {
                json!({ "type": "integer", "minimum": 1 })
            } else {
                json!({ "type": "string" })
            };
            (name.to_owned(), json!({ "description": words, "schema": kind, "example": example }))
        })
        .into_iter()
        .collect(),
    );
    insert_component(document, "examples", ErrorCode::ALL.iter().map(|code| example(*code, examples)).collect());
}

fn own_codes(response: &Value) -> Vec<ErrorCode> {
    let words = response.pointer("/content/application~1problem+json/schema/allOf/1/enum").and_then(Value::as_array);
    let words = words.into_iter().flatten().filter_map(Value::as_str);
    words.filter_map(|word| ErrorCode::ALL.iter().copied().find(|code| code.word() == word)).collect()
}

/// One status: its codes in words, in the schema, and by example.
fn answer(codes: &[ErrorCode]) -> Value {
    let words: Vec<&str> = codes.iter().map(|c| c.word()).collect();
    let meanings: Vec<String> = codes.iter().map(|c| format!("`{}` — {}", c.word(), c.meaning())).collect();
    let examples: Map<String, Value> =
        words.iter().map(|w| ((*w).to_owned(), json!({ "$ref": format!("#/components/examples/{w}") }))).collect();
    let mut headers = vec!["X-Request-ID"];
    let has = |code| codes.contains(&code);
    if has(ErrorCode::RateLimited) || has(ErrorCode::Unavailable) {
        headers.push("Retry-After");
    }
    if codes.iter().any(|code| code.challenge().is_some()) {
        headers.push("WWW-Authenticate");
    }
    if has(ErrorCode::UnsupportedMediaType) {
        headers.push("Accept-Encoding");
    }
    let headers: Map<String, Value> =
        headers.iter().map(|h| ((*h).to_owned(), json!({ "$ref": format!("#/components/headers/{h}") }))).collect();
    json!({
        "description": meanings.join("; "),
        "headers": headers,
        "content": { "application/problem+json": {
            "schema": { "allOf": [
                { "$ref": "#/components/schemas/Problem" },
                { "type": "object", "properties": { "code": { "type": "string", "enum": words } } },
            ] },
            "examples": examples,
        } },
    })
}

/// What a problem of this code looks like.
fn example(code: ErrorCode, examples: &Examples) -> (String, Value) {
    let status = code.status();
    let mut detail = code.meaning().to_owned();
    if let Some(first) = detail.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut problem = json!({
        "type": format!("urn:galaxy:problem:{}", code.word()),
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": format!("{detail}."),
        "code": code.word(),
        "request_id": examples.field("Problem", "request_id"),
    });
    if code == ErrorCode::InvalidRequest
        && let (Some(problem), Some(errors)) = (problem.as_object_mut(), examples.field("Problem", "errors"))
    {
        problem.insert("errors".into(), errors.clone());
    }
    (code.word().to_owned(), json!({ "summary": code.meaning(), "value": problem }))
}
