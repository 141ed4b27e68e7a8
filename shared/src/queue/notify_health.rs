//! Whether wake-ups arrive, as the listener finds out and metrics tell.

/// Whether this process's notifications come back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyHealth {
    /// The last round trip came back in time.
    Healthy,
    /// There is a connection, but no proof that notifications arrive on it.
    Degraded,
    /// There is no connection.
    Off,
}

impl NotifyHealth {
    /// As a word, for metrics and probes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Off => "off",
        }
    }
}
