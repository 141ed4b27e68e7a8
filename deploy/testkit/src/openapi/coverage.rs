//! Whether all tests together have seen every answer that the document promises, and no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::contract::{Answer, Contract};

/// Codes that the frame answers before or around an operation's own code, whichever it is: each must be seen somewhere, not at
/// every operation.
const ONCE: [&str; 2] = ["internal", "timeout"];

/// One line of the file that [`super::ContractClient`] writes.
#[derive(Debug, Clone, Deserialize)]
pub struct Seen {
    operation: String,
    status: u16,
    code: Option<String>,
}

/// Where the tests and the document differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Seen, but not in the document.
    pub undocumented: Vec<String>,
    /// In the document, but never seen.
    pub unseen: Vec<String>,
    /// How many answers the document has.
    pub documented: usize,
}

/// Reads what was seen.
///
/// # Errors
/// When there is no such file, or a line is not of that shape.
pub fn read(path: &Path) -> Result<Vec<Seen>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// Compares.
pub fn judge(contract: &Contract, seen: &[Seen]) -> Differences {
    let mut found: BTreeMap<&str, BTreeSet<Answer>> = BTreeMap::new();
    for line in seen {
        found.entry(&line.operation).or_default().insert(Answer { status: line.status, code: line.code.clone() });
    }
    let somewhere = |code: &str| seen.iter().any(|line| line.code.as_deref() == Some(code));
    let mut differences = Differences::default();
    for operation in contract.operations() {
        let (name, documented) = (operation.name(), contract.answers(operation));
        differences.documented += documented.len();
        let nothing = BTreeSet::new();
        let found = found.get(name.as_str()).unwrap_or(&nothing);
        for answer in &documented {
            let once = answer.code.as_deref().is_some_and(|code| ONCE.contains(&code) && somewhere(code));
            if !once && !found.contains(answer) {
                differences.unseen.push(format!("{name}: {answer}"));
            }
        }
        for answer in found {
            if !documented.contains(answer) {
                differences.undocumented.push(format!("{name}: {answer}"));
            }
        }
    }
    differences
}
