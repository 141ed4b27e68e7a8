//! Administrators' writes from another site (SPEC §4). A browser sends remembered Basic credentials along with whatever a page
//! makes it send; what tells such a request from an administrator's own is what the browser says of where it came from
//! (Fetch Metadata, RFC 6454). Programs say nothing, and are taken.
//!
//! | said | taken |
//! | --- | --- |
//! | nothing | yes |
//! | `Origin` of this host, or one of `BACKEND_CORS_ORIGINS` by name | yes |
//! | another `Origin`, `null` too | no |
//! | `Sec-Fetch-Site: same-origin` or `none` | yes |
//! | any other `Sec-Fetch-Site` | only with an `Origin` of `BACKEND_CORS_ORIGINS` |
//! | a content type that a form can send | no: 415 |

use poem::Request;
use poem::http::uri::Authority;
use poem::http::{HeaderMap, Method, header};

use super::cors::Cors;
use crate::refusal::{ErrorCode, Problem};

/// Content types that a page can send anywhere without asking (Fetch, "CORS-safelisted request-header").
const FORMS: [&str; 3] = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];

/// Refuses a write that a browser sends from another site.
///
/// # Errors
/// 403 `cross_site`; 415 for a form's content type, whether a body is wanted or not.
pub fn check(request: &Request, cors: &Cors) -> Result<(), Problem> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let headers = request.headers();
    let allowed = headers.get(header::ORIGIN).is_some_and(|origin| cors.names(origin));
    let own = match headers.get(header::ORIGIN) {
        None => true,
        Some(origin) => origin.to_str().ok().zip(host(request)).is_some_and(|(origin, host)| is_own(origin, &host)),
    };
    let same = headers.get("sec-fetch-site").is_none_or(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    let taken = allowed || (own && same);
    if !taken {
        return Err(Problem::new(
            ErrorCode::CrossSite,
            "A browser sent this from another site. Administrators' writes are taken from this one, and from BACKEND_CORS_ORIGINS.",
        ));
    }
    if is_form(headers) {
        return Err(Problem::new(
            ErrorCode::UnsupportedMediaType,
            "The body must be application/json in UTF-8; a form's content type is not taken.",
        ));
    }
    Ok(())
}

/// Demands that a browser says that a write comes from this site, or from one of `BACKEND_CORS_ORIGINS`: for what comes with a
/// cookie, silence proves nothing. To be asked after [`check`], which refuses whoever says otherwise.
///
/// # Errors
/// 403 `cross_site`.
pub fn prove_origin(request: &Request, cors: &Cors) -> Result<(), Problem> {
    let proven = request.headers().get(header::ORIGIN).is_some_and(|origin| {
        let own = || origin.to_str().ok().zip(host(request)).is_some_and(|(origin, host)| is_own(origin, &host));
        cors.names(origin) || own()
    });
    if proven {
        return Ok(());
    }
    Err(Problem::new(ErrorCode::CrossSite, "A write by a session's cookie names its page's origin in `Origin`."))
}

fn is_form(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_ascii_lowercase());
    let essence = given.as_deref().and_then(|value| value.split(|byte| *byte == b';').next()).map(<[u8]>::trim_ascii);
    essence.is_some_and(|essence| FORMS.iter().any(|form| form.as_bytes() == essence))
}

/// The host that the request is for: `:authority` of HTTP/2, `Host` of HTTP/1.1.
fn host(request: &Request) -> Option<Authority> {
    let named = || request.headers().get(header::HOST)?.to_str().ok()?.parse().ok();
    request.uri().authority().cloned().or_else(named)
}

/// Whether an origin is this host. What terminates TLS for us is not known, so the scheme does not count, and its default port does.
fn is_own(origin: &str, host: &Authority) -> bool {
    let Some((scheme, origin)) = origin.split_once("://") else { return false };
    let Ok(origin) = origin.parse::<Authority>() else { return false };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    origin.host().eq_ignore_ascii_case(host.host())
        && origin.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, given: &[(&str, &str)]) -> Result<(), ErrorCode> {
        let mut request = Request::builder().method(method).uri_str("/api/v1/admin/queues/mail/pause");
        for (name, value) in given {
            request = request.header(*name, *value);
        }
        let cors = Cors::new(vec!["https://admin.example".into()]);
        check(&request.finish(), &cors).map_err(|problem| problem.code)
    }

    #[test]
    fn a_write_of_another_site_is_refused_and_a_programs_is_not() {
        const HOST: (&str, &str) = ("host", "api.example:8080");
        let refused = Err(ErrorCode::CrossSite);
        for (given, outcome) in [
            (vec![HOST], Ok(())),
            (vec![HOST, ("origin", "http://api.example:8080")], Ok(())),
            (vec![HOST, ("origin", "https://API.example:8080"), ("sec-fetch-site", "same-origin")], Ok(())),
            (vec![("host", "api.example"), ("origin", "https://api.example")], Ok(())),
            (vec![("host", "api.example:443"), ("origin", "https://api.example")], Ok(())),
            (vec![HOST, ("sec-fetch-site", "none")], Ok(())),
            (vec![HOST, ("origin", "https://admin.example"), ("sec-fetch-site", "cross-site")], Ok(())),
            (vec![HOST, ("origin", "http://evil.example")], refused),
            (vec![HOST, ("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")], refused),
            (vec![HOST, ("origin", "http://api.example")], refused),
            (vec![HOST, ("origin", "http://api.example:8080.evil.example")], refused),
            (vec![HOST, ("origin", "http://api.example:8080@evil.example")], refused),
            (vec![HOST, ("origin", "http://admin.example")], refused),
            (vec![HOST, ("origin", "null")], refused),
            (vec![HOST, ("origin", "")], refused),
            (vec![("origin", "http://api.example:8080")], refused),
            (vec![HOST, ("sec-fetch-site", "cross-site")], refused),
            (vec![HOST, ("sec-fetch-site", "same-site")], refused),
            (vec![HOST, ("sec-fetch-site", "")], refused),
            (vec![HOST, ("origin", "http://api.example:8080"), ("sec-fetch-site", "cross-site")], refused),
        ] {
            assert_eq!(ask(Method::POST, &given), outcome, "{given:?}");
            assert_eq!(ask(Method::GET, &given), Ok(()), "{given:?}");
        }
        for form in ["application/x-www-form-urlencoded", "Multipart/Form-Data; boundary=x", "text/plain;charset=utf-8"]
        {
            assert_eq!(ask(Method::DELETE, &[HOST, ("content-type", form)]), Err(ErrorCode::UnsupportedMediaType));
        }
        assert_eq!(ask(Method::POST, &[HOST, ("content-type", "application/json")]), Ok(()));
    }

    #[test]
    fn a_cookie_wants_an_origin_of_ours() {
        let cors = Cors::new(vec!["https://admin.example".into()]);
        for (origin, proven) in [
            (None, false),
            (Some("null"), false),
            (Some("http://evil.example"), false),
            (Some("http://api.example"), true),
            (Some("https://admin.example"), true),
        ] {
            let mut request = Request::builder().method(Method::POST).header("host", "api.example");
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            assert_eq!(prove_origin(&request.finish(), &cors).is_ok(), proven, "{origin:?}");
        }
    }
}
