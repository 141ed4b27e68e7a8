//! What happened to an account, in one line of time.

use serde_json::{Value, json};

use crate::admin::{items, mail, walk};
use crate::harness::{Api, text};

#[tokio::test]
async fn what_happened_to_an_account_is_one_line_of_time() {
    let api = Api::start().await;
    let admin = api.admin();
    let (ada, client) = api.player("ada").await;
    api.sql(
        "INSERT INTO identities (identity_id, user_id, kind, external_id)
         VALUES (gen_random_uuid(), $1::uuid, 'email', 'ada@example.org')",
        &ada,
    )
    .await;
    let path = format!("/api/v1/admin/users/{ada}/timeline");
    assert!(items(&admin, &path).await.is_empty());
    let opened = api.gateway().post(format!("/api/v1/internal/users/{ada}/sessions")).json(&json!({})).send().await;
    let session = text(&opened.expect(201).json(), "device_session_id");
    let game = api.open_public_game(json!({})).await;
    api.join(&game, &client, "Zerg").await;
    let sent = mail(&api, "one", &["ADA@example.org"]).await.to_string();
    mail(&api, "two", &["ann@example.org"]).await;
    let note = json!({ "text": "Wrote to them." });
    let note = admin.post(format!("/api/v1/admin/users/{ada}/notes")).json(&note).send().await.expect(201).json();
    let block = json!({ "kind": "profile_update_block", "reason": "rude name" });
    admin.post(format!("/api/v1/admin/users/{ada}/sanctions")).json(&block).send().await.expect(201);

    let seen = items(&admin, &path).await;
    let told = |entry: &Value| (text(entry, "source"), text(entry, "what"));
    let expected = [
        ("trail", "user.sanction.set"),
        ("trail", "user.note.write"),
        ("note", "note"),
        ("mail", "game.started"),
        ("membership", "Zerg"),
        ("application", "Zerg"),
        ("session", "session"),
    ];
    assert_eq!(seen.iter().map(told).collect::<Vec<_>>(), expected.map(|(s, w)| (s.to_owned(), w.to_owned())));
    let of = |source: &str| seen.iter().find(|entry| entry["source"] == source).unwrap();
    assert_eq!((&of("session")["entry_id"], &of("session")["outcome"]), (&json!(session), &json!("active")));
    assert_eq!((&of("membership")["game_id"], &of("membership")["outcome"]), (&json!(game), &json!("active")));
    assert_eq!((&of("mail")["entry_id"], &of("mail")["outcome"]), (&json!(sent), &json!("pending")));
    assert_eq!((&of("note")["entry_id"], &of("note")["detail"]), (&note["note_id"], &json!("Wrote to them.")));
    assert_eq!(of("trail")["actor"], "root");

    let ids: Vec<Value> = seen.iter().map(|entry| entry["entry_id"].clone()).collect();
    assert_eq!(walk(&admin, &path, "entry_id").await, ids, "page by page");
    let nobody = "/api/v1/admin/users/00000000-0000-7000-8000-000000000001/timeline";
    admin.get(nobody).send().await.expect_problem(404, "account_not_found");
}
