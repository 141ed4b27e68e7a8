//! Limits of one account, in its plan's place (SPEC §6).

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Api, game, text};

const GAMES: &str = "/api/v1/user/lobby/games";

#[tokio::test]
async fn limits_set_for_one_account_hold_where_its_plan_s_would() {
    let api = Api::start().await;
    let other = api.replica().await;
    api.engine_version().await;
    let (ada_id, ada) = api.player("ada").await;
    let limits = format!("/api/v1/admin/users/{ada_id}/limits");
    let set = |body: Value| api.admin().post(&limits).json(&body).send();
    let none = json!({ "private_games": null, "memberships": null, "race_names": null });
    assert_eq!(api.admin().get(&limits).send().await.expect(200).json(), none);
    let five = set(json!({ "private_games": 5, "memberships": 2 })).await.expect(200).json();
    assert_eq!(five, json!({ "private_games": 5, "memberships": 2, "race_names": null }));
    // Free would allow three.
    let make = |replica: &Api| replica.user(&ada_id).post(GAMES).json(&game(json!({}))).send();
    let answers = join_all((0..10).map(|n| make(if n % 2 == 0 { &api } else { &other }))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 5);
    assert!(answers.iter().all(|a| a.status == 201 || a.json()["code"] == "limit_reached"));
    // Free would allow ten.
    let mut applications = Vec::new();
    for _ in 0..5 {
        let id = api.open_public_game(json!({})).await;
        let path = format!("{GAMES}/{id}/applications");
        let made = ada.post(path).json(&json!({ "race_name": "Zerg" })).send().await.expect(201).json();
        applications.push(format!("/api/v1/admin/games/{id}/applications/{}/approve", text(&made, "application_id")));
    }
    let approvals = applications.iter().enumerate().map(|(n, path)| {
        let replica = if n % 2 == 0 { &api } else { &other };
        replica.admin().post(path).send()
    });
    let answers = join_all(approvals).await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 2, "{answers:?}");
    // A plan does not beat what was set; null gives the plan its say again.
    api.plan(&ada_id, "yearly").await;
    make(&api).await.expect_problem(409, "limit_reached");
    set(json!({ "private_games": 0 })).await.expect(200);
    make(&other).await.expect_problem(409, "limit_reached");
    set(json!({})).await.expect(200);
    make(&other).await.expect(201);
    api.admin()
        .post(&limits)
        .bad()
        .json(&json!({ "memberships": -1 }))
        .send()
        .await
        .expect_problem(400, "invalid_request");
    assert_eq!(api.count("audit_log WHERE action = 'user.limits.set'").await, 3);
}
