//! JSON patches (RFC 6902): the three operations that the manifests use.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// One step.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Operation {
    /// Sets what is, or is not yet, there.
    Add { path: String, value: Value },
    /// Sets what is there.
    Replace { path: String, value: Value },
    /// Takes away what is there.
    Remove { path: String },
}

/// Applies all of them.
///
/// # Errors
/// The first that finds nothing where it points to.
pub(super) fn apply(document: &mut Value, operations: &[Operation]) -> Result<()> {
    for operation in operations {
        let (Operation::Add { path, .. } | Operation::Replace { path, .. } | Operation::Remove { path }) = operation;
        let (parent, key) = path.rsplit_once('/').with_context(|| format!("{path:?} is no path"))?;
        let key = key.replace("~1", "/").replace("~0", "~");
        let parent = document.pointer_mut(parent).with_context(|| format!("{path}: nothing is there"))?;
        match (parent, operation) {
            (Value::Object(fields), Operation::Add { value, .. }) => {
                fields.insert(key, value.clone());
            }
            (Value::Object(fields), Operation::Replace { value, .. }) => {
                *fields.get_mut(&key).with_context(|| format!("{path}: nothing is there"))? = value.clone();
            }
            (Value::Object(fields), Operation::Remove { .. }) => {
                fields.remove(&key).with_context(|| format!("{path}: nothing is there"))?;
            }
            (Value::Array(items), Operation::Add { value, .. }) if key == "-" => items.push(value.clone()),
            (Value::Array(items), Operation::Replace { value, .. }) => {
                let at: usize = key.parse().with_context(|| format!("{path}: no place of a list"))?;
                *items.get_mut(at).with_context(|| format!("{path}: nothing is there"))? = value.clone();
            }
            (Value::Array(items), Operation::Remove { .. }) => {
                let at: usize = key.parse().with_context(|| format!("{path}: no place of a list"))?;
                anyhow::ensure!(at < items.len(), "{path}: nothing is there");
                items.remove(at);
            }
            _ => bail!("{path}: this step is not known here"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(operations: Value) -> Result<Value> {
        let mut document = json!({ "a": { "b/c": 1 }, "list": [1, 2] });
        apply(&mut document, &serde_json::from_value::<Vec<Operation>>(operations)?)?;
        Ok(document)
    }

    #[test]
    fn steps_set_and_take_away() {
        let steps = json!([
            { "op": "replace", "path": "/a/b~1c", "value": 2 },
            { "op": "add", "path": "/a/d", "value": [] },
            { "op": "add", "path": "/list/-", "value": 3 },
            { "op": "replace", "path": "/list/0", "value": 0 },
        ]);
        assert_eq!(patched(steps).unwrap(), json!({ "a": { "b/c": 2, "d": [] }, "list": [0, 2, 3] }));
        let steps = json!([{ "op": "remove", "path": "/a" }, { "op": "remove", "path": "/list/0" }]);
        assert_eq!(patched(steps).unwrap(), json!({ "list": [2] }));
    }

    #[test]
    fn a_step_that_finds_nothing_is_an_error() {
        for step in [
            json!({ "op": "remove", "path": "/x" }),
            json!({ "op": "remove", "path": "/list/2" }),
            json!({ "op": "replace", "path": "/a/x", "value": 1 }),
            json!({ "op": "add", "path": "/x/y", "value": 1 }),
            json!({ "op": "test", "path": "/a", "value": 1 }),
        ] {
            assert!(patched(json!([step])).is_err(), "{step}");
        }
    }
}
