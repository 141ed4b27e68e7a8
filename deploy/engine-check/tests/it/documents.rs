//! What authors read is what is checked.

use std::path::Path;

use galaxy_engine_check::{RULES, document};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/engine-contract.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_authors_contract_has_the_table_of_the_check() {
    assert!(page() == document::with_table(&page()).unwrap(), "docs/engine-contract.md is stale: cargo xtask gen");
}

/// Every call of the OpenAPI document is in the table, and the table has no other.
#[test]
fn the_table_speaks_of_every_call_and_of_no_other() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/openapi.json");
    let openapi: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let calls: Vec<String> = openapi["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    for call in &calls {
        assert!(RULES.iter().any(|rule| rule.call.contains(&format!("`{call}`"))), "{call} is in no rule");
        assert!(page().contains(&format!("`{call}")), "{call} is not in the contract");
    }
    let named = RULES.iter().flat_map(|rule| rule.call.split('`')).filter(|word| word.contains(" /"));
    for call in named {
        assert!(calls.iter().any(|known| known == call), "{call} is no call");
    }
}

/// The codes that the platform reads are those that the check demands.
#[test]
fn the_contract_names_every_code_that_is_demanded() {
    for code in RULES.iter().filter_map(|rule| rule.code) {
        let page = page();
        let mut paragraphs = page.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
        let paragraph = paragraphs.find(|paragraph| paragraph.contains("The platform reads these codes")).unwrap();
        assert!(paragraph.contains(&format!("`{code}`")), "{code}");
    }
}
