//! The committed document is what this build says.

#[test]
fn the_committed_document_is_fresh() {
    let path = testkit::workspace_root().join("api-server/openapi.json");
    let committed = std::fs::read_to_string(&path).unwrap();
    let fresh = api_server::http::openapi_text().unwrap();
    assert!(committed == fresh, "api-server/openapi.json is stale: `cargo xtask gen` writes it anew");
}

#[test]
fn every_operation_has_an_id_of_its_own_and_a_group() {
    let contract = crate::harness::contract();
    let mut ids: Vec<&str> = contract.operations().iter().map(|o| o.id.as_str()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(!ids.contains(&""));
    assert!(contract.operations().iter().all(|o| o.tags.len() == 1 && o.path.starts_with("/api/v1/")));
}
