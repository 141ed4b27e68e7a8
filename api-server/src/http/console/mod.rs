//! `/console`: the operator console (`deploy/console`), from the binary itself (SPEC §4 "Console").
//!
//! It works under any prefix that a proxy takes off: the page's own addresses lead up to `/console/` from wherever it stands, and
//! nothing in it names a path from the root.

pub mod assets;
mod negotiation;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::error::NotFoundError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Request, Response, handler, web};

use crate::app::App;
use assets::{Assets, File, Found};

/// Where it is: the door, which leads to the second, and everything below that.
pub const PATHS: [&str; 3] = ["/console", "/console/", "/console/*path"];

/// What stands in the built page where each answer has a nonce of its own.
const NONCE: &str = "__NONCE__";
/// The beginning of the page's own addresses.
const OWN: &str = "=\"./";
/// How long a browser may keep what has its content's hash in its name: a year, unasked (RFC 8246).
const KEPT: &str = "public, max-age=31536000, immutable";
/// What is shown where the binary holds no console.
const MISSING: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>No console</title>\n\
    <h1>This api-server was built without the console</h1>\n\
    <p>In the checkout, run <code>cargo xtask console</code>, then build api-server again. <code>cargo xtask up</code> and\n\
    <code>cargo xtask images</code> do both.</p>\n</html>\n";

/// The console that is served.
#[derive(Debug, Clone, Copy)]
pub struct Console(pub Assets);

/// To the slash: addresses of the page are told from there. Relative, since a proxy's prefix is not known here.
#[handler]
pub fn door(request: &Request) -> Response {
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    Response::builder()
        .status(StatusCode::PERMANENT_REDIRECT)
        .header(header::LOCATION, format!("console/{query}"))
        .finish()
}

/// A page or a file.
///
/// # Errors
/// 404.
#[handler]
pub fn show(request: &Request, console: web::Data<&Console>, app: web::Data<&Arc<App>>) -> poem::Result<Response> {
    let rest = request.uri().path().strip_prefix("/console/").unwrap_or_default();
    match console.0.0.find(rest) {
        Found::Page { index, depth } => page(index, depth, &STANDARD.encode(app.random.bytes::<16>())),
        Found::File(file) => file_as_asked(&file, request),
        Found::Nothing if console.0.0.index.is_none() => {
            Ok(Response::builder().status(StatusCode::NOT_FOUND).content_type("text/html; charset=utf-8").body(MISSING))
        }
        Found::Nothing => Err(NotFoundError.into()),
    }
}

/// The page: its scripts are ours alone, and of style elements those that carry this answer's nonce.
fn page(index: &str, depth: usize, nonce: &str) -> poem::Result<Response> {
    let up = if depth == 0 { OWN.to_owned() } else { format!("=\"{}", "../".repeat(depth)) };
    let text = index.replace(NONCE, nonce).replace(OWN, &up);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).map_err(poem::error::InternalServerError)?;
    let mut response = Response::builder().content_type("text/html; charset=utf-8").body(text);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// A file in the form that the request takes, or word that it has it already. Its bytes are the binary's own.
fn file_as_asked(file: &File, request: &Request) -> poem::Result<Response> {
    let (bytes, coding) = negotiation::chosen(file, request.headers());
    // Another form is another representation, and has another tag (RFC 9110 §8.8.3.3).
    let tag = format!("\"{}-{}\"", file.tag, coding.unwrap_or("plain"));
    let mut response = match negotiation::is_known(request.headers(), &tag) {
        true => Response::builder().status(StatusCode::NOT_MODIFIED).finish(),
        false => Response::builder().content_type(file.content_type()).body(Body::from(bytes)),
    };
    let headers = response.headers_mut();
    if let Some(coding) = coding.filter(|_| headers.contains_key(header::CONTENT_TYPE)) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    let kept = if file.is_hashed() { KEPT } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(header::ETAG, HeaderValue::try_from(tag).map_err(poem::error::InternalServerError)?);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_page_leads_up_to_its_assets_and_trusts_its_nonce_alone() {
        let index = r#"<meta nonce="__NONCE__"><script src="./assets/a.js" nonce="__NONCE__"></script>"#;
        for (depth, asset) in [(0, "./assets/a.js"), (1, "../assets/a.js"), (2, "../../assets/a.js")] {
            let mut answer = page(index, depth, "bm9uY2U=").unwrap();
            let policy = answer.header("content-security-policy").unwrap().to_owned();
            assert!(policy.contains("script-src 'self'; style-src 'self' 'nonce-bm9uY2U=';"), "{policy}");
            let text = answer.take_body().into_string().await.unwrap();
            assert_eq!(text, format!(r#"<meta nonce="bm9uY2U="><script src="{asset}" nonce="bm9uY2U="></script>"#));
        }
    }

    #[tokio::test]
    async fn a_file_says_how_long_it_may_be_kept_and_is_not_sent_twice() {
        let file = File { name: "assets/a-1.js", tag: "1", plain: b"plain", br: Some(b"br"), gzip: None };
        let asked = |known: &'static str| {
            Request::builder().header("accept-encoding", "br").header("if-none-match", known).finish()
        };
        let mut first = file_as_asked(&file, &asked("\"0\"")).unwrap();
        let said = |response: &Response, name: &str| response.header(name).unwrap_or_default().to_owned();
        assert_eq!(said(&first, "content-encoding"), "br");
        assert_eq!(said(&first, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(said(&first, "cache-control"), KEPT);
        assert_eq!(said(&first, "vary"), "Accept-Encoding");
        assert_eq!(said(&first, "etag"), "\"1-br\"");
        assert_eq!(first.take_body().into_vec().await.unwrap(), b"br");
        let again = file_as_asked(&file, &asked("\"1-br\"")).unwrap();
        assert_eq!((again.status(), said(&again, "etag")), (StatusCode::NOT_MODIFIED, "\"1-br\"".to_owned()));
        assert_eq!(said(&again, "content-encoding"), "");
        let icon = file_as_asked(&File { name: "icon.svg", ..file }, &asked("")).unwrap();
        assert_eq!(said(&icon, "cache-control"), "no-cache");
    }
}
