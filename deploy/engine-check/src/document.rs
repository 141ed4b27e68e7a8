//! The table of rules in the author's contract: written by `cargo xtask gen`, between two marks.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use crate::table::{Part, RULES};

/// Before the table.
pub const BEGIN: &str = "<!-- rules: written by `cargo xtask gen` from deploy/engine-check/src/table.rs -->\n";
/// After it.
pub const END: &str = "<!-- /rules -->\n";

/// The rules as Markdown: what an author reads is what is checked.
#[must_use]
pub fn table() -> String {
    let mut text = String::new();
    // How an image is looked at is no call; its rule stands with the others all the same.
    for part in Part::ALL {
        let _ = write!(text, "\n**{part}**\n\n| call | situation | answer | rule |\n| --- | --- | --- | --- |\n");
        for rule in RULES.iter().filter(|rule| rule.part == part) {
            let _ = writeln!(text, "| {} | {} | {} | `{}` |", rule.call, rule.when, rule.answer(), rule.id);
        }
    }
    text.push('\n');
    text
}

/// A page with the table between its marks written anew.
///
/// # Errors
/// When the marks are not there.
pub fn with_table(page: &str) -> Result<String> {
    let (before, rest) = page.split_once(BEGIN).context("the mark before the rules is missing")?;
    let (_, after) = rest.split_once(END).context("the mark after the rules is missing")?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table()))
}
