//! One JSON object a line on stderr. The container runtime adds the time.

use std::io::Write;

use serde_json::{Value, json};

/// Writes a line; a stderr that nobody reads is no reason to fail.
pub fn line(level: &str, message: &str, fields: &Value) {
    let text = json!({"level": level, "service": "engine", "msg": message, "fields": fields});
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
