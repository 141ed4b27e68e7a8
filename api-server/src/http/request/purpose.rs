//! Why an administrator does something, and what it is a part of (SPEC §4 "Administrators"): taken in one place, before the operation,
//! into the request's [`Context`], from where the trail has it.
//!
//! Every write under `/admin`, but for those of one's own way in, takes both: as members of its body where the body has them, else
//! in the query ([`crate::http::document`] adds the parameters).

use poem::Request;
use poem::http::Method;
use serde_json::{Map, Value};
use shared::domain::text;
use uuid::Uuid;

use super::json;
use super::schema::collect_refs;
use crate::refusal::Problem;
use crate::use_cases::caller::Context;

/// The parameter, or the body's member, that says why.
pub const REASON: &str = "reason";
/// That which says what it is a part of.
pub const OPERATION_ID: &str = "operation_id";
/// The parameter of what can be tried: it says that no more is wanted.
pub const DRY_RUN: &str = "dry_run";
/// The most characters of a reason.
pub const REASON_MAX: usize = 500;

/// Which of both stand in the body of an operation, by the document.
pub fn in_body(body: Option<&Value>, document: &Value) -> Vec<&'static str> {
    let mut schemas = Vec::new();
    if let Some(body) = body {
        collect_refs(body, &mut schemas);
    }
    let has = |member: &str| {
        let mut places = schemas.iter().map(|name| format!("/components/schemas/{name}/properties/{member}"));
        places.any(|place| document.pointer(&place).is_some())
    };
    [REASON, OPERATION_ID].into_iter().filter(|member| has(member)).collect()
}

/// What a request says of itself.
#[derive(Debug)]
pub struct Said {
    /// Why it is done; `Err`: what stands in the query is no reason.
    pub reason: Result<Option<String>, Problem>,
    /// What it is a part of.
    pub part_of: Option<Uuid>,
    /// Whether it is only to be tried, where it can be.
    pub dry_run: bool,
}

/// What a request says; `in_body` are those that stand in its body. A query and a body in which something else is wrong are read as far
/// as they go. A read says nothing.
///
/// # Errors
/// `internal`: the body, which is in memory by now, cannot be read.
pub async fn said(request: &mut Request, in_body: &[&'static str]) -> Result<Said, Problem> {
    let (mut reason, mut part_of, mut dry_run) = (Ok(None), None, false);
    if *request.method() == Method::GET {
        return Ok(Said { reason, part_of, dry_run });
    }
    for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            REASON => {
                let said = text::remark("a reason", &value, REASON_MAX);
                reason = said.map(Some).map_err(|detail| Problem::field("/query/reason", "value", detail));
            }
            OPERATION_ID => part_of = shared::ids::parse(&value),
            DRY_RUN => dry_run = value == "true",
            _ => {}
        }
    }
    if !in_body.is_empty() {
        let bytes = request.take_body().into_bytes().await.map_err(|error| Problem::internal(&error))?;
        let members: Map<String, Value> = serde_json::from_slice(json::without_mark(&bytes)).unwrap_or_default();
        let said =
            |member: &'static str| members.get(member).and_then(Value::as_str).filter(|_| in_body.contains(&member));
        if let Some(said) = said(REASON) {
            reason = Ok(text::lines("a reason", said, REASON_MAX).ok().filter(|said| !said.is_empty()));
        }
        if let Some(said) = said(OPERATION_ID) {
            part_of = shared::ids::parse(said);
        }
        request.set_body(bytes);
    }
    Ok(Said { reason, part_of, dry_run })
}

/// Takes both from a write of an administrator whose query fits ([`said`]); `wanted` says that the reason may not be missing. What is
/// wrong in a body is for who reads it to say. Answers whether the call is only to be tried, for which nobody has to say why.
///
/// # Errors
/// `invalid_request` naming the reason.
pub async fn read(request: &mut Request, in_body: &[&'static str], wanted: bool) -> Result<bool, Problem> {
    let Said { reason, part_of, dry_run } = said(request, in_body).await?;
    let reason = reason?;
    // A body that must have a member is judged by its schema.
    let reads = *request.method() == Method::GET;
    if wanted && !reads && !dry_run && reason.is_none() && !in_body.contains(&REASON) {
        return Err(Problem::field("/query/reason", "required", "is required: say why, for the trail"));
    }
    keep(request, reason, part_of);
    Ok(dry_run)
}

fn keep(request: &mut Request, reason: Option<String>, operation_id: Option<Uuid>) {
    if let Some(context) = request.extensions_mut().get_mut::<Context>() {
        context.reason = reason;
        context.operation_id = operation_id;
    }
}
