//! What an entry of the trail says of a change: how what was changed was before, and how it was left (SPEC §4 "Administrators").

use serde_json::{Map, Value, json};
use shared::domain::game::{GameStatus, PauseReason};

/// The most bytes that either of both takes in the trail, as JSON; the column takes more.
const MAX: usize = 4096;

/// What an entry says.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What else matters.
    pub detail: Value,
    /// What was changed, as it was; `None`: it is new, or nothing was changed that is told.
    pub before: Option<Value>,
    /// The same, as it was left.
    pub after: Option<Value>,
}

impl Change {
    /// From one to the other; `null` and `{}` are none. No address, no secret and no text that people wrote stands in them. One that is too
    /// large for the trail is told by its length.
    pub fn of(detail: Value, before: Value, after: Value) -> Self {
        Self { detail, before: bounded(before), after: bounded(after) }
    }
}

impl From<Value> for Change {
    fn from(detail: Value) -> Self {
        Self { detail, before: None, after: None }
    }
}

fn bounded(value: Value) -> Option<Value> {
    if value.is_null() || value.as_object().is_some_and(Map::is_empty) {
        return None;
    }
    let bytes = value.to_string().len();
    Some(if bytes > MAX { json!({ "bytes": bytes }) } else { value })
}

/// Where a game stands, as the trail tells it.
pub fn standing(status: GameStatus, pause_reason: Option<PauseReason>) -> Value {
    match pause_reason {
        Some(reason) => json!({ "status": status, "pause_reason": reason }),
        None => json!({ "status": status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_told_by_its_length_and_nothing_is_none() {
        let change = Change::of(json!({}), Value::Null, json!({ "roles": ["viewer"] }));
        assert_eq!((change.before, change.after), (None, Some(json!({ "roles": ["viewer"] }))));
        assert_eq!(Change::of(json!({}), json!({}), json!({})).after, None);
        let change = Change::of(json!({}), json!("x".repeat(MAX - 2)), json!("x".repeat(MAX)));
        assert_eq!(change.before.map(|value| value.to_string().len()), Some(MAX));
        assert_eq!(change.after, Some(json!({ "bytes": MAX + 2 })));
    }
}
