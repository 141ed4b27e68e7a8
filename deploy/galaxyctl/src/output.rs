//! What is shown: tables for people, JSON for programs.

use std::fmt::Write as _;

use serde_json::Value;

use crate::commands::Spec;

/// Widest cell of a table; what is longer is cut, and is whole in JSON.
const WIDEST: usize = 60;

/// An answer as text for people.
#[must_use]
pub fn table(spec: &Spec, answer: &Value) -> String {
    let items = answer.get("items").and_then(Value::as_array);
    match (items, answer.get("lines").and_then(Value::as_array)) {
        (Some(items), _) if spec.is_list() => rows(spec.columns, items),
        (_, Some(lines)) => lines.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{}", shown(line));
            text
        }),
        _ => members(answer),
    }
}

fn rows(columns: &[&str], items: &[Value]) -> String {
    let heads = columns.iter().map(|column| column.to_uppercase()).collect();
    let cell = |item: &Value, column: &str| {
        let value = column.split('.').try_fold(item, |value, name| value.get(name));
        let text = value.map(shown).unwrap_or_default();
        if text.chars().count() <= WIDEST { text } else { text.chars().take(WIDEST - 1).chain(['…']).collect() }
    };
    let mut table: Vec<Vec<String>> = vec![heads];
    table.extend(items.iter().map(|item| columns.iter().map(|column| cell(item, column)).collect()));
    let width =
        |at: usize| table.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    table.iter().fold(String::new(), |mut text, row| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        text
    })
}

fn members(answer: &Value) -> String {
    let members = answer.as_object().into_iter().flatten();
    let widest = members.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    members.fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:widest$}  {}", shown(value));
        text
    })
}

/// A value in one line. Names and logs are other people's words: nothing in them may steer the terminal.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::all;

    #[test]
    fn a_list_is_a_table_and_nothing_in_it_steers_the_terminal() {
        let spec = all().find(|spec| spec.words == ["users", "find"]).unwrap();
        let answer = json!({"items": [{"user_id": "1", "user_name": "a\u{1b}[2J", "entitlement": {"plan": "free"}}]});
        let text = table(spec, &answer);
        assert!(text.starts_with("USER_ID  USER_NAME"), "{text}");
        assert!(text.contains("a\u{fffd}[2J") && text.contains("free"), "{text}");
    }
}
