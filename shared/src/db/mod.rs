//! All SQL, one module per noun. Functions take a connection and never begin or commit: the transaction belongs to the caller.
//! Those that lock or set something for the rest of a transaction, and do nothing else, take an [`InTransaction`], as does
//! [`erasure::erase`], whose many statements each have a limit of their own (`docs/postgres.md`). Four that lock take a bare
//! connection all the same, since what the queue engine calls at a finish comes to them, too, with the connection of the
//! engine's transaction: [`games::lock`], [`accounts::hold_all`], [`accounts::hold_addresses`] and
//! [`runtime::amends::lock_active_job`].
//!
//! # Errors
//! An [`Error`] is the driver's or the server's ([`Error::Driver`]) unless a function says more. After any of them the
//! transaction is not to be committed.
#![expect(clippy::missing_errors_doc, reason = "said once, above; what is not ordinary is said where it is")]

pub mod accounts;
pub mod admin_accounts;
pub mod admin_factors;
pub mod admin_sessions;
pub mod admin_tokens;
pub mod applications;
pub mod audit_log;
pub mod auth;
pub mod banishments;
pub mod challenges;
pub mod countries;
pub mod departures;
pub mod endings;
pub mod engine_versions;
pub mod entitlements;
pub mod erasure;
pub mod games;
pub mod idempotency;
pub mod invites;
pub mod limits;
pub mod lists;
pub mod mail;
pub mod memberships;
pub mod notes;
pub mod notifications;
pub mod overview;
pub mod push_log;
pub mod queues;
pub mod race_names;
pub mod runtime;
pub mod sanctions;
pub mod search;
pub mod sessions;
pub mod stats;
pub mod timeline;
mod words;
pub mod workers;

pub use crate::postgres::{Conn, Db, Error, InTransaction, Savepoint, Tx, savepoint};
