//! Answers that say what an administrator's cookie is from now on.

use poem_openapi::ApiResponse;
use poem_openapi::payload::Json;
use poem_openapi::types::ToJSON;

use crate::http::request::administrator::COOKIE;
use crate::use_cases::admin_sign_in::SignedIn;

/// Done.
#[derive(ApiResponse)]
pub enum WithCookie<T: ToJSON> {
    /// It is done.
    #[oai(status = 200)]
    Done(
        Json<T>,
        /// The session's cookie, where it is another one from now on.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

impl<T: ToJSON> WithCookie<T> {
    /// The object, and the session that goes with it; `None` leaves the cookie as it is. The browser keeps it for `max` seconds.
    pub fn session(object: T, signed_in: Option<&SignedIn>, max: u64) -> Self {
        let cookie = signed_in.map(|signed_in| written(signed_in.cookie.expose(), max));
        Self::Done(Json(object), cookie)
    }

    /// The object, and no session any more.
    pub fn gone(object: T) -> Self {
        Self::Done(Json(object), Some(written("", 0)))
    }
}

fn written(value: &str, max: u64) -> String {
    format!("{COOKIE}={value}; Path=/; Max-Age={max}; Secure; HttpOnly; SameSite=Strict")
}
