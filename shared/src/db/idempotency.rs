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

/// Reads the row that was made under a key, for the `replayed` of a module: `$id` is what is read as the row's id, `$table`
/// where from. The caller has [`Replayed`] in scope.
macro_rules! replayed {
    ($conn:expr, $idempotency:expr, $id:tt, $table:tt) => {
        sqlx::query_as!(
            Replayed,
            "SELECT "
                + $id
                + r#", idempotency_hash AS "hash!" FROM "#
                + $table
                + " WHERE idempotency_owner = $1 AND idempotency_key = $2",
            $idempotency.owner,
            $idempotency.key
        )
        .fetch_optional($conn)
        .await
    };
}
pub(super) use replayed;
