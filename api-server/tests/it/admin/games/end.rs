//! Games that are ended before their engines end them.

use serde_json::{Value, json};
use testkit::openapi::ContractResponse;

use crate::admin::runtimes::running;
use crate::harness::{Api, text};

async fn end(api: &Api, id: &str, reason: &str) -> ContractResponse {
    api.admin().post(format!("/api/v1/admin/games/{id}/end")).json(&json!({ "reason": reason })).send().await
}

pub async fn count(api: &Api, id: &str, of: &str) -> i64 {
    api.count(&of.replace("{id}", &format!("'{id}'"))).await
}

/// A private game of its owner that runs.
async fn private_running(api: &Api, name: &str) -> (testkit::openapi::ContractClient, String) {
    let (owner_id, owner) = api.player(name).await;
    let id = api.open_private_game(&owner, json!({})).await;
    api.sql("UPDATE games SET status = 'running', current_turn = 2, started_at = now() WHERE game_id = $1::uuid", &id)
        .await;
    assert_eq!(
        text(&owner.get(format!("/api/v1/user/lobby/games/{id}")).send().await.expect(200).json(), "owner_user_id"),
        owner_id
    );
    (owner, id)
}

#[tokio::test]
async fn a_game_that_has_run_is_ended_without_winners_and_all_that_follows_a_finish_follows() {
    let api = Api::start().await;
    let id = running(&api).await;
    let (_, other) = api.player("bea").await;
    // Two more races: one that is extinct, and one that comes too late to be known.
    api.sql(
        "UPDATE games SET status = 'enrollment_open', enrollment_ends_at = now() + interval '1 day'
        WHERE game_id = $1::uuid",
        &id,
    )
    .await;
    api.join(&id, &other, "Dodo").await;
    api.sql("UPDATE games SET status = 'running' WHERE game_id = $1::uuid", &id).await;
    api.sql("UPDATE runtime_records SET extinct_races = ARRAY['Dodo'] WHERE game_id = $1::uuid", &id).await;

    let ended = end(&api, &id, "  the season is over ").await.expect(200).json();
    assert_eq!((&ended["status"], &ended["winners"]), (&json!("finished"), &json!([])));
    assert_eq!(ended["end_reason"], "the season is over");
    assert_eq!(ended["next_turn_at"], Value::Null, "its timer rests");
    assert!(ended["finished_at"].is_string() && ended["pause_reason"].is_null());
    assert_eq!(count(&api, &id, "runtime_jobs WHERE game_id = {id} AND kind = 'stop' AND status = 'pending'").await, 1);
    let told = "notifications WHERE idempotency_key = 'finished:' || {id} AND payload -> 'winners' = '[]' AND payload ->> 'turn' = '3'";
    assert_eq!(count(&api, &id, told).await, 1);
    let names = async |status: &str| {
        count(&api, &id, &format!("race_names WHERE game_id = {{id}} AND status = '{status}'")).await
    };
    assert_eq!((names("pending_registration").await, names("released").await, names("reserved").await), (1, 1, 0));
    assert_eq!(
        count(&api, &id, "race_names WHERE game_id = {id} AND race_name = 'Dodo' AND status = 'released'").await,
        1
    );
    assert_eq!(api.count("notifications WHERE kind = 'lobby.race_name.pending'").await, 1);

    // Again, and with another reason: the same answer, and nothing happens twice.
    let again = end(&api, &id, "no, because of me").await.expect(200).json();
    assert_eq!(again, ended);
    assert_eq!(count(&api, &id, "audit_log WHERE target_id = {id} AND action = 'game.end'").await, 1);
    assert_eq!(count(&api, &id, "notifications WHERE idempotency_key = 'finished:' || {id}").await, 1);
    assert_eq!(count(&api, &id, "runtime_jobs WHERE game_id = {id}").await, 1);
}

#[tokio::test]
async fn only_what_has_run_and_is_not_over_is_ended_and_not_beside_a_job() {
    let api = Api::start().await;
    let draft = api.public_game(json!({})).await;
    end(&api, &draft, "never").await.expect_problem(409, "game_state_conflict");
    let id = running(&api).await;
    api.sql("INSERT INTO runtime_jobs (job_id, game_id, kind) VALUES (gen_random_uuid(), $1::uuid, 'restart')", &id)
        .await;
    end(&api, &id, "now").await.expect_problem(409, "runtime_busy");
    assert_eq!(api.game(&id).await["status"], "running", "nothing of it stays");
    api.sql("UPDATE runtime_jobs SET status = 'succeeded' WHERE game_id = $1::uuid", &id).await;
    // A first start that failed is called off; a later one is ended.
    api.sql("UPDATE games SET status = 'start_failed', started_at = NULL WHERE game_id = $1::uuid", &id).await;
    end(&api, &id, "now").await.expect_problem(409, "game_state_conflict");
    api.sql("UPDATE games SET started_at = now() WHERE game_id = $1::uuid", &id).await;
    end(&api, &id, "now").await.expect(200);
    // Played to its end: nobody ended it.
    let played = running(&api).await;
    api.sql("UPDATE games SET status = 'finished' WHERE game_id = $1::uuid", &played).await;
    end(&api, &played, "late").await.expect_problem(409, "game_state_conflict");
    for bad in ["", "   ", &"x".repeat(501)] {
        let call = api.admin().post(format!("/api/v1/admin/games/{played}/end")).json(&json!({ "reason": bad }));
        call.bad().send().await.expect_problem(400, "invalid_request");
    }
    end(&api, "01890000-0000-7000-8000-000000000000", "who").await.expect_problem(404, "game_not_found");
}

#[tokio::test]
async fn an_owner_ends_a_private_game_and_so_does_an_administrator_but_nobody_else() {
    let api = Api::start().await;
    let body = json!({ "reason": "we are done" });
    let (owner, id) = private_running(&api, "ada").await;
    let path = format!("/api/v1/user/lobby/games/{id}/end");
    // One that has not run is cancelled.
    let early = api.open_private_game(&owner, json!({})).await;
    let early = owner.post(format!("/api/v1/user/lobby/games/{early}/end")).json(&json!({ "reason": "enough" }));
    early.send().await.expect_problem(409, "game_state_conflict");
    let (guest_id, guest) = api.player("eve").await;
    guest.post(&path).json(&body).send().await.expect_problem(404, "game_not_found");
    owner.post(format!("/api/v1/user/lobby/games/{id}/pause")).send().await.expect(200);
    api.sql("INSERT INTO runtime_jobs (job_id, game_id, kind) VALUES (gen_random_uuid(), $1::uuid, 'restart')", &id)
        .await;
    owner.post(&path).json(&body).send().await.expect_problem(409, "runtime_busy");
    api.sql("UPDATE runtime_jobs SET status = 'succeeded' WHERE game_id = $1::uuid", &id).await;
    let ended = owner.post(&path).json(&body).send().await.expect(200).json();
    assert_eq!((&ended["status"], &ended["end_reason"]), (&json!("finished"), &json!("we are done")));

    let (owner, id) = private_running(&api, "bob").await;
    end(&api, &id, "against the rules").await.expect(200);
    owner.post(format!("/api/v1/user/lobby/games/{id}/pause")).send().await.expect_problem(409, "game_state_conflict");

    // A public one is its owner's too, and no other player's.
    let id = running(&api).await;
    let path = format!("/api/v1/user/lobby/games/{id}/end");
    guest.post(&path).json(&body).send().await.expect_problem(403, "not_game_owner");
    api.sql(&format!("UPDATE games SET owner_user_id = '{guest_id}' WHERE game_id = $1::uuid"), &id).await;
    guest.post(&path).json(&body).send().await.expect(200);

    let (owner, id) = private_running(&api, "cyd").await;
    let owner_id = text(&api.game(&id).await, "owner_user_id");
    api.sanction(&owner_id, "private_game_manage_block").await;
    owner.post(format!("/api/v1/user/lobby/games/{id}/end")).json(&body).send().await.expect_problem(403, "sanctioned");
    let draft = api.open_private_game(&api.player("dan").await.1, json!({})).await;
    end(&api, &draft, "not yet").await.expect_problem(409, "game_state_conflict");
}
