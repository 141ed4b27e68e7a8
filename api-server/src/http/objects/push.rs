//! Subscribers of the push hub, as administrators see them (SPEC §5 objects).

use chrono::{DateTime, Utc};
use poem_openapi::Object;
use shared::db::push_log;

use crate::page_of;

page_of!(SubscriberPage, Subscriber);

/// A gateway that subscribed.
#[derive(Debug, Object)]
pub struct Subscriber {
    /// The gateway's own name.
    pub gateway_client_id: String,
    /// When its stream began.
    pub connected_at: DateTime<Utc>,
    /// When the stream's replica last said how far it is, which it does every few seconds; null: not yet.
    pub seen_at: Option<DateTime<Utc>>,
    /// How many events the log has now that the stream had not been handed then. Null: not known yet, or the stream is in an
    /// earlier epoch.
    pub behind: Option<i64>,
}

impl From<push_log::Subscriber> for Subscriber {
    fn from(row: push_log::Subscriber) -> Self {
        Self {
            gateway_client_id: row.gateway_client_id,
            connected_at: row.connected_at,
            seen_at: row.seen_at,
            behind: row.behind,
        }
    }
}
