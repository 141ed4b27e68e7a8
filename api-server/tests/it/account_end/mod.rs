//! How accounts end (SPEC §6, docs/accounts.md): permanent block and soft deletion, in one transaction each, whatever happens
//! at the same moment.

mod at_once;
mod carried;
mod departures;
mod ended;

use serde_json::json;
use testkit::openapi::ContractResponse;

use crate::harness::{Api, text};
use crate::public::auth::sign_in;

const USERS: &str = "/api/v1/admin/users";
const ACCOUNT: &str = "/api/v1/user/account";
const GAMES: &str = "/api/v1/user/lobby/games";

async fn block(api: &Api, user: &str) -> ContractResponse {
    let body = json!({ "kind": "permanent_block", "reason": "spam" });
    api.admin().post(format!("{USERS}/{user}/sanctions")).json(&body).send().await
}

async fn delete(api: &Api, user: &str) -> ContractResponse {
    api.admin().delete(format!("{USERS}/{user}")).send().await
}

async fn open_session(api: &Api, user: &str) -> ContractResponse {
    api.gateway().post(format!("/api/v1/internal/users/{user}/sessions")).json(&json!({})).send().await
}

async fn sign_up(api: &Api, email: &str) -> String {
    let challenge = sign_in::send(api, email).await;
    let code = sign_in::code(api, &challenge).await;
    text(&sign_in::confirm(api, &challenge, &code, json!({})).await.expect(200).json(), "user_id")
}

/// Applies to a game and answers the path that approves.
async fn apply(api: &Api, game: &str, user: &str, race: &str) -> String {
    let path = format!("{GAMES}/{game}/applications");
    let made = api.user(user).post(path).json(&json!({ "race_name": race })).send().await.expect(201).json();
    format!("/api/v1/admin/games/{game}/applications/{}/approve", text(&made, "application_id"))
}

/// What a departed user must not have anywhere, and that the seats of all games are counted right.
async fn assert_departed(api: &Api, user: &str) {
    for what in [
        "memberships m JOIN games g USING (game_id) WHERE m.user_id = '{}' AND m.status = 'active'
         AND g.status NOT IN ('finished', 'cancelled')",
        "applications WHERE user_id = '{}' AND status = 'submitted'",
        "invites WHERE (invited_user_id = '{}' OR inviter_user_id = '{}') AND status = 'open'",
        "race_names WHERE user_id = '{}' AND status <> 'released'",
        "device_sessions WHERE user_id = '{}' AND status = 'active'",
        "games WHERE owner_user_id = '{}' AND visibility = 'private'
         AND status IN ('draft', 'enrollment_open', 'ready_to_start', 'starting', 'start_failed')",
    ] {
        assert_eq!(api.count(&what.replace("{}", user)).await, 0, "{what}");
    }
    let miscounted = "games g WHERE approved_count <> (SELECT count(*) FROM memberships m WHERE m.game_id = g.game_id
            AND m.status = 'active')";
    assert_eq!(api.count(miscounted).await, 0);
}

/// A user who takes part in everything: a member, an applicant, invited, an owner, a holder of names. Answers their id.
async fn busy(api: &Api, email: &str) -> String {
    let ada = sign_up(api, email).await;
    let client = api.user(&ada);
    let (_, bob) = api.player("bob").await;
    let (eve_id, _) = api.player("eve").await;
    let joined = api.open_public_game(json!({})).await;
    api.join(&joined, &client, "Zerg").await;
    let applied = api.open_public_game(json!({})).await;
    apply(api, &applied, &ada, "Zerg").await;
    let invited = api.open_private_game(&bob, json!({})).await;
    let body = json!({ "invited_user_id": ada });
    bob.post(format!("{GAMES}/{invited}/invites")).json(&body).send().await.expect(201);
    let own = api.open_private_game(&client, json!({})).await;
    for body in [json!({ "invited_user_id": eve_id }), json!({ "max_uses": 5 })] {
        client.post(format!("{GAMES}/{own}/invites")).json(&body).send().await.expect(201);
    }
    for (status, name, until) in
        [("registered", "terran", "NULL"), ("pending_registration", "protoss", "now() + interval '1 day'")]
    {
        api.sql(
            &format!(
                "INSERT INTO race_names (race_name_id, canonical_key, race_name, user_id, status, expires_at)
                 VALUES (gen_random_uuid(), '{name}', '{name}', $1::uuid, '{status}', {until})"
            ),
            &ada,
        )
        .await;
    }
    open_session(api, &ada).await.expect(201);
    ada
}
