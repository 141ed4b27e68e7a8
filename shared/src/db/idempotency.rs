//! `Idempotency-Key` (SPEC §3): the key lives in a unique index on the row that the request makes, with who used it and a
//! hash of what was asked.

/// What a creating statement writes beside its row.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Whose key: a user's id, or `admin:<name>`.
    pub owner: String,
    /// The key, as sent.
    pub key: String,
    /// SHA-256 over the operation and the canonical body.
    pub hash: Vec<u8>,
}

impl Idempotency {
    /// The three columns, null without a key.
    pub(super) fn columns(this: Option<&Self>) -> (Option<&str>, Option<&str>, Option<&[u8]>) {
        (this.map(|i| i.owner.as_str()), this.map(|i| i.key.as_str()), this.map(|i| i.hash.as_slice()))
    }
}

/// A row that an earlier request made under the same key.
#[derive(Debug, Clone)]
pub struct Replayed<Id> {
    /// The row.
    pub id: Id,
    /// The hash of what was asked then.
    pub hash: Vec<u8>,
}
