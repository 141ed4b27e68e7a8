//! What stands around every operation: the limit on bodies, and one shape for all errors.

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::error::ReadBodyError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Endpoint, EndpointExt, IntoResponse, Request, Response, Route};
use poem_openapi::{ContactObject, LicenseObject, OpenApiService, ServerObject};
use serde_json::{Value, json};

use super::api::{Calls, EngineApi, framework_problem};
use super::problem::{Code, PROBLEM_JSON, Problem};
use crate::engine::Engine;
use crate::game::Game;
use crate::settings::Token;

/// Bytes of a body: the platform takes 1 MiB from a client and wraps it.
pub const MAX_BODY: usize = 2 << 20;

/// The methods of each path, for `Allow`.
const METHODS: [(&str, &str); 8] = [
    ("/healthz", "GET"),
    ("/api/v1/admin/init", "POST"),
    ("/api/v1/admin/status", "GET"),
    ("/api/v1/admin/turn", "PUT"),
    ("/api/v1/admin/race/banish", "POST"),
    ("/api/v1/command", "PUT"),
    ("/api/v1/order", "PUT"),
    ("/api/v1/report", "GET"),
];

fn service(engine: Option<Arc<dyn Calls>>) -> OpenApiService<EngineApi, ()> {
    OpenApiService::new(EngineApi { engine }, "Galaxy engine API", "1.0.0")
        .description(
            "What a game engine image answers on port 8080. Every call but /healthz carries the token in \
             GALAXY_ENGINE_TOKEN as bearer. Errors are problem+json with a stable code; an image may have codes of \
             its own in `errors`. Orders, commands and reports are opaque to the platform.",
        )
        .contact(ContactObject::new().name("The maintainers of the Galaxy backend"))
        .license(LicenseObject::new("All rights reserved").identifier("LicenseRef-Proprietary"))
        .server(ServerObject::new("/").description("The engine of one game"))
}

/// The OpenAPI document of the engine API, as committed in `deploy/engine/openapi.json`.
///
/// # Errors
/// Only if the document is not JSON, which would be a fault of poem-openapi.
pub fn document() -> serde_json::Result<String> {
    let mut document: Value = serde_json::from_str(&service(None).spec())?;
    if let Some(document) = document.as_object_mut() {
        document.insert("openapi".into(), "3.1.0".into());
    }
    plain_references(&mut document);
    // Said, and not only left out.
    if let Some(healthz) = document.pointer_mut("/paths/~1healthz/get").and_then(Value::as_object_mut) {
        healthz.insert("security".into(), json!([]));
    }
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// The framework describes a reference by a second part of its `allOf`, which generators refuse to merge: the words
/// belong beside the reference, as OpenAPI 3.1 allows.
fn plain_references(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(plain_references);
            let parts = members.get("allOf").and_then(Value::as_array).map(Vec::as_slice);
            if let Some([reference, words]) = parts
                && let (Some(target), Some(words)) = (reference.get("$ref"), words.get("description"))
            {
                let (target, words) = (target.clone(), words.clone());
                members.remove("allOf");
                members.insert("$ref".into(), target);
                members.insert("description".into(), words);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain_references),
        _ => {}
    }
}

/// The whole API.
#[must_use]
pub fn app<G: Game>(engine: Arc<Engine<G>>, token: Token) -> BoxEndpoint<'static, Response> {
    Route::new().nest("/", service(Some(engine))).data(token).around(frame).boxed()
}

async fn frame<E: Endpoint>(endpoint: Arc<E>, mut request: Request) -> poem::Result<Response> {
    let path = request.uri().path().to_owned();
    match bounded(request.take_body()).await {
        Ok(body) => request.set_body(body),
        Err(problem) => return Ok(problem.into_response()),
    }
    let error = match endpoint.call(request).await {
        Ok(response) => return Ok(response.into_response()),
        Err(error) => error,
    };
    let problem = framework_problem(&error);
    // An operation's own error comes as a finished response.
    let response = error.into_response();
    if response.content_type() == Some(PROBLEM_JSON) {
        return Ok(response);
    }
    let status = problem.status;
    let mut response = problem.into_response();
    if status == StatusCode::UNAUTHORIZED.as_u16() {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED.as_u16()
        && let Some((_, methods)) = METHODS.iter().find(|(known, _)| *known == path)
    {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    }
    Ok(response)
}

async fn bounded(body: Body) -> Result<Body, Problem> {
    match body.into_bytes_limit(MAX_BODY).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(ReadBodyError::PayloadTooLarge) => {
            let detail = format!("a body has at most {MAX_BODY} bytes");
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::PayloadTooLarge, detail))
        }
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, Code::MalformedRequest, "the body could not be read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_methods_is_the_document() {
        let document: Value = serde_json::from_str(&document().unwrap()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.len(), METHODS.len());
        for (path, methods) in METHODS {
            let documented: Vec<String> = paths[path].as_object().unwrap().keys().map(|k| k.to_uppercase()).collect();
            assert_eq!(documented.join(", "), methods, "{path}");
        }
    }
}
