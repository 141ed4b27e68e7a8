//! An HTTP client that holds both sides to the committed `openapi.json`.
//!
//! Each request that a [`ContractClient`] sends must be one that the document describes (its operation, its query, its
//! body), unless the test says that it is wrong on purpose ([`ContractRequest::bad`]); each answer must have a status,
//! a content type and a body that the document gives for that operation. What does not fit fails the test, with the
//! place and the reason. What was seen is written to `target/testkit/contract-seen.jsonl`, for a check that every
//! operation has been called.
//!
//! An error that the framework answers before or instead of an operation (unknown path, wrong method, overload, a
//! request that is bad on purpose) may have a status that the operation does not list; it must still be
//! `application/problem+json` of the document's problem schema (SPEC §3).

mod client;
mod contract;
mod schema;

pub use client::{ContractClient, ContractRequest, ContractResponse, seen_file};
pub use contract::{Contract, Operation};
