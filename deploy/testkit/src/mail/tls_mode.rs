//! When a conversation is encrypted.

/// How connections are encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// Never.
    #[default]
    None,
    /// After `STARTTLS`, which is demanded before `MAIL`.
    StartTls,
    /// From the first byte.
    Tls,
}
