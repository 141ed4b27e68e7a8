//! Notes of administrators, about accounts and about games.

use futures::future::join_all;
use serde_json::json;

use crate::admin::{items, walk};
use crate::harness::{Api, text};

const NOBODY: &str = "00000000-0000-7000-8000-000000000001";

#[tokio::test]
async fn notes_are_written_once_and_read_newest_first_by_administrators() {
    let api = Api::start().await;
    let other = api.replica().await;
    let ada = api.account("ada").await;
    let bob = api.account("bob").await;
    let game = api.public_game(json!({})).await;
    for (path, elsewhere) in [
        (format!("/api/v1/admin/users/{ada}/notes"), format!("/api/v1/admin/users/{bob}/notes")),
        (format!("/api/v1/admin/games/{game}/notes"), format!("/api/v1/admin/games/{NOBODY}/notes")),
    ] {
        let admin = api.admin();
        assert!(items(&admin, &path).await.is_empty());
        let first = json!({ "text": " first line\nsecond line " });
        let clients = [api.admin(), other.admin()];
        let calls =
            (0..8).map(|n| clients[n % 2].post(&path).header("Idempotency-Key", &path[14..20]).json(&first).send());
        let made: Vec<String> =
            join_all(calls).await.into_iter().map(|answer| text(&answer.expect(201).json(), "note_id")).collect();
        assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
        let again = admin.post(&path).header("Idempotency-Key", &path[14..20]).json(&json!({ "text": "other" }));
        again.send().await.expect_problem(422, "idempotency_key_reused");
        let second = admin.post(&path).json(&json!({ "text": "later" })).send().await.expect(201).json();
        assert_eq!((&second["author"], &second["text"]), (&json!("root"), &json!("later")));
        let ids = [text(&second, "note_id"), made[0].clone()];
        assert_eq!(walk(&admin, &path, "note_id").await, ids);
        let note = admin.get(format!("{path}/{}", made[0])).send().await.expect(200).json();
        assert_eq!(note["text"], "first line\nsecond line");
        let of_another = admin.get(format!("{elsewhere}/{}", made[0])).send().await;
        of_another.expect_problem(404, "note_not_found");
        for words in ["", "  ", &"x".repeat(2_001), "a\u{202e}b"] {
            let answer = admin.post(&path).bad().json(&json!({ "text": words })).send().await;
            let answer = answer.expect_problem(400, "invalid_request").json();
            assert_eq!(answer["errors"][0]["pointer"], "/text", "{answer}");
        }
    }
    let said = "audit_log WHERE action IN ('user.note.write', 'game.note.write')";
    assert_eq!(api.count(said).await, 4, "one line for each note");
    assert_eq!(api.count(&format!("{said} AND detail::text LIKE '%line%'")).await, 0, "the trail has not what it says");
}

#[tokio::test]
async fn no_note_is_about_nobody_or_about_who_was_deleted() {
    let api = Api::start().await;
    let admin = api.admin();
    let ada = api.account("ada").await;
    let path = format!("/api/v1/admin/users/{ada}/notes");
    let body = json!({ "text": "Ada called" });
    admin.post(&path).json(&body).send().await.expect(201);
    admin.delete(format!("/api/v1/admin/users/{ada}")).send().await.expect(204);
    assert!(items(&admin, &path).await.is_empty(), "it went with the account");
    admin.post(&path).json(&body).send().await.expect_problem(404, "account_not_found");
    for (noun, code) in [("users", "account_not_found"), ("games", "game_not_found")] {
        let path = format!("/api/v1/admin/{noun}/{NOBODY}/notes");
        admin.post(&path).json(&body).send().await.expect_problem(404, code);
        admin.get(&path).send().await.expect_problem(404, code);
        admin.get(format!("{path}/{NOBODY}")).send().await.expect_problem(404, "note_not_found");
    }
}
