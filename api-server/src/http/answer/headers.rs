//! Headers that every answer has.

use poem::Response;
use poem::http::{HeaderName, HeaderValue, header};

/// What an answer of ours says to browsers unless it says something else: it is shown in no frame, loads nothing, is what it says
/// it is, and its address is told nobody.
const SAID: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Says to browsers what every answer says.
pub fn finish(response: &mut Response) {
    for (name, value) in SAID {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
}
