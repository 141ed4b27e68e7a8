//! How players come in by applications and race names, and the limits that no concurrency may pass (SPEC §7).

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::{Api, text};

pub async fn apply(player: &ContractClient, game: &str, race: &str) -> ContractResponse {
    player
        .post(format!("/api/v1/user/lobby/games/{game}/applications"))
        .json(&json!({ "race_name": race }))
        .send()
        .await
}

async fn decide(api: &Api, game: &str, application: &str, verb: &str) -> ContractResponse {
    api.admin().post(format!("/api/v1/admin/games/{game}/applications/{application}/{verb}")).send().await
}

#[tokio::test]
async fn approvals_never_exceed_max_players() {
    let api = Api::start().await;
    let game = api.open_public_game(json!({ "max_players": 3 })).await;
    let mut applications = Vec::new();
    for n in 0..12 {
        let (_, player) = api.player(&format!("player{n}")).await;
        let race = format!("Race{}", char::from(b'm' + n));
        applications.push(text(&apply(&player, &game, &race).await.expect(201).json(), "application_id"));
    }
    let other = api.replica().await;
    let decisions = applications.iter().zip([&api, &other].into_iter().cycle());
    let answers = join_all(decisions.map(|(id, replica)| decide(replica, &game, id, "approve"))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 3, "{answers:?}");
    assert!(answers.iter().all(|a| a.status == 200 || a.json()["code"] == "game_full"), "{answers:?}");
    assert_eq!(api.game(&game).await["approved_count"], 3);
    assert_eq!((api.count("memberships").await, api.count("race_names").await), (3, 3));
    assert_eq!(api.count("applications WHERE status = 'approved'").await, 3);
    assert_eq!(api.count("notifications WHERE kind = 'lobby.application.approved'").await, 3);
}

#[tokio::test]
async fn an_application_is_decided_once() {
    let api = Api::start().await;
    let (owner_id, owner) = api.player("owner").await;
    let (_, ada) = api.player("ada").await;
    let (_, bob) = api.player("bob").await;
    let game = api.open_public_game(json!({ "owner_user_id": owner_id })).await;
    let id = text(&apply(&ada, &game, "Zerg").await.expect(201).json(), "application_id");
    apply(&ada, &game, "Protoss").await.expect_problem(409, "application_exists");
    let approve = format!("/api/v1/user/lobby/games/{game}/applications/{id}/approve");
    ada.post(&approve).send().await.expect_problem(403, "not_game_owner");
    let verdicts = [
        owner.post(&approve).send(),
        owner.post(&approve).send(),
        owner.post(approve.replace("approve", "reject")).send(),
    ];
    let answers = join_all(verdicts).await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 1);
    assert!(answers.iter().all(|a| a.status == 200 || a.json()["code"] == "application_decided"));
    let other = text(&apply(&bob, &game, "Protoss").await.expect(201).json(), "application_id");
    let rejected = decide(&api, &game, &other, "reject").await.expect(200).json();
    assert!(rejected["status"] == "rejected" && rejected["decided_at"].is_string());
    // Rejected, they may try again.
    apply(&bob, &game, "Protoss").await.expect(201);
    decide(&api, &game, "00000000-0000-7000-8000-000000000001", "approve")
        .await
        .expect_problem(404, "application_not_found");
    assert_eq!(api.count("notifications WHERE kind = 'lobby.application.submitted'").await, 3);
    let list = owner.get(format!("/api/v1/user/lobby/games/{game}/applications")).send().await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn names_that_look_alike_are_one_name() {
    let api = Api::start().await;
    let game = api.open_public_game(json!({})).await;
    let other = api.open_public_game(json!({})).await;
    let (_, ada) = api.player("ada").await;
    let (_, bob) = api.player("bob").await;
    let first = text(&apply(&ada, &game, "Bill-99").await.expect(201).json(), "application_id");
    // Nothing is reserved yet: both may wish for it, one gets it.
    let second = text(&apply(&bob, &game, "BI11 99").await.expect(201).json(), "application_id");
    let third = text(&apply(&bob, &other, "b1ll99").await.expect(201).json(), "application_id");
    let answers =
        join_all([(&game, &first), (&game, &second), (&other, &third)].map(|(g, a)| decide(&api, g, a, "approve")))
            .await;
    let taken = answers.iter().filter(|a| a.json()["code"] == "race_name_taken").count();
    let got = answers.iter().filter(|a| a.status == 200).count();
    // Ada's one, or Bob's in both games: never both persons.
    assert!((got, taken) == (1, 2) || (got, taken) == (2, 1), "{answers:?}");
    let holders: i64 =
        sqlx::query_scalar("SELECT count(DISTINCT user_id) FROM race_names").fetch_one(&api.pool()).await.unwrap();
    assert_eq!(holders, 1);
    // From then on the wish itself is refused.
    let (_, eve) = api.player("eve").await;
    apply(&eve, &other, "BILL 99").await.expect_problem(409, "race_name_taken");
    for bad in ["", "a\u{200B}b", "pаypal", "x".repeat(33).as_str()] {
        let answer = apply(&eve, &game, bad).await.expect_problem(422, "race_name_invalid");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/race_name");
    }
}

#[tokio::test]
async fn past_its_end_enrolment_takes_nobody() {
    let api = Api::start().await;
    let game = api.open_public_game(json!({})).await;
    let (_, ada) = api.player("ada").await;
    let (_, bob) = api.player("bob").await;
    let id = text(&apply(&ada, &game, "Zerg").await.expect(201).json(), "application_id");
    api.sql("UPDATE games SET enrollment_ends_at = now() - interval '1 second' WHERE game_id = $1::uuid", &game).await;
    apply(&bob, &game, "Protoss").await.expect_problem(409, "enrollment_closed");
    decide(&api, &game, &id, "approve").await.expect_problem(409, "enrollment_closed");
    // Moving the date opens it again.
    let ends = crate::harness::game(json!({}))["enrollment_ends_at"].clone();
    api.admin()
        .patch(format!("/api/v1/admin/games/{game}"))
        .json(&json!({ "enrollment_ends_at": ends }))
        .send()
        .await
        .expect(200);
    decide(&api, &game, &id, "approve").await.expect(200);
    apply(&ada, &game, "Protoss").await.expect_problem(409, "already_member");
    // Leaving enrolment closes what is open.
    api.sql("UPDATE games SET min_players = 1 WHERE game_id = $1::uuid", &game).await;
    let open = text(&apply(&bob, &game, "Protoss").await.expect(201).json(), "application_id");
    api.admin().post(format!("/api/v1/admin/games/{game}/ready-to-start")).send().await.expect(200);
    decide(&api, &game, &open, "approve").await.expect_problem(409, "application_decided");
    // And there is no end left to move; the players still may change.
    let patch = async |body: Value| api.admin().patch(format!("/api/v1/admin/games/{game}")).json(&body).send().await;
    patch(json!({ "enrollment_ends_at": ends })).await.expect_problem(409, "game_state_conflict");
    patch(json!({ "max_players": 7 })).await.expect(200);
    let mine = bob.get("/api/v1/user/lobby/my/applications").send().await.expect(200).json();
    assert_eq!(mine["items"][0]["status"], "closed");
}

#[tokio::test]
async fn plans_limit_memberships() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let mut applications = Vec::new();
    for _ in 0..11 {
        let game = api.open_public_game(json!({})).await;
        let id = text(&apply(&ada, &game, "Zerg").await.expect(201).json(), "application_id");
        applications.push((game, id));
    }
    let answers = join_all(applications.iter().map(|(game, id)| decide(&api, game, id, "approve"))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 10);
    assert_eq!(answers.iter().filter(|a| a.json()["code"] == "limit_reached").count(), 1);
    let mine = ada.get("/api/v1/user/lobby/my/games").send().await.expect(200).json();
    assert_eq!(mine["items"].as_array().unwrap().len(), 10);
    let names = ada.get("/api/v1/user/lobby/my/race-names").send().await.expect(200).json();
    assert_eq!((names["items"].as_array().unwrap().len(), &names["items"][0]["status"]), (10, &json!("reserved")));
}
