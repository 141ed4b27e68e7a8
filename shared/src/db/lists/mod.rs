//! What the lists of all nouns have in common: where a page begins, and how filtered lists walk their index.

mod filtered;
mod keyset;
mod piece;

pub use filtered::Span;
pub(in crate::db) use filtered::{plan_for_values, walk_in_order};
pub use keyset::below;
pub(in crate::db) use piece::chosen;
pub use piece::{Chosen, MATCHED_LIMIT, Piece};
