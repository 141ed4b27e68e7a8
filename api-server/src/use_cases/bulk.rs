//! What is done to many at once.

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// How many matched the choice.
    pub matched: i64,
    /// How many were changed.
    pub changed: i64,
}
