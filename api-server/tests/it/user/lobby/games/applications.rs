//! Applications: who sees one, who takes it back, and what an applicant is told whose name somebody else got first (SPEC §7).

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::ContractClient;

use crate::harness::{Api, text};

async fn apply(player: &ContractClient, game: &str, race: &str) -> String {
    let path = format!("/api/v1/user/lobby/games/{game}/applications");
    let made = player.post(&path).json(&json!({ "race_name": race })).send().await.expect(201);
    let id = text(&made.json(), "application_id");
    assert_eq!(made.header("location"), format!("{path}/{id}"));
    format!("{path}/{id}")
}

async fn seen(who: &ContractClient, application: &str) -> Value {
    who.get(application).send().await.expect(200).json()
}

#[tokio::test]
async fn an_application_is_seen_by_its_applicant_and_by_who_decides() {
    let api = Api::start().await;
    let (owner_id, owner) = api.player("owner").await;
    let (ada_id, ada) = api.player("ada").await;
    let (_, eve) = api.player("eve").await;
    ada.patch("/api/v1/user/account").json(&json!({ "display_name": "Ada Lovelace" })).send().await.expect(200);
    let game = api.open_public_game(json!({ "owner_user_id": owner_id })).await;
    let application = apply(&ada, &game, "Zerg").await;
    let shown = seen(&ada, &application).await;
    assert_eq!(
        (&shown["user_id"], &shown["display_name"], &shown["status"], &shown["race_name_available"]),
        (&json!(ada_id), &json!("Ada Lovelace"), &json!("submitted"), &json!(true))
    );
    assert_eq!(seen(&owner, &application).await, shown);
    assert_eq!(seen(&api.admin(), &application.replace("/user/lobby/", "/admin/")).await, shown);
    eve.get(&application).send().await.expect_problem(404, "application_not_found");
    // Of another game it is not.
    let other = api.open_public_game(json!({})).await;
    for who in [&ada, &owner] {
        who.get(application.replace(&game, &other)).send().await.expect_problem(404, "application_not_found");
    }
    let elsewhere = application.replace("/user/lobby/", "/admin/").replace(&game, &other);
    api.admin().get(elsewhere).send().await.expect_problem(404, "application_not_found");
    // And a draft that nobody else sees is not there at all.
    let draft = api.public_game(json!({})).await;
    eve.get(application.replace(&game, &draft)).send().await.expect_problem(404, "game_not_found");
}

#[tokio::test]
async fn an_applicant_withdraws_and_may_apply_anew() {
    let api = Api::start().await;
    let (owner_id, owner) = api.player("owner").await;
    let (_, ada) = api.player("ada").await;
    let (_, eve) = api.player("eve").await;
    let game = api.open_public_game(json!({ "owner_user_id": owner_id })).await;
    let application = apply(&ada, &game, "Zerg").await;
    let withdraw = format!("{application}/withdraw");
    for other in [&eve, &owner] {
        other.post(&withdraw).send().await.expect_problem(404, "application_not_found");
    }
    let withdrawn = ada.post(&withdraw).send().await.expect(200).json();
    assert_eq!((&withdrawn["status"], &withdrawn["race_name_available"]), (&json!("withdrawn"), &Value::Null));
    assert!(withdrawn["decided_at"].is_string(), "{withdrawn}");
    ada.post(&withdraw).send().await.expect_problem(409, "application_decided");
    owner.post(format!("{application}/approve")).send().await.expect_problem(409, "application_decided");
    owner.post(format!("{application}/reject")).send().await.expect_problem(409, "application_decided");
    let again = apply(&ada, &game, "Protoss").await;
    owner.post(format!("{again}/approve")).send().await.expect(200);
    ada.post(format!("{again}/withdraw")).send().await.expect_problem(409, "application_decided");
    let draft = api.public_game(json!({})).await;
    let nowhere = withdraw.replace(&game, &draft);
    ada.post(nowhere).send().await.expect_problem(404, "game_not_found");
}

#[tokio::test]
async fn of_an_approval_and_a_withdrawal_at_once_one_is_heard() {
    let api = Api::start().await;
    let other = api.replica().await;
    for n in 0..8 {
        let (id, _) = api.player(&format!("player{n}")).await;
        let game = api.open_public_game(json!({})).await;
        let application = apply(&api.user(&id), &game, &format!("Race {}", char::from(b'm' + n))).await;
        let approve = format!("{}/approve", application.replace("/user/lobby/", "/admin/"));
        let calls = [api.admin().post(approve), other.user(&id).post(format!("{application}/withdraw"))];
        let answers = join_all(calls.map(|call| call.send())).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 1));
        lost[0].clone().expect_problem(409, "application_decided");
        let members = i64::from(won[0].json()["status"] == "approved");
        assert_eq!(api.game(&game).await["approved_count"], members);
        let held = format!("race_names WHERE status = 'reserved' AND game_id = '{game}'");
        assert_eq!(api.count(&held).await, members);
    }
}

#[tokio::test]
async fn an_applicant_is_told_that_somebody_else_got_the_name_first() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let (_, bob) = api.player("bob").await;
    let game = api.open_public_game(json!({})).await;
    let elsewhere = api.open_public_game(json!({})).await;
    let of_ada = apply(&ada, &game, "Bill 99").await;
    let of_bob = apply(&bob, &game, "BI11-99").await;
    let in_both = apply(&ada, &elsewhere, "Bill 99").await;
    let approve = |application: &str| {
        api.admin().post(format!("{}/approve", application.replace("/user/lobby/", "/admin/"))).send()
    };
    approve(&of_ada).await.expect(200);
    approve(&of_bob).await.expect_problem(409, "race_name_taken");
    // The application stays, says so in each place, and Ada's own wish elsewhere is as good as before.
    assert_eq!(seen(&bob, &of_bob).await["race_name_available"], false);
    let mine = bob.get("/api/v1/user/lobby/my/applications").send().await.expect(200).json();
    assert_eq!(
        (&mine["items"][0]["status"], &mine["items"][0]["race_name_available"]),
        (&json!("submitted"), &json!(false))
    );
    let all = api.admin().get(format!("/api/v1/admin/games/{game}/applications")).send().await.expect(200).json();
    let hints: Vec<&Value> = all["items"].as_array().unwrap().iter().map(|a| &a["race_name_available"]).collect();
    assert_eq!(hints, [&json!(false), &Value::Null]);
    assert_eq!(seen(&ada, &in_both).await["race_name_available"], true);
    // Who waits gets it once it is free again; who does not withdraws, and wishes for another one.
    ada.post(format!("/api/v1/user/lobby/games/{game}/leave")).send().await.expect(200);
    assert_eq!(seen(&bob, &of_bob).await["race_name_available"], true);
    bob.post(format!("{of_bob}/withdraw")).send().await.expect(200);
    let other = apply(&bob, &game, "Protoss").await;
    assert_eq!(seen(&bob, &other).await["race_name_available"], true);
    approve(&other).await.expect(200);
    assert_eq!(seen(&bob, &other).await["race_name_available"], Value::Null);
}
