//! The JSON body of a request: bounded, strict, and precise about every fault.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use poem::{Request, RequestBody, Result};
use poem_openapi::ApiExtractor;
use poem_openapi::payload::{ParsePayload, Payload};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractorType, ExtractParamOptions};
use serde_json::{Value, json};

use crate::app::App;

use super::problem::{ErrorCode, FieldError, Problem};

/// The most that a body may hold, in bytes (SPEC §3).
pub const MAX_BODY: usize = 1024 * 1024;

/// A JSON request body of type `T`.
///
/// It is validated by the published schema of `T`, so that what is documented is what is taken, and so that the answer to a faulty
/// one names every fault by JSON Pointer instead of only the first in words.
pub struct Body<T>(pub T);

impl<T> Deref for Body<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Type> Payload for Body<T> {
    const CONTENT_TYPE: &'static str = "application/json";

    fn check_content_type(content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: ParseFromJSON> ParsePayload for Body<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(request: &Request, body: &mut RequestBody) -> Result<Self> {
        let bytes = read(request, body).await?;
        Ok(parse(&bytes).map(Self)?)
    }
}

/// The bytes of a body, bounded in size and time.
pub(super) async fn read(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>> {
    let reading = body.take()?.into_bytes_limit(MAX_BODY);
    let limit = request.data::<Arc<App>>().map_or(Duration::MAX, |app| app.config.http.read_timeout);
    let bytes = tokio::time::timeout(limit, reading).await;
    Ok(bytes.map_err(|_elapsed| Problem::new(ErrorCode::Timeout, "The body did not come in time."))??.to_vec())
}

/// Reads a body that fits the schema of `T`. The generator's own parsers are more lenient than what is published: they take a
/// number or `false` for a text.
pub(super) fn parse<T: ParseFromJSON>(bytes: &[u8]) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| {
        let mut problem = Problem::new(ErrorCode::InvalidRequest, format!("The body is not JSON: {e}."));
        problem.errors.push(FieldError { pointer: String::new(), code: "json".into(), detail: e.to_string() });
        problem
    })?;
    if let Some(pointer) = nul(&value) {
        return Err(Problem::field(pointer, "value", "must not contain U+0000"));
    }
    let faults = faults::<T>(&value);
    if !faults.is_empty() {
        return Err(Problem::fields(faults));
    }
    T::parse_from_json(Some(value)).map_err(|error| Problem::field("", "value", error.into_message()))
}

/// Where a text contains U+0000, which the database has no text for.
fn nul(value: &Value) -> Option<String> {
    let below = |name: &str, value: &Value| nul(value).map(|pointer| format!("/{}{pointer}", escaped(name)));
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(i, item)| below(&i.to_string(), item)),
        Value::Object(members) => members.iter().find_map(|(name, member)| below(name, member)),
        _ => None,
    }
}

/// A member's name as a step of a JSON Pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Body<T> {
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
        Self::check_header(request)?;
        <Self as ParsePayload>::from_request(request, body).await
    }
}

impl<T: Type> Body<T> {
    /// The body must say that it is JSON.
    pub(super) fn check_header(request: &Request) -> Result<(), Problem> {
        match request.content_type() {
            Some(content_type) if <Self as Payload>::check_content_type(content_type) => Ok(()),
            Some(other) => Err(Problem::new(
                ErrorCode::UnsupportedMediaType,
                format!("The body must be application/json, not {}.", other.chars().take(100).collect::<String>()),
            )),
            None => Err(Problem::new(ErrorCode::UnsupportedMediaType, "Content-Type must be application/json.")),
        }
    }
}

/// The published document, set once when the routes are built.
static DOCUMENT: OnceLock<Arc<Value>> = OnceLock::new();

/// Remembers the document that bodies are judged by.
pub fn judge_by(document: Arc<Value>) {
    let _ = DOCUMENT.set(document);
}

/// Every fault of `value` against the schema of `T`.
fn faults<T: Type>(value: &Value) -> Vec<FieldError> {
    static COMPILED: OnceLock<Mutex<HashMap<String, Option<Arc<jsonschema::Validator>>>>> = OnceLock::new();
    let name = T::name().into_owned();
    let validator = COMPILED
        .get_or_init(Default::default)
        .lock()
        .entry(name.clone())
        .or_insert_with(|| DOCUMENT.get().and_then(|d| compile(d, &name)).map(Arc::new))
        .clone();
    validator.map_or_else(Vec::new, |v| v.iter_errors(value).take(20).flat_map(|e| field_errors(&e)).collect())
}

fn compile(document: &Value, name: &str) -> Option<jsonschema::Validator> {
    let schema = json!({ "$ref": format!("#/components/schemas/{name}"), "components": document.get("components")? });
    jsonschema::draft202012::options()
        // An annotation only, by default: a UUID or a time that is none would be at fault nowhere.
        .should_validate_formats(true)
        .build(&schema)
        .map_err(|error| tracing::error!(%error, name, "the document's schema does not compile"))
        .ok()
}

fn field_errors(error: &jsonschema::ValidationError<'_>) -> Vec<FieldError> {
    use jsonschema::error::ValidationErrorKind as Kind;
    let at = error.instance_path().to_string();
    let below = |name: &str| format!("{at}/{}", escaped(name));
    let one = |pointer: String, code: &str| vec![FieldError { pointer, code: code.into(), detail: error.to_string() }];
    match error.kind() {
        Kind::Required { property } => one(below(property.as_str().unwrap_or_default()), "required"),
        Kind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| FieldError {
                pointer: below(name),
                code: "unknown_field".into(),
                detail: "this field is not known".into(),
            })
            .collect(),
        Kind::Type { .. } => one(at, "type"),
        Kind::Enum { .. } | Kind::Constant { .. } => one(at, "value"),
        Kind::Pattern { .. } | Kind::Format { .. } => one(at, "format"),
        Kind::MaxLength { .. } | Kind::MinLength { .. } | Kind::MaxItems { .. } | Kind::MinItems { .. } => {
            one(at, "length")
        }
        Kind::Maximum { .. } | Kind::Minimum { .. } | Kind::ExclusiveMaximum { .. } | Kind::ExclusiveMinimum { .. } => {
            one(at, "range")
        }
        _ => one(at, "value"),
    }
}
