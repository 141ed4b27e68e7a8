//! Headers that every request must have in one form.

use poem::http::uri::Authority;
use poem::http::{HeaderMap, Version, header};
use poem::{FromRequest, Request, RequestBody};

use crate::refusal::Problem;

/// What a client says that it is.
pub struct UserAgent(pub String);

impl<'a> FromRequest<'a> for UserAgent {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        // Shown to people and nothing else: a byte that is no text takes nothing but itself away.
        let said = request.headers().get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
        Ok(Self(said.unwrap_or_default().into_owned()))
    }
}

/// Headers that decide something: of two, one reader takes the first and another one the last. `Host` is one too, and asked
/// for before these ([`super::admission::unambiguous`]).
const SINGLE: [&str; 7] =
    ["Authorization", "X-User-ID", "Idempotency-Key", "Content-Type", "Content-Encoding", "Origin", "Sec-Fetch-Site"];

/// What is given under a scheme, whose name may be in any case (RFC 9110, 11.1).
pub fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, credentials) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| credentials.trim_start_matches(' '))
}

/// Refuses a request that says one thing twice.
///
/// # Errors
/// `invalid_request` naming each such header.
pub fn check(request: &Request) -> Result<(), Problem> {
    let mut faults = super::schema::Faults::default();
    for name in SINGLE {
        if request.headers().get_all(name).iter().nth(1).is_some() {
            faults.add(format!("/header/{name}"), "duplicate", "is given more than once");
        }
    }
    // HTTP/2 has it in `:authority`; who gives both must mean the same (RFC 9113 §8.3.1).
    if request.version() >= Version::HTTP_2
        && let (Some(authority), Some(host)) = (request.uri().authority(), request.headers().get(header::HOST))
        && !host.to_str().is_ok_and(|host| host.parse::<Authority>().is_ok_and(|host| host == *authority))
    {
        faults.add("/header/Host", "value", "must be the same as :authority");
    }
    faults.none()
}
