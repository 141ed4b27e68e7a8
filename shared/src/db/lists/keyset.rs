//! Where a page begins (SPEC §3). Lists go down their ids, from below the last one that was shown.

use uuid::Uuid;

/// The id below which a page begins, for `WHERE id < $n`. A list from its start begins below the greatest of all ids: a
/// condition that is there in any case bounds the index in any plan, where `$n IS NULL OR id < $n` does so only in a plan
/// made for the very value, and reads all pages before the wanted one in any other.
#[must_use]
pub fn below<Id: Into<Uuid>>(before: Option<Id>) -> Uuid {
    before.map_or(Uuid::max(), Into::into)
}
