//! `/api/v1/public`: anyone, through the gateway.

pub mod auth;

/// The operations of this group.
pub fn operations() -> impl poem_openapi::OpenApi {
    (auth::send_email_code::Operation, auth::confirm_email_code::Operation)
}
