//! What a look-up may end in beside a country.

/// A look-up that found out nothing.
#[derive(Debug)]
pub(super) enum LookupError {
    /// There is no database (yet).
    NoDatabase,
    /// The database cannot answer for this address.
    Broken,
}
