//! What is read from requests and written into answers (SPEC §5 objects): one file a noun. What an operation alone takes stands with it.

pub mod accounts;
pub mod admin_access;
pub mod admin_accounts;
pub mod applications;
pub mod audit_log;
pub mod bulk;
pub mod effects;
pub mod engine_versions;
pub mod entitlements;
pub mod games;
pub mod invites;
pub mod limits;
pub mod mail;
pub mod memberships;
pub mod notes;
pub mod notifications;
pub mod overview;
pub mod push;
pub mod queues;
pub mod race_names;
pub mod reconciliation;
pub mod runtimes;
pub mod sanctions;
pub mod search;
pub mod sessions;
pub mod stats;
pub mod timeline;
pub mod words;
pub mod workers;

/// Defines a page of items: `{items, next_cursor}`.
#[macro_export]
macro_rules! page_of {
    ($name:ident, $item:ty) => {
        /// A page, newest first.
        #[derive(Debug, poem_openapi::Object)]
        pub struct $name {
            /// The items of this page.
            pub items: Vec<$item>,
            /// Pass it as `cursor` for the next page; null on the last one.
            pub next_cursor: Option<String>,
        }

        impl From<(Vec<$item>, Option<String>)> for $name {
            fn from((items, next_cursor): (Vec<$item>, Option<String>)) -> Self {
                Self { items, next_cursor }
            }
        }
    };
}
