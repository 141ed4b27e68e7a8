//! The last word of `cargo xtask test`: what all tests together saw of the contract (docs/contract.md). Left out by
//! `.config/nextest.toml`, since it judges what the others have written; by hand, after them:
//! `cargo nextest run --workspace --ignore-default-filter -E 'binary(coverage)'`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation must end the test with its message")]

use testkit::openapi::{Contract, coverage, seen_file};

fn differences() -> coverage::Differences {
    let seen = coverage::read(&seen_file()).unwrap_or_else(|error| panic!("run the other tests first: {error:#}"));
    coverage::judge(&Contract::committed().unwrap(), &seen)
}

#[test]
fn no_undocumented_answer_was_seen() {
    let found = differences().undocumented;
    assert!(found.is_empty(), "{} answers are not in the document:\n  {}", found.len(), found.join("\n  "));
}

#[test]
fn every_documented_answer_was_seen() {
    let found = differences();
    assert!(
        found.unseen.is_empty(),
        "{} of {} documented answers were reached by no test. Either the operation cannot answer it (take it out of its \
         `codes!`), or a test is missing:\n  {}",
        found.unseen.len(),
        found.documented,
        found.unseen.join("\n  ")
    );
}
