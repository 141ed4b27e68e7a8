//! An HTTP client that holds both sides to the committed `openapi.json`.
//!
//! Each request that a [`ContractClient`] sends must be one that the document describes (its operation, its query, its
//! body), unless the test says that it is wrong on purpose ([`ContractRequest::bad`]); each answer must have a status,
//! a content type and a body that the document gives for that operation, and an error one of the codes that it lists for that
//! status. What does not fit fails the test, with the place and the reason. An answer of a path or method that is no
//! operation must be a problem.
//!
//! What was seen is written to `target/testkit/contract-seen.jsonl`; [`coverage`] judges it when all tests have ended.
//! [`compatibility`] tells whether a document keeps the promises of an earlier one.

mod client;
pub mod compatibility;
mod contract;
pub mod coverage;

pub use client::{ContractClient, ContractRequest, ContractResponse, seen_file};
pub use contract::{Answer, Contract, Operation};
