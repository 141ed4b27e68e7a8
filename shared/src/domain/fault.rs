//! Why a value that somebody gave cannot stand.

/// A reason with a stable word for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The word: it becomes `errors[].code` of a problem (RFC 9457).
    pub code: &'static str,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl Fault {
    /// A fault.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.detail
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}
