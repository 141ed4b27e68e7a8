//! How members go: leave, remove, block, ban, and what follows from it in the lobby and for the engine (SPEC §7).

use serde_json::json;
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::{Api, text};

async fn apply(player: &ContractClient, game: &str, race: &str) -> ContractResponse {
    let path = format!("/api/v1/user/lobby/games/{game}/applications");
    player.post(path).json(&json!({ "race_name": race })).send().await
}

async fn leave(player: &ContractClient, game: &str) -> ContractResponse {
    player.post(format!("/api/v1/user/lobby/games/{game}/leave")).send().await
}

/// The id of a user's newest membership, as administrators see it.
pub async fn membership(api: &Api, game: &str, user: &str) -> String {
    let list = api.admin().get(format!("/api/v1/admin/games/{game}/memberships")).send().await.expect(200).json();
    let own = list["items"].as_array().unwrap().iter().find(|m| m["user_id"] == user);
    text(own.unwrap_or_else(|| panic!("no membership of {user} in {list}")), "membership_id")
}

/// The game runs, as its runtime would have made it.
pub async fn runs(api: &Api, game: &str) {
    api.sql("UPDATE games SET status = 'running', started_at = now() WHERE game_id = $1::uuid", game).await;
    api.sql(
        "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token, endpoint)
         VALUES ($1::uuid, 'running', 'process', 'process:test', '1.0.0', 'engine', 'token', 'http://127.0.0.1:9')",
        game,
    )
    .await;
}

#[tokio::test]
async fn who_leaves_gives_seat_and_name_back_and_may_come_again() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let (_, bob) = api.player("bob").await;
    let game = api.open_public_game(json!({ "max_players": 1, "min_players": 1 })).await;
    api.join(&game, &ada, "Zerg").await;
    apply(&bob, &game, "ZERG").await.expect_problem(409, "race_name_taken");
    let left = leave(&ada, &game).await.expect(200).json();
    assert_eq!((&left["status"], &left["approved_count"]), (&json!("enrollment_open"), &json!(0)));
    leave(&ada, &game).await.expect_problem(403, "not_a_member");
    assert_eq!(api.count("race_names WHERE status <> 'released'").await, 0);
    assert_eq!(
        api.count("memberships WHERE status = 'left' AND ended_at IS NOT NULL AND banish_due_at IS NULL").await,
        1
    );
    // Seat and name are another's now; the one who left may still apply again, under another name.
    api.join(&game, &bob, "ZERG").await;
    apply(&ada, &game, "Zerg").await.expect_problem(409, "race_name_taken");
    let again = text(&apply(&ada, &game, "Terran").await.expect(201).json(), "application_id");
    let approve = format!("/api/v1/admin/games/{game}/applications/{again}/approve");
    api.admin().post(&approve).send().await.expect_problem(409, "game_full");
    leave(&bob, &game).await.expect(200);
    api.admin().post(&approve).send().await.expect(200);
    let members = api.admin().get(format!("/api/v1/admin/games/{game}/memberships")).send().await.expect(200).json();
    assert_eq!(members["items"].as_array().unwrap().len(), 3, "those who left stay in the list");
    assert_eq!(api.count("runtime_jobs").await, 0, "no engine knows of anybody yet");
}

#[tokio::test]
async fn an_applicant_who_leaves_withdraws_his_application() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let (_, eve) = api.player("eve").await;
    let game = api.open_public_game(json!({})).await;
    let id = text(&apply(&ada, &game, "Zerg").await.expect(201).json(), "application_id");
    leave(&ada, &game).await.expect(200);
    let mine = ada.get("/api/v1/user/lobby/my/applications").send().await.expect(200).json();
    assert!(mine["items"][0]["status"] == "withdrawn" && mine["items"][0]["decided_at"].is_string(), "{mine}");
    api.admin()
        .post(format!("/api/v1/admin/games/{game}/applications/{id}/approve"))
        .send()
        .await
        .expect_problem(409, "application_decided");
    apply(&ada, &game, "Zerg").await.expect(201);
    // A stranger has nothing to leave; what they may not see is not there for them.
    leave(&eve, &game).await.expect_problem(403, "not_a_member");
    let private = api.open_private_game(&ada, json!({})).await;
    leave(&eve, &private).await.expect_problem(404, "game_not_found");
    leave(&ada, &private).await.expect_problem(403, "not_a_member");
    leave(&ada, "00000000-0000-7000-8000-000000000001").await.expect_problem(404, "game_not_found");
}

#[tokio::test]
async fn owners_and_administrators_remove_and_block_and_the_member_is_told() {
    let api = Api::start().await;
    let (owner_id, owner) = api.player("owner").await;
    let (ada_id, ada) = api.player("ada").await;
    let (bob_id, bob) = api.player("bob").await;
    let game = api.open_public_game(json!({ "owner_user_id": owner_id })).await;
    api.join(&game, &ada, "Zerg").await;
    api.join(&game, &bob, "Protoss").await;
    let path = |id: &str, verb: &str| format!("/api/v1/user/lobby/games/{game}/memberships/{id}/{verb}");
    let of_ada = membership(&api, &game, &ada_id).await;
    bob.post(path(&of_ada, "remove")).send().await.expect_problem(403, "not_game_owner");
    let nobody = "00000000-0000-7000-8000-000000000001";
    owner.post(path(nobody, "remove")).send().await.expect_problem(404, "membership_not_found");
    let removed = owner.post(path(&of_ada, "remove")).send().await.expect(200).json();
    assert_eq!((&removed["status"], &removed["race_name"]), (&json!("removed"), &json!("Zerg")));
    owner.post(path(&of_ada, "remove")).send().await.expect_problem(409, "membership_ended");
    let reason: String = sqlx::query_scalar(
        "SELECT payload ->> 'reason' FROM notifications WHERE kind = 'lobby.membership.removed' AND user_ids = ARRAY[$1::uuid]",
    )
    .bind(&ada_id)
    .fetch_one(&api.pool())
    .await
    .unwrap();
    assert_eq!(reason, "removed by the game's owner");

    // Removed, she comes back; blocked, she does not, whether she is in, out, or has applied.
    api.join(&game, &ada, "Zerg").await;
    let of_ada = membership(&api, &game, &ada_id).await;
    leave(&ada, &game).await.expect(200);
    apply(&ada, &game, "Zerg").await.expect(201);
    let blocked = owner.post(path(&of_ada, "block")).send().await.expect(200).json();
    assert_eq!(blocked["status"], "blocked");
    assert_eq!(api.count("applications WHERE status = 'rejected'").await, 1);
    apply(&ada, &game, "Zerg").await.expect_problem(403, "sanctioned");
    owner.post(path(&of_ada, "block")).send().await.expect_problem(409, "membership_ended");
    leave(&ada, &game).await.expect_problem(403, "not_a_member");
    // Administrators do the same in public games, with a trail.
    let of_bob = membership(&api, &game, &bob_id).await;
    let admin = format!("/api/v1/admin/games/{game}/memberships/{of_bob}/block");
    assert_eq!(api.admin().post(&admin).send().await.expect(200).json()["status"], "blocked");
    assert_eq!(api.count("audit_log WHERE action = 'membership.block'").await, 1);
    assert_eq!(api.count("notifications WHERE kind = 'lobby.membership.blocked'").await, 2);
    assert_eq!(api.game(&game).await["approved_count"], 0);
    let private = api.open_private_game(&owner, json!({})).await;
    api.admin()
        .post(format!("/api/v1/admin/games/{private}/memberships/{of_bob}/remove"))
        .send()
        .await
        .expect_problem(403, "not_game_owner");
    // Who may not manage private games does not; public ones that they run they do.
    api.sanction(&owner_id, "private_game_manage_block").await;
    owner
        .post(format!("/api/v1/user/lobby/games/{private}/memberships/{of_bob}/remove"))
        .send()
        .await
        .expect_problem(403, "sanctioned");
    owner.post(path(&of_bob, "remove")).send().await.expect_problem(409, "membership_ended");
}

#[tokio::test]
async fn an_administrator_bans_from_any_game_and_says_why() {
    let api = Api::start().await;
    let (_, owner) = api.player("owner").await;
    let (ada_id, ada) = api.player("ada").await;
    let (eve_id, _) = api.player("eve").await;
    let game = api.open_private_game(&owner, json!({})).await;
    let invites = format!("/api/v1/user/lobby/games/{game}/invites");
    let code = owner.post(&invites).json(&json!({ "max_uses": 5 })).send().await.expect(201).json()["code"].clone();
    let redeem = json!({ "code": code, "race_name": "Zerg" });
    ada.post("/api/v1/user/lobby/invites/redeem").json(&redeem).send().await.expect(200);
    let ban = |user: &str| format!("/api/v1/admin/games/{game}/members/{user}/ban");
    let why = json!({ "reason": "insults" });
    api.admin().post(ban(&ada_id)).json(&json!({})).bad().send().await.expect_problem(400, "invalid_request");
    api.admin().post(ban(&eve_id)).json(&why).send().await.expect_problem(404, "membership_not_found");
    let banned = api.admin().post(ban(&ada_id)).json(&why).send().await.expect(200).json();
    assert_eq!((&banned["status"], &banned["user_id"]), (&json!("blocked"), &json!(ada_id)));
    api.admin().post(ban(&ada_id)).json(&why).send().await.expect_problem(409, "membership_ended");
    let detail: serde_json::Value = sqlx::query_scalar("SELECT detail FROM audit_log WHERE action = 'game.ban'")
        .fetch_one(&api.pool())
        .await
        .unwrap();
    assert_eq!((&detail["reason"], &detail["user_id"]), (&json!("insults"), &json!(ada_id)));
    // No way back: neither by the code, nor by an invite of her own.
    ada.post("/api/v1/user/lobby/invites/redeem").json(&redeem).send().await.expect_problem(403, "sanctioned");
    let own = json!({ "invited_user_id": ada_id });
    owner.post(&invites).json(&own).send().await.expect_problem(409, "already_member");
    assert_eq!(api.count("invites WHERE uses = 1").await, 1, "a refused redemption costs no use");
}

#[tokio::test]
async fn who_leaves_a_started_game_is_banished_as_soon_as_the_runtime_is_free() {
    let api = Api::start().await;
    let game = api.open_public_game(json!({})).await;
    let mut players = Vec::new();
    for (name, race) in [("ada", "Zerg"), ("bob", "Protoss"), ("cid", "Terran"), ("dan", "Vulcan")] {
        let (id, player) = api.player(name).await;
        api.join(&game, &player, race).await;
        players.push((id, player));
    }
    runs(&api, &game).await;
    leave(&players[0].1, &game).await.expect(200);
    let job: (String, String, String) =
        sqlx::query_as("SELECT kind, payload ->> 'race_name', daemon_id FROM runtime_jobs")
            .fetch_one(&api.pool())
            .await
            .unwrap();
    assert_eq!(job, ("banish".to_owned(), "Zerg".to_owned(), "process:test".to_owned()));
    // The runtime is taken: the second stands in the books, and is not lost.
    leave(&players[1].1, &game).await.expect(200);
    assert_eq!(api.count("runtime_jobs").await, 1);
    assert_eq!(api.count("memberships WHERE banish_due_at <= now()").await, 2);
    // Without a container nobody can be told either.
    api.sql("UPDATE runtime_jobs SET status = 'succeeded' WHERE game_id = $1::uuid", &game).await;
    api.sql(
        "UPDATE memberships SET banish_due_at = NULL, banished_at = now() WHERE game_id = $1::uuid
        AND status <> 'active'",
        &game,
    )
    .await;
    api.sql("UPDATE games SET status = 'paused' WHERE game_id = $1::uuid", &game).await;
    api.sql("UPDATE runtime_records SET status = 'stopped', endpoint = NULL WHERE game_id = $1::uuid", &game).await;
    let of_cid = membership(&api, &game, &players[2].0).await;
    api.admin().post(format!("/api/v1/admin/games/{game}/memberships/{of_cid}/remove")).send().await.expect(200);
    assert_eq!((api.count("runtime_jobs").await, api.count("memberships WHERE banish_due_at <= now()").await), (1, 1));
    // A member who is out has no say in the game any more.
    players[2]
        .1
        .post(format!("/api/v1/user/games/{game}/commands"))
        .json(&json!({ "commands": [] }))
        .send()
        .await
        .expect_problem(403, "not_a_member");
    // A game that is over keeps its members.
    api.sql("UPDATE games SET status = 'finished' WHERE game_id = $1::uuid", &game).await;
    leave(&players[3].1, &game).await.expect_problem(409, "game_state_conflict");
    let of_dan = membership(&api, &game, &players[3].0).await;
    for verb in ["remove", "block"] {
        api.admin()
            .post(format!("/api/v1/admin/games/{game}/memberships/{of_dan}/{verb}"))
            .send()
            .await
            .expect_problem(409, "game_state_conflict");
    }
    let ban = format!("/api/v1/admin/games/{game}/members/{}/ban", players[3].0);
    api.admin().post(ban).json(&json!({ "reason": "late" })).send().await.expect_problem(409, "game_state_conflict");
    assert_eq!(api.game(&game).await["approved_count"], 1);
}

#[tokio::test]
async fn a_membership_is_seen_by_whoever_sees_the_game_with_the_member_s_name() {
    let api = Api::start().await;
    let (owner_id, owner) = api.player("owner").await;
    let (ada_id, ada) = api.player("ada").await;
    let (_, eve) = api.player("eve").await;
    for (player, name) in [(&owner, "Grace"), (&ada, "Ada Lovelace")] {
        player.patch("/api/v1/user/account").json(&json!({ "display_name": name })).send().await.expect(200);
    }
    let game = api.open_public_game(json!({ "owner_user_id": owner_id })).await;
    api.join(&game, &ada, "Zerg").await;
    let path = format!("/api/v1/user/lobby/games/{game}/memberships");
    let listed = eve.get(&path).send().await.expect(200).json()["items"][0].clone();
    assert_eq!((&listed["user_id"], &listed["display_name"]), (&json!(ada_id), &json!("Ada Lovelace")));
    let one = format!("{path}/{}", text(&listed, "membership_id"));
    let of_admin = one.replace("/user/lobby/", "/admin/");
    for who in [&ada, &eve, &owner] {
        assert_eq!(who.get(&one).send().await.expect(200).json(), listed);
    }
    assert_eq!(api.admin().get(&of_admin).send().await.expect(200).json(), listed);
    assert_eq!(api.game(&game).await["owner_display_name"], "Grace");
    // Not as another game's, and not where the game is nobody's business.
    let other = api.open_public_game(json!({})).await;
    ada.get(one.replace(&game, &other)).send().await.expect_problem(404, "membership_not_found");
    let elsewhere = of_admin.replace(&game, &other);
    api.admin().get(elsewhere).send().await.expect_problem(404, "membership_not_found");
    let private = api.open_private_game(&owner, json!({})).await;
    eve.get(one.replace(&game, &private)).send().await.expect_problem(404, "game_not_found");
    // It stays when it is over, and has no name any more when the member has none.
    ada.delete("/api/v1/user/account").send().await.expect(204);
    let left = eve.get(&one).send().await.expect(200).json();
    assert_eq!((&left["status"], &left["display_name"]), (&json!("left"), &serde_json::Value::Null));
    owner.patch("/api/v1/user/account").json(&json!({ "display_name": null })).send().await.expect(200);
    assert_eq!(api.game(&game).await["owner_display_name"], serde_json::Value::Null);
}
