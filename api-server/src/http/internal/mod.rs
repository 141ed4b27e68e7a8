//! `/api/v1/internal`: the gateway itself.

pub mod identities;
pub mod sessions;
pub mod users;

/// The operations of this group.
pub fn operations() -> impl poem_openapi::OpenApi {
    (
        sessions::get::Operation,
        sessions::resolve::Operation,
        sessions::revoke::Operation,
        sessions::revoke_all::Operation,
        sessions::open::Operation,
        identities::provision::Operation,
        users::get::Operation,
    )
}
