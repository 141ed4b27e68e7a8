//! Refusals on the wire: `application/problem+json` (RFC 9457), and which of the stable codes an operation can answer.

use std::fmt;
use std::marker::PhantomData;

use poem::http::{HeaderName, HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object};

use super::by_the_frame;
use crate::http::request::guard::Group;
use crate::http::request::schema::shortened;
use crate::refusal::{ErrorCode, FieldError, Problem};

/// The body of every error answer (RFC 9457).
#[derive(Debug, Clone, Object)]
#[oai(rename = "Problem")]
pub struct ProblemBody {
    /// A URI reference that names the kind of problem: `urn:galaxy:problem:<code>`.
    #[oai(rename = "type")]
    pub kind: String,
    /// The status's standard phrase.
    pub title: String,
    /// The HTTP status code, repeated.
    pub status: u16,
    /// What went wrong this time, for people. A 500 says nothing of its cause.
    pub detail: String,
    /// The stable word that programs branch on.
    pub code: ErrorCode,
    /// The id of the request, as in `X-Request-ID`.
    pub request_id: String,
    /// The faults, field by field, where the request's content is at fault.
    #[oai(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<FieldError>,
}

/// The longest `detail` on the wire, in characters. Ours are shorter; those that repeat what somebody else said may not be.
const MAX_DETAIL: usize = 1000;

impl Problem {
    /// The answer, under the request's id.
    pub fn respond(&self, request_id: &str) -> Response {
        let status = self.code.status();
        let body = ProblemBody {
            kind: format!("urn:galaxy:problem:{}", self.code.word()),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: shortened(self.detail.clone(), MAX_DETAIL),
            code: self.code,
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
        };
        let mut response =
            Response::builder().status(status).content_type("application/problem+json").body(body.to_json_string());
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        for (name, value) in &self.headers {
            response.headers_mut().insert(name, value.clone());
        }
        if let Some(challenge) = self.code.challenge() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        // The frame overwrites it where it knows better; a problem always carries one.
        if let Ok(id) = HeaderValue::from_str(request_id) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
        }
        response
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let status = problem.code.status();
        poem::Error::new(problem, status)
    }
}

/// The codes that one operation can answer, beside those that the frame around it answers ([`by_the_frame`]).
pub trait Codes: Send + Sync + 'static {
    /// The group that the operation belongs to.
    const GROUP: Group;
    /// In the order in which they are documented.
    const CODES: &'static [ErrorCode];
}

/// A [`Problem`] of an operation that documents its codes in `C`.
pub struct Fail<C: Codes>(pub Problem, PhantomData<C>);

impl<C: Codes> fmt::Debug for Fail<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<C: Codes, P: Into<Problem>> From<P> for Fail<C> {
    fn from(problem: P) -> Self {
        let problem = problem.into();
        debug_assert!(
            C::CODES.contains(&problem.code) || by_the_frame::answers(C::GROUP, problem.code),
            "{} is not documented for this operation",
            problem.code.word()
        );
        Self(problem, PhantomData)
    }
}

impl<C: Codes> From<Fail<C>> for poem::Error {
    fn from(fail: Fail<C>) -> Self {
        fail.0.into()
    }
}

impl<C: Codes> IntoResponse for Fail<C> {
    fn into_response(self) -> Response {
        self.0.respond("")
    }
}

impl<C: Codes> ApiResponse for Fail<C> {
    /// Only the words, status by status: what the document says of each, and what the frame answers at every operation, is
    /// added in one place ([`crate::http::document`]).
    fn meta() -> MetaResponses {
        let mut codes: Vec<ErrorCode> = C::CODES.to_vec();
        codes.sort_by_key(|c| (c.status().as_u16(), c.word()));
        let responses = codes.chunk_by(|a, b| a.status() == b.status()).filter_map(|group| {
            let words = group.iter().map(|c| c.word().into()).collect();
            let words = MetaSchemaRef::Inline(Box::new(MetaSchema { enum_items: words, ..MetaSchema::new("string") }));
            let schema = MetaSchema { all_of: vec![ProblemBody::schema_ref(), words], ..MetaSchema::ANY };
            Some(MetaResponse {
                description: "",
                status: Some(group.first()?.status().as_u16()),
                status_range: None,
                content: vec![MetaMediaType {
                    content_type: "application/problem+json",
                    schema: MetaSchemaRef::Inline(Box::new(schema)),
                }],
                headers: vec![],
            })
        });
        MetaResponses { responses: responses.collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

/// Declares the codes of an operation that are its own: `codes!(GetGame: GameNotFound, NotAMember);`, or `codes!(ListGames:);`
/// where it has none.
///
/// A list that names a code twice does not compile: `evaluation panicked: a code stands twice in this list`. Nor does one
/// that names what the frame answers in the operation's group anyway ([`crate::http::answer::by_the_frame`]). The group is
/// told from the module that the list stands in.
#[macro_export]
macro_rules! codes {
    ($name:ident: $($code:ident),* $(,)?) => {
        /// The error codes that this operation can answer.
        pub struct $name;
        impl $crate::http::answer::problem::Codes for $name {
            const GROUP: $crate::http::request::guard::Group =
                $crate::http::request::guard::Group::of_module(module_path!());
            const CODES: &'static [$crate::refusal::ErrorCode] = &[$($crate::refusal::ErrorCode::$code),*];
        }
        const _: () = {
            use $crate::http::answer::{by_the_frame, problem::Codes};
            assert!(!by_the_frame::repeats(<$name as Codes>::CODES), "a code stands twice in this list");
            assert!(
                !by_the_frame::names_any(<$name as Codes>::GROUP, <$name as Codes>::CODES),
                "the frame answers a code of this list by itself: take it out"
            );
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    struct OfUsers;

    impl Codes for OfUsers {
        const GROUP: Group = Group::User;
        const CODES: &'static [ErrorCode] = &[ErrorCode::GameNotFound];
    }

    #[test]
    fn an_operation_may_answer_its_own_codes_and_the_frames() {
        for code in [ErrorCode::GameNotFound, ErrorCode::UserUnknown, ErrorCode::Internal] {
            assert_eq!(Fail::<OfUsers>::from(Problem::new(code, "")).0.code, code);
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "admin_credentials_required is not documented for this operation")]
    fn a_code_of_another_groups_frame_is_found() {
        drop(Fail::<OfUsers>::from(Problem::new(ErrorCode::AdminCredentialsRequired, "")));
    }
}
