//! The gateway on behalf of a user.

pub mod account;
pub mod games;
pub mod lobby;
pub mod sessions;

/// The operations of this group.
pub fn operations() -> impl poem_openapi::OpenApi {
    (
        (account::get::Operation, account::patch::Operation, account::delete::Operation),
        (sessions::list::Operation, sessions::revoke::Operation, sessions::revoke_all::Operation),
        lobby::operations(),
        (games::commands::Operation, games::orders::Operation, games::reports::Operation),
    )
}
