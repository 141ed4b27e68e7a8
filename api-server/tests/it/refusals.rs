//! Every code that an operation of the lobby documents, brought about: who may not, what does not fit the state, what is full.

use serde_json::{Value, json};
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::{Api, VERSION, game, text};
use crate::user::lobby::games::memberships::membership;

const USER: &str = "/api/v1/user/lobby/games";
const ADMIN: &str = "/api/v1/admin/games";
const ACTIONS: [&str; 7] = ["open-enrollment", "ready-to-start", "start", "retry-start", "pause", "resume", "cancel"];

/// A public game of Ada's: she manages it under `/user`, administrators under `/admin`.
struct Scene {
    api: Api,
    ada_id: String,
    ada: ContractClient,
    game: String,
}

impl Scene {
    async fn new(change: Value) -> Self {
        let api = Api::start().await;
        let (ada_id, ada) = api.player("ada").await;
        let mut change = change;
        change["owner_user_id"] = json!(ada_id);
        let game = api.open_public_game(change).await;
        Self { api, ada_id, ada, game }
    }

    /// Both who manage the game, each with the path of its operations.
    fn managers(&self) -> [(ContractClient, String); 2] {
        [(self.ada.clone(), format!("{USER}/{}", self.game)), (self.api.admin(), format!("{ADMIN}/{}", self.game))]
    }

    async fn set(&self, assignments: &str) {
        self.api.sql(&format!("UPDATE games SET {assignments} WHERE game_id = $1::uuid"), &self.game).await;
    }

    async fn apply(&self, player: &ContractClient, race: &str) -> String {
        let made = post(player, &format!("{USER}/{}/applications", self.game), json!({ "race_name": race })).await;
        text(&made.expect(201).json(), "application_id")
    }
}

async fn post(client: &ContractClient, path: &str, body: Value) -> ContractResponse {
    client.post(path).json(&body).send().await
}

#[tokio::test]
async fn a_game_is_managed_by_those_who_run_it() {
    let scene = Scene::new(json!({})).await;
    let api = &scene.api;
    let (_, eve) = api.player("eve").await;
    let private = api.open_private_game(&scene.ada, json!({})).await;
    let strangers = [
        (&eve, format!("{USER}/{}", scene.game), &ACTIONS[..]),
        // Administrators may stop and end any game, but the rest of a private one is its owner's.
        (&api.admin(), format!("{ADMIN}/{private}"), &ACTIONS[..4]),
    ];
    for (stranger, path, actions) in strangers {
        for action in actions {
            stranger.post(format!("{path}/{action}")).send().await.expect_problem(403, "not_game_owner");
        }
        stranger.patch(&path).json(&json!({ "name": "Mine" })).send().await.expect_problem(403, "not_game_owner");
        for verb in ["approve", "reject"] {
            let decide = format!("{path}/applications/00000000-0000-7000-8000-000000000001/{verb}");
            stranger.post(decide).send().await.expect_problem(403, "not_game_owner");
        }
    }
    scene.ada.get(format!("{USER}/{private}/invites")).send().await.expect(200);
    let path = format!("{USER}/{}", scene.game);
    eve.get(format!("{path}/invites")).send().await.expect_problem(403, "not_game_owner");
    post(&eve, &format!("{path}/invites"), json!({ "max_uses": 1 })).await.expect_problem(403, "not_game_owner");
    let revoke = format!("{path}/invites/00000000-0000-7000-8000-000000000001/revoke");
    eve.post(revoke).send().await.expect_problem(403, "not_game_owner");
}

#[tokio::test]
async fn a_sanctioned_owner_manages_nothing() {
    let scene = Scene::new(json!({})).await;
    let private = scene.api.open_private_game(&scene.ada, json!({})).await;
    scene.api.sanction(&scene.ada_id, "private_game_manage_block").await;
    let path = format!("{USER}/{private}");
    for action in ACTIONS {
        scene.ada.post(format!("{path}/{action}")).send().await.expect_problem(403, "sanctioned");
    }
    let somewhere = "00000000-0000-7000-8000-000000000001";
    for verb in ["approve", "reject"] {
        let decide = format!("{path}/applications/{somewhere}/{verb}");
        scene.ada.post(decide).send().await.expect_problem(403, "sanctioned");
    }
    post(&scene.ada, &format!("{path}/invites"), json!({ "max_uses": 1 })).await.expect_problem(403, "sanctioned");
    scene.ada.post(format!("{path}/invites/{somewhere}/revoke")).send().await.expect_problem(403, "sanctioned");
}

#[tokio::test]
async fn what_does_not_fit_the_state_is_a_conflict_for_owner_and_administrator() {
    let scene = Scene::new(json!({})).await;
    for (manager, path) in scene.managers() {
        let refused = async |action: &str, code: &str| {
            manager.post(format!("{path}/{action}")).send().await.expect_problem(409, code);
        };
        scene.set("status = 'finished', approved_count = 0").await;
        for action in ACTIONS {
            refused(action, "game_state_conflict").await;
        }
        manager.patch(&path).json(&json!({ "name": "Late" })).send().await.expect_problem(409, "game_state_conflict");
        scene.set("status = 'enrollment_open'").await;
        refused("ready-to-start", "not_enough_players").await;
        scene.set("status = 'draft', enrollment_ends_at = now() - interval '1 second'").await;
        refused("open-enrollment", "enrollment_closed").await;
        for (action, status) in [("start", "ready_to_start"), ("retry-start", "start_failed")] {
            scene.set(&format!("status = '{status}', approved_count = 0")).await;
            refused(action, "not_enough_players").await;
            scene.set("approved_count = min_players").await;
            let version = format!("/api/v1/admin/engine-versions/{VERSION}");
            scene.api.admin().post(format!("{version}/disable")).send().await.expect(200);
            refused(action, "engine_version_disabled").await;
            scene.api.admin().patch(&version).json(&json!({ "enabled": true })).send().await.expect(200);
            let job = "INSERT INTO runtime_jobs (job_id, game_id, kind) VALUES (gen_random_uuid(), $1::uuid, 'stop')";
            scene.api.sql(job, &scene.game).await;
            refused(action, "runtime_busy").await;
            scene.api.sql("DELETE FROM runtime_jobs WHERE game_id = $1::uuid", &scene.game).await;
        }
        let version = json!({ "version": "7.0.0", "image": "e:7" });
        scene.api.admin().post("/api/v1/admin/engine-versions").json(&version).send().await;
        scene.api.admin().post("/api/v1/admin/engine-versions/7.0.0/disable").send().await.expect(200);
        let change = json!({ "target_engine_version": "7.0.0" });
        manager.patch(&path).json(&change).send().await.expect_problem(409, "engine_version_disabled");
    }
    let body = game(json!({ "target_engine_version": "7.0.0" }));
    post(&scene.ada, USER, body).await.expect_problem(409, "engine_version_disabled");
}

#[tokio::test]
async fn a_member_is_sent_away_by_those_who_may_once_and_while_the_game_goes_on() {
    let scene = Scene::new(json!({})).await;
    let api = &scene.api;
    let (bob_id, bob) = api.player("bob").await;
    api.join(&scene.game, &bob, "Zerg").await;
    let somewhere = "00000000-0000-7000-8000-000000000001";
    let private = api.open_private_game(&scene.ada, json!({})).await;
    for (verb, status) in [("remove", "removed"), ("block", "blocked")] {
        for (stranger, path) in [(&bob, format!("{USER}/{}", scene.game)), (&api.admin(), format!("{ADMIN}/{private}"))]
        {
            let call = stranger.post(format!("{path}/memberships/{somewhere}/{verb}"));
            call.send().await.expect_problem(403, "not_game_owner");
        }
        for (manager, path) in scene.managers() {
            let refused = async |id: &str, status: u16, code: &str| {
                let call = manager.post(format!("{path}/memberships/{id}/{verb}"));
                call.send().await.expect_problem(status, code);
            };
            refused(somewhere, 404, "membership_not_found").await;
            let id = membership(api, &scene.game, &bob_id).await;
            scene.set("status = 'finished'").await;
            refused(&id, 409, "game_state_conflict").await;
            scene.set("status = 'enrollment_open'").await;
            let ended =
                format!("UPDATE memberships SET status = '{status}', ended_at = now() WHERE game_id = $1::uuid");
            api.sql(&ended, &scene.game).await;
            refused(&id, 409, "membership_ended").await;
            api.sql("UPDATE memberships SET status = 'active', ended_at = NULL WHERE game_id = $1::uuid", &scene.game)
                .await;
        }
    }
    api.sanction(&scene.ada_id, "private_game_manage_block").await;
    for verb in ["remove", "block"] {
        let call = scene.ada.post(format!("{USER}/{private}/memberships/{somewhere}/{verb}"));
        call.send().await.expect_problem(403, "sanctioned");
    }
}

#[tokio::test]
async fn every_action_goes_through_where_it_fits() {
    let scene = Scene::new(json!({})).await;
    let record = "INSERT INTO runtime_records (game_id, status, driver, daemon_id, engine_version, image, engine_token, endpoint)
                  VALUES ($1::uuid, 'running', 'process', 'd', '1.0.0', 'i', 't', 'http://127.0.0.1:1')";
    scene.api.sql(record, &scene.game).await;
    for (manager, path) in scene.managers() {
        for (action, from) in [
            ("open-enrollment", "draft"),
            ("ready-to-start", "enrollment_open"),
            ("start", "ready_to_start"),
            ("retry-start", "start_failed"),
            ("pause", "running"),
            ("resume", "paused"),
            ("cancel", "draft"),
        ] {
            scene.set(&format!("status = '{from}', approved_count = min_players")).await;
            manager.post(format!("{path}/{action}")).send().await.expect(200);
            scene.api.sql("DELETE FROM runtime_jobs WHERE game_id = $1::uuid", &scene.game).await;
        }
        scene.set("status = 'draft'").await;
        manager.patch(&path).json(&json!({ "name": "Cygnus" })).send().await.expect(200);
        manager.get(format!("{path}/applications")).send().await.expect(200);
        manager.get(format!("{path}/memberships")).send().await.expect(200);
    }
}

#[tokio::test]
async fn an_application_is_refused_for_what_the_applicant_or_the_game_is() {
    let scene = Scene::new(json!({ "max_players": 3 })).await;
    let api = &scene.api;
    let (game, other) = (scene.game.clone(), api.open_public_game(json!({})).await);
    let mut names = ["Aa", "Bb", "Cc", "Dd", "Ee", "Ff", "Gg", "Hh", "Ii", "Jj"].into_iter();
    for (manager, path) in scene.managers() {
        let decide = async |application: &str, verb: &str| {
            manager.post(format!("{path}/applications/{application}/{verb}")).send().await
        };
        let mut newcomer = async || {
            let name = names.next().unwrap();
            let (id, player) = api.player(&name.repeat(2)).await;
            (id, player, name)
        };
        for verb in ["approve", "reject"] {
            let unknown = decide("00000000-0000-7000-8000-000000000001", verb).await;
            unknown.expect_problem(404, "application_not_found");
        }
        // Decided before.
        let (_, player, name) = newcomer().await;
        let application = scene.apply(&player, name).await;
        decide(&application, "reject").await.expect(200);
        decide(&application, "reject").await.expect_problem(409, "application_decided");
        decide(&application, "approve").await.expect_problem(409, "application_decided");
        // Sanctioned since.
        let (id, player, name) = newcomer().await;
        let application = scene.apply(&player, name).await;
        api.sanction(&id, "game_join_block").await;
        decide(&application, "approve").await.expect_problem(403, "sanctioned");
        // In already, by whatever way.
        let (_, player, name) = newcomer().await;
        let application = scene.apply(&player, name).await;
        decide(&application, "approve").await.expect(200);
        api.sql("UPDATE applications SET status = 'submitted' WHERE application_id = $1::uuid", &application).await;
        decide(&application, "approve").await.expect_problem(409, "already_member");
        api.sql("UPDATE applications SET status = 'approved' WHERE application_id = $1::uuid", &application).await;
        // Somebody else has the name by now.
        let (_, late, own) = newcomer().await;
        let application = scene.apply(&late, own).await;
        let taken = format!(
            "UPDATE applications SET race_name = '{name}', canonical_key = (SELECT canonical_key FROM race_names
                 WHERE race_name = '{name}') WHERE application_id = $1::uuid"
        );
        api.sql(&taken, &application).await;
        decide(&application, "approve").await.expect_problem(409, "race_name_taken");
        // Too late, and full.
        scene.set("enrollment_ends_at = now() - interval '1 second'").await;
        decide(&application, "approve").await.expect_problem(409, "enrollment_closed");
        scene.set("enrollment_ends_at = now() + interval '1 day', max_players = approved_count, min_players = 1").await;
        let free = format!(
            "UPDATE applications SET race_name = '{own}', canonical_key = lower('{own}') WHERE application_id = $1::uuid"
        );
        api.sql(&free, &application).await;
        decide(&application, "approve").await.expect_problem(409, "game_full");
        scene.set("max_players = 9").await;
        // As many games as the plan allows.
        let (_, busy, name) = newcomer().await;
        let application = scene.apply(&busy, name).await;
        busy_elsewhere(api, &busy, name).await;
        decide(&application, "approve").await.expect_problem(409, "limit_reached");
    }
    // The wish itself.
    let (_, player) = api.player("player").await;
    let applications = format!("{USER}/{game}/applications");
    let apply = async |path: &str, race: &str| post(&player, path, json!({ "race_name": race })).await;
    apply(&applications, "").await.expect_problem(422, "race_name_invalid");
    apply(&applications, "Cc").await.expect_problem(409, "race_name_taken");
    apply(&applications, "Zerg").await.expect(201);
    apply(&applications, "Zerg").await.expect_problem(409, "application_exists");
    let private = api.open_private_game(&scene.ada, json!({})).await;
    post(&scene.ada, &format!("{USER}/{private}/applications"), json!({ "race_name": "Zerg" }))
        .await
        .expect_problem(409, "game_state_conflict");
    api.sql("UPDATE games SET enrollment_ends_at = now() WHERE game_id = $1::uuid", &other).await;
    apply(&format!("{USER}/{other}/applications"), "Zerg").await.expect_problem(409, "enrollment_closed");
}

/// Takes part in as many games as a plan allows.
async fn busy_elsewhere(api: &Api, player: &ContractClient, race: &str) {
    for _ in 0..10 {
        let game = api.open_public_game(json!({})).await;
        api.join(&game, player, race).await;
    }
}

#[tokio::test]
async fn an_invite_is_refused_for_what_the_guest_or_the_game_is() {
    let scene = Scene::new(json!({})).await;
    let (api, ada) = (&scene.api, &scene.ada);
    let game = api.open_private_game(ada, json!({ "max_players": 2 })).await;
    let invites = format!("{USER}/{game}/invites");
    let set = async |assignments: &str| {
        api.sql(&format!("UPDATE games SET {assignments} WHERE game_id = $1::uuid"), &game).await;
    };

    // To make one.
    post(ada, &format!("{USER}/{}/invites", scene.game), json!({ "max_uses": 1 }))
        .await
        .expect_problem(409, "game_state_conflict");
    set("enrollment_ends_at = now()").await;
    post(ada, &invites, json!({ "max_uses": 1 })).await.expect_problem(409, "enrollment_closed");
    set("enrollment_ends_at = now() + interval '1 day'").await;
    let again = |body: Value| ada.post(&invites).header("Idempotency-Key", "k").json(&body).send();
    again(json!({ "max_uses": 9 })).await.expect(201);
    again(json!({ "max_uses": 8 })).await.expect_problem(422, "idempotency_key_reused");

    // To join with one: by the invite to a user, and by a code.
    let code = post(ada, &invites, json!({ "max_uses": 50 })).await.expect(201).json()["code"].clone();
    let other = post(ada, &invites, json!({ "max_uses": 50 })).await.expect(201).json()["code"].clone();
    let mut guests = 0;
    for by_code in [false, true] {
        let mut guest = async || {
            guests += 1;
            let (id, player) = api.player(&format!("guest{guests}")).await;
            let (path, body) = if by_code {
                ("/api/v1/user/lobby/invites/redeem".to_owned(), json!({ "code": code }))
            } else {
                let invite = post(ada, &invites, json!({ "invited_user_id": id })).await.expect(201).json();
                (format!("{invites}/{}/redeem", text(&invite, "invite_id")), json!({}))
            };
            (id, player, path, body)
        };
        let redeem = async |player: &ContractClient, path: &str, body: &Value, race: &str| {
            let mut body = body.clone();
            body["race_name"] = json!(race);
            post(player, path, body).await
        };
        let (_, first, path, body) = guest().await;
        redeem(&first, &path, &body, "a\u{200B}b").await.expect_problem(422, "race_name_invalid");
        redeem(&first, &path, &body, if by_code { "Bb" } else { "Aa" }).await.expect(200);
        let (_, late, path, body) = guest().await;
        redeem(&late, &path, &body, "Aa").await.expect_problem(409, "race_name_taken");
        set("enrollment_ends_at = now()").await;
        redeem(&late, &path, &body, "Cc").await.expect_problem(409, "enrollment_closed");
        set("enrollment_ends_at = now() + interval '1 day', max_players = approved_count, min_players = 1").await;
        redeem(&late, &path, &body, "Cc").await.expect_problem(409, "game_full");
        set("max_players = 9").await;
        let (id, sanctioned, path, body) = guest().await;
        api.sanction(&id, "game_join_block").await;
        redeem(&sanctioned, &path, &body, "Dd").await.expect_problem(403, "sanctioned");
        let (_, busy, path, body) = guest().await;
        busy_elsewhere(api, &busy, if by_code { "Ff" } else { "Ee" }).await;
        redeem(&busy, &path, &body, "Gg").await.expect_problem(409, "limit_reached");
        // In by the other way meanwhile.
        let (_, member, path, body) = guest().await;
        let race = if by_code { "Ii" } else { "Hh" };
        redeem(&member, "/api/v1/user/lobby/invites/redeem", &json!({ "code": other }), race).await.expect(200);
        redeem(&member, &path, &body, "Jj").await.expect_problem(409, "already_member");
    }
    let unknown = json!({ "code": "guess", "race_name": "Zerg" });
    let redeem = "/api/v1/user/lobby/invites/redeem";
    post(ada, redeem, unknown).await.expect_problem(404, "invite_not_found");
    api.sql("UPDATE invites SET status = 'revoked' WHERE game_id = $1::uuid AND status = 'open'", &game).await;
    let (_, late) = api.player("late").await;
    post(&late, redeem, json!({ "code": code, "race_name": "Zerg" })).await.expect_problem(409, "invite_closed");

    // To end one.
    let (id, guest) = api.player("guest").await;
    let invite = post(ada, &invites, json!({ "invited_user_id": id })).await.expect(201).json();
    let invite = format!("{invites}/{}", text(&invite, "invite_id"));
    guest.post(format!("{invite}/decline")).send().await.expect(200);
    guest.post(format!("{invite}/decline")).send().await.expect_problem(409, "invite_closed");
    guest
        .post(format!("{invite}/redeem"))
        .json(&json!({ "race_name": "Kk" }))
        .send()
        .await
        .expect_problem(409, "invite_closed");
    let revoke = format!("{invite}/revoke");
    ada.post(&revoke).send().await.expect_problem(409, "invite_closed");
    let revoke = format!("{invites}/00000000-0000-7000-8000-000000000001/revoke");
    ada.post(&revoke).send().await.expect_problem(404, "invite_not_found");
}
