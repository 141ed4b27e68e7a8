//! Where a page begins (SPEC §3). Lists go down their ids, from below the last one that was shown.

use uuid::Uuid;

/// The id below which a page begins, for `WHERE id < $n`. The first page begins below the greatest of all ids, so the
/// condition is always there and bounds the walk of the index in every plan. `$n IS NULL OR id < $n` bounds it only in a
/// plan that is made for the very value; any other plan reads all pages before the wanted one.
#[must_use]
pub fn below<Id: Into<Uuid>>(before: Option<Id>) -> Uuid {
    before.map_or(Uuid::max(), Into::into)
}
