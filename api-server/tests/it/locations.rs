//! `Location` leads to a GET that answers what was made (SPEC §3): every operation of the document that creates.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::{Api, contract, game, text};

/// What the answer to a creation holds that is told once and never again.
const SECRETS: &[&str] = &["session_token", "token"];

/// The id of nothing.
const NOBODY: &str = "00000000-0000-7000-8000-000000000001";

async fn follow(made: ContractResponse, who: &ContractClient) -> Value {
    let location = made.clone().expect(201).header("location").to_owned();
    let found = who.get(&location).send().await.expect(200).json();
    let mut expected = made.json();
    for secret in SECRETS {
        expected.as_object_mut().unwrap().remove(*secret);
    }
    assert_eq!(found, expected, "{location}");
    // And nothing else stands beside it.
    let (place, id) = location.rsplit_once('/').unwrap();
    if id.len() == NOBODY.len() {
        let answer = who.get(format!("{place}/{NOBODY}")).send().await.expect(404).json();
        assert!(text(&answer, "code").ends_with("_not_found"), "{answer}");
    }
    found
}

#[tokio::test]
async fn every_location_leads_to_what_was_made() {
    let api = Api::start().await;
    let admin = api.admin();
    let (ada_id, ada) = api.player("ada").await;
    let bob = api.account("bob").await;
    let contract = contract();
    let mut creating: BTreeSet<&str> = contract
        .operations()
        .iter()
        .filter(|operation| operation.spec()["responses"]["201"].is_object())
        .map(|operation| operation.id.as_str())
        .collect();
    let mut make = async |id: &str, who: &ContractClient, path: String, body: Value| {
        assert!(creating.remove(id), "{id} creates nothing");
        follow(who.post(path).json(&body).send().await, who).await
    };
    let at = |path: &str| format!("/api/v1/{path}");
    make(
        "admin_create_admin_account",
        &admin,
        at("admin/admin-accounts"),
        json!({ "user_name": "grace", "password": "a long enough one" }),
    )
    .await;
    let token = json!({ "name": "nightly report", "roles": ["viewer"], "expires_in_days": 30 });
    make("admin_create_token", &admin, at("admin/auth/tokens"), token).await;
    let version = json!({ "version": "1.0.0", "image": "e:1" });
    make("admin_create_engine_version", &admin, at("admin/engine-versions"), version).await;
    let grant = json!({ "plan": "monthly", "source": "admin", "reason": "a gift" });
    make("admin_create_entitlement", &admin, at(&format!("admin/users/{bob}/entitlements")), grant).await;
    let sanction = json!({ "kind": "profile_update_block", "reason": "x" });
    make("admin_create_sanction", &admin, at(&format!("admin/users/{bob}/sanctions")), sanction).await;
    make("open_session", &api.gateway(), at(&format!("internal/users/{bob}/sessions")), json!({})).await;
    let public = make("admin_create_game", &admin, at("admin/games"), game(json!({ "owner_user_id": ada_id }))).await;
    let public = text(&public, "game_id");
    let note = json!({ "text": "asked for another first turn" });
    make("admin_create_user_note", &admin, at(&format!("admin/users/{bob}/notes")), note.clone()).await;
    make("admin_create_game_note", &admin, at(&format!("admin/games/{public}/notes")), note).await;
    let private = make("create_lobby_game", &ada, at("user/lobby/games"), game(json!({}))).await;
    let private = text(&private, "game_id");
    for id in [&public, &private] {
        ada.post(at(&format!("user/lobby/games/{id}/open-enrollment"))).send().await.expect(200);
    }
    let wanted = json!({ "race_name": "Zerg" });
    let path = at(&format!("user/lobby/games/{public}/applications"));
    make("create_application", &api.user(&bob), path, wanted).await;
    let path = at(&format!("user/lobby/games/{private}/invites"));
    make("create_invite", &ada, path, json!({ "invited_user_id": bob })).await;
    assert!(creating.is_empty(), "make these here too: {creating:?}");
}
