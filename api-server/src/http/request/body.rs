//! The JSON body of a request: bounded, strict, and precise about every fault.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use hyper::body::{Body as _, Bytes};
use parking_lot::Mutex;
use poem::http::header;
use poem::{Request, RequestBody, Result};
use poem_openapi::ApiExtractor;
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractorType, ExtractParamOptions};
use serde_json::Value;

use crate::app::App;

use super::json;
use super::schema::{Faults, NO_NUL, Schema, escaped, shortened};
use crate::refusal::{ErrorCode, Problem};

/// The most that a body may hold, in bytes (SPEC §3).
pub const MAX_BODY: usize = 1024 * 1024;

/// How many bytes a body has, where that is known; it stays where it is.
pub fn length(request: &mut Request) -> Option<u64> {
    let body: BoxBody<Bytes, std::io::Error> = request.take_body().into();
    let length = body.size_hint().exact();
    request.set_body(poem::Body::from(body));
    length
}

/// A 413.
pub fn too_large() -> Problem {
    Problem::new(ErrorCode::PayloadTooLarge, format!("The body may have {MAX_BODY} bytes."))
}

/// A JSON request body of type `T`.
///
/// It is validated by the published schema of `T`, so that what is documented is what is taken, and so that the answer to a faulty
/// one names every fault by JSON Pointer instead of only the first in words. No text in it holds U+0000, but where `C` says so.
pub struct Body<T, C = NoMember>(pub T, PhantomData<fn() -> C>);

/// The members of a body whose texts are cleaned by who reads them: they may hold U+0000.
pub trait Cleaned {
    /// Their names, at the top level.
    const MEMBERS: &'static [&'static str];
}

/// No text is cleaned: U+0000 is refused everywhere.
pub struct NoMember;

impl Cleaned for NoMember {
    const MEMBERS: &'static [&'static str] = &[];
}

impl<T, C> Deref for Body<T, C> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Type, C> Payload for Body<T, C> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        is_json(content_type)
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON, C: Cleaned> ParsePayload for Body<T, C> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        let bytes = read(request, body).await?;
        let value = json::read(&bytes)?;
        if let Some(pointer) = nul(&value, C::MEMBERS) {
            return Err(Problem::field(pointer, "value", NO_NUL).into());
        }
        let value = judge::<T>(value)?;
        // The schema lets through what the generator's parser takes: this would be a bug of the schema.
        let read = T::parse_from_json(Some(value)).map(|value| Self(value, PhantomData));
        Ok(read.map_err(|_| Problem::field("", "value", "the body does not fit its schema"))?)
    }
}

/// Whether a content type is JSON in UTF-8, the one encoding that JSON has between systems (RFC 8259 §8.1).
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
                matches!(charset.trim_matches('"').to_ascii_lowercase().as_str(), "utf-8" | "utf8")
            }
            _ => true,
        })
}

/// The body must say that it is JSON.
pub(super) fn check_content_type(request: &Request) -> Result<(), Problem> {
    let wrong = |detail: String| Err(Problem::new(ErrorCode::UnsupportedMediaType, detail));
    match request.content_type() {
        Some(content_type) if is_json(content_type) => Ok(()),
        Some(other) => {
            wrong(format!("The body must be application/json in UTF-8, not {}.", shortened(other.to_owned(), 100)))
        }
        None => wrong("Content-Type must be application/json.".into()),
    }
}

/// A body may not be compressed or otherwise encoded: what is bounded is what is read.
///
/// # Errors
/// 415 with `Accept-Encoding` (RFC 9110 §15.5.16).
pub fn check_content_encoding(request: &Request) -> Result<(), Problem> {
    let codings = request.headers().get_all(header::CONTENT_ENCODING).into_iter();
    let mut codings = codings.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    if codings.all(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"identity") || coding.trim_ascii().is_empty()) {
        return Ok(());
    }
    let problem = Problem::new(ErrorCode::UnsupportedMediaType, "The body must not have a Content-Encoding.");
    Err(problem.header(header::ACCEPT_ENCODING, "identity"))
}

/// An operation that takes no body gets none, or one that says nothing: what it would say is not passed over in silence.
///
/// # Errors
/// 415 for what is no JSON by its content type; `invalid_request` naming the fields.
pub async fn check_absent(request: &mut Request) -> Result<()> {
    let mut body = RequestBody::new(request.take_body());
    let bytes = read(request, &mut body).await?;
    if json::without_mark(&bytes).trim_ascii().is_empty() {
        return Ok(());
    }
    check_content_type(request)?;
    let mut faults = Faults::default();
    match json::read(&bytes)? {
        Value::Object(members) => {
            for name in members.keys() {
                faults.add(format!("/{}", escaped(name)), "unknown_field", "this operation takes no body");
            }
        }
        _ => faults.add("", "type", "this operation takes no body"),
    }
    Ok(faults.none()?)
}

/// The bytes of a body, bounded in size and time.
pub(super) async fn read(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>> {
    let reading = body.take()?.into_bytes_limit(MAX_BODY);
    let limit = request.data::<Arc<App>>().map_or(Duration::MAX, |app| app.config.http.read_timeout);
    let bytes = tokio::time::timeout(limit, reading).await;
    Ok(bytes.map_err(|_elapsed| Problem::new(ErrorCode::Timeout, "The body did not come in time."))??.to_vec())
}

/// A value that fits the schema of `T`. The generator's own parsers are more lenient than what is published: they take a
/// number or `false` for a text.
///
/// # Errors
/// `invalid_request` with every fault.
pub(super) fn judge<T: Type>(value: Value) -> Result<Value, Problem> {
    match schema_of(&T::name()) {
        Some(schema) => schema.judge(value),
        None => Ok(value),
    }
}

/// Where a text or a name contains U+0000, which the database has no text for. The texts of the members `cleaned` of the value
/// itself are passed over.
fn nul(value: &Value, cleaned: &[&str]) -> Option<String> {
    let below = |step: &str, value: &Value| nul(value, &[]).map(|pointer| format!("/{}{pointer}", escaped(step)));
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(i, item)| below(&i.to_string(), item)),
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            if name.contains('\0') {
                return Some(format!("/{}", escaped(name)));
            }
            let passed_over = member.is_string() && cleaned.contains(&name.as_str());
            if passed_over { None } else { below(name, member) }
        }),
        _ => None,
    }
}

impl<'a, T: ParseFromJSON, C: Cleaned> ApiExtractor<'a> for Body<T, C> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Self as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: Self::CONTENT_TYPE, schema: Self::schema_ref() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _param_opts: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        check_content_type(request)?;
        <Self as ParsePayload>::from_request(request, body).await
    }
}

/// The published document, set once when the routes are built.
static DOCUMENT: OnceLock<Arc<Value>> = OnceLock::new();

/// Remembers the document that bodies are judged by.
pub fn judge_by(document: Arc<Value>) {
    let _ = DOCUMENT.set(document);
}

/// The schema of that name, compiled once.
fn schema_of(name: &str) -> Option<Arc<Schema>> {
    static COMPILED: OnceLock<Mutex<HashMap<String, Option<Arc<Schema>>>>> = OnceLock::new();
    let mut compiled = COMPILED.get_or_init(Default::default).lock();
    let compile = || {
        Schema::named(DOCUMENT.get()?, name)
            .map_err(|error| tracing::error!(%error, name, "the document's schema does not compile"))
            .ok()
            .map(Arc::new)
    };
    compiled.entry(name.to_owned()).or_insert_with(compile).clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_nul_is_found_wherever_it_is_but_in_what_is_cleaned() {
        let rows: [(Value, &[&str], Option<&str>); 7] = [
            (json!({ "a": "x", "b": ["y", { "c": "z" }] }), &[], None),
            (json!({ "a": "\0" }), &[], Some("/a")),
            (json!({ "a": [{ "b/c": ["x", "y\0"] }] }), &[], Some("/a/0/b~1c/1")),
            (json!({ "a": "x\0y" }), &["a"], None),
            (json!({ "b": "x\0y" }), &["a"], Some("/b")),
            // Only texts are cleaned, and only at the top.
            (json!({ "a": ["\0"] }), &["a"], Some("/a/0")),
            (json!({ "b": { "a": "\0" } }), &["a"], Some("/b/a")),
        ];
        for (value, cleaned, found) in rows {
            assert_eq!(nul(&value, cleaned).as_deref(), found, "{value}");
        }
        assert!(nul(&json!({ "a\0": 1 }), &["a"]).is_some());
    }

    #[test]
    fn json_is_utf_8() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/json; profile=x",
            "application/json;",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "application/json; charset=utf-16",
            "application/json;charset=latin1",
            "text/json",
            "application/json5",
            "",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
