//! Accounts, as administrators look after them.

pub mod countries;
pub mod delete;
pub mod entitlements;
pub mod export;
pub mod get;
pub mod limits;
pub mod list;
pub mod notes;
pub mod sanctions;
pub mod sessions;
pub mod timeline;

/// The operations on accounts.
pub fn operations() -> impl poem_openapi::OpenApi {
    (
        (list::Operation, export::Operation, get::Operation, delete::Operation, countries::list::Operation),
        (
            sanctions::list::Operation,
            sanctions::create::Operation,
            sanctions::get::Operation,
            sanctions::lift::Operation,
        ),
        (
            limits::get::Operation,
            limits::set::Operation,
            entitlements::list::Operation,
            entitlements::create::Operation,
            entitlements::get::Operation,
        ),
        (sessions::list::Operation, sessions::revoke_all::Operation, sessions::revoke_many::Operation),
        (notes::list::Operation, notes::create::Operation, notes::get::Operation, timeline::Operation),
    )
}
