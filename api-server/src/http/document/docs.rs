//! `GET /docs`: Swagger UI over the document that is served and committed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use poem::http::{HeaderValue, header};
use poem::{Response, handler, web};
use sha2::{Digest as _, Sha256};

/// The page, and what it may load.
#[derive(Debug, Clone)]
pub struct Docs {
    page: Bytes,
    policy: HeaderValue,
}

impl Docs {
    /// A page whose scripts and styles stand in it: they run by their hashes, and nothing else does (CSP Level 3).
    ///
    /// # Errors
    /// Never, for a hash is a header's value: a bug.
    pub fn new(page: &str) -> anyhow::Result<Self> {
        // As a browser reads it, before it hashes what stands between the tags.
        let page = page.replace("\r\n", "\n");
        let (mut scripts, mut styles) = (String::new(), String::new());
        for (element, text) in inline(&page) {
            let hashes = if element == "script" { &mut scripts } else { &mut styles };
            hashes.push_str(&format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(text))));
        }
        let policy = format!(
            "default-src 'none'; script-src{scripts}; style-src{styles}; img-src 'self' data:; font-src data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Ok(Self { policy: HeaderValue::try_from(policy)?, page: page.into() })
    }
}

/// The scripts and styles of a page, each with its element, in their order. What stands in one is text: `<style` in a script is no
/// element.
fn inline(page: &str) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    let mut rest = page;
    let next = |text: &str| {
        let begin = |element: &'static str| Some((text.find(&format!("<{element}"))?, element));
        ["script", "style"].into_iter().filter_map(begin).min()
    };
    while let Some((at, element)) = next(rest)
        && let Some((_, after)) = rest.get(at..).and_then(|tag| tag.split_once('>'))
        && let Some((text, after)) = after.split_once(&format!("</{element}>"))
    {
        found.push((element, text));
        rest = after;
    }
    found
}

/// The page.
#[handler]
pub fn show(docs: web::Data<&Docs>) -> Response {
    let mut response = Response::builder().content_type("text/html; charset=utf-8").body(docs.page.clone());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, docs.policy.clone());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_page_runs_by_its_hash() {
        let docs =
            Docs::new("<style a=\"b\">x</style><script>\r\nalert('<style>')</script><script >2</script>").unwrap();
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        let policy = docs.policy.to_str().unwrap();
        assert!(policy.contains(&format!("script-src {} {};", hash("\nalert('<style>')"), hash("2"))), "{policy}");
        assert!(policy.contains(&format!("style-src {};", hash("x"))), "{policy}");
    }
}
