//! What administrators did.

use super::spec::{Spec, list};

/// Its commands.
pub const ALL: &[Spec] = &[list(
    ["audit", "list"],
    "/audit-log",
    &["actor", "action", "target_type", "target_id", "outcome", "via", "operation_id", "at_after", "at_before"],
    &["at", "actor", "action", "target_type", "target_id", "outcome", "reason", "ip", "detail"],
    "What administrators did",
)];
