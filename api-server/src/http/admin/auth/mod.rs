//! How administrators come in, and what they do with their own way in.

pub mod confirm;
pub mod me;
pub mod password;
pub mod second_factor;
pub mod sessions;
pub mod sign_in;
pub mod sign_out;
pub mod tokens;
pub mod totp;

/// The operations of this path.
pub fn operations() -> impl poem_openapi::OpenApi {
    (
        (
            sign_in::Operation,
            second_factor::Operation,
            sign_out::Operation,
            me::Operation,
            password::Operation,
            confirm::Operation,
        ),
        (sessions::list::Operation, sessions::end::Operation, totp::begin::Operation, totp::confirm::Operation),
        (tokens::list::Operation, tokens::create::Operation, tokens::get::Operation, tokens::revoke::Operation),
    )
}
