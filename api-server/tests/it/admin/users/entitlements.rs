//! Plans that administrators grant (SPEC §6).

use futures::future::join_all;
use serde_json::{Value, json};

use super::{ACCOUNT, USERS, lift};
use crate::harness::{Api, game};

const GAMES: &str = "/api/v1/user/lobby/games";

#[tokio::test]
async fn the_last_plan_counts_until_it_ends_and_the_history_stays() {
    let api = Api::start().await;
    let (id, ada) = api.player("ada").await;
    let path = format!("{USERS}/{id}/entitlements");
    let grant = async |body: Value| api.admin().post(&path).json(&body).send().await.expect(201);
    let plan = async || ada.get(ACCOUNT).send().await.expect(200).json()["entitlement"].clone();
    assert_eq!((&plan().await["plan"], &plan().await["is_paid"]), (&json!("free"), &json!(false)));
    grant(json!({ "plan": "permanent", "source": "promotion", "reason": "first of all" })).await;
    assert_eq!(plan().await["plan"], "permanent");
    let tomorrow = game(json!({}))["enrollment_ends_at"].clone();
    let made =
        grant(json!({ "plan": "monthly", "source": "purchase", "reason": "order 5", "ends_at": tomorrow })).await;
    assert!(made.header("location").starts_with(&format!("{path}/")));
    let now = plan().await;
    assert_eq!((&now["plan"], &now["is_paid"], &now["source"]), (&json!("monthly"), &json!(true), &json!("purchase")));
    // It ends, and nothing that was before comes back: neither in the account nor for the limits.
    api.sql(
        "UPDATE entitlements SET ends_at = clock_timestamp() WHERE user_id = $1::uuid AND superseded_at IS NULL",
        &id,
    )
    .await;
    assert_eq!(plan().await["plan"], "free");
    api.engine_version().await;
    for n in 0..4 {
        let answer = ada.post(GAMES).json(&game(json!({}))).send().await;
        if n < 3 {
            answer.expect(201)
        } else {
            answer.expect_problem(409, "limit_reached")
        };
    }
    let page = api.admin().get(&path).send().await.expect(200).json();
    let plans: Vec<&Value> = page["items"].as_array().unwrap().iter().map(|e| &e["plan"]).collect();
    assert_eq!(plans, ["monthly", "permanent"]);
    assert_eq!((&page["items"][0]["superseded_at"], &page["items"][0]["reason"]), (&Value::Null, &json!("order 5")));
    assert!(page["items"][1]["superseded_at"].is_string());
    // Of many at once the last one counts, and one snapshot is left.
    let other = api.replica().await;
    let plans = ["monthly", "yearly", "free", "permanent"];
    let grants = (0..12).map(|n| {
        let admin = if n % 2 == 0 { api.admin() } else { other.admin() };
        let body = json!({ "plan": plans[n % 4], "source": "admin", "reason": "race" });
        admin.post(&path).json(&body).send()
    });
    assert!(join_all(grants).await.iter().all(|a| a.status == 201));
    assert_eq!(api.count("entitlements").await, 14);
    assert_eq!(api.count("entitlements WHERE superseded_at IS NULL").await, 1);
    for bad in [json!({ "plan": "weekly", "source": "x", "reason": "x" }), json!({ "plan": "free", "reason": "x" })] {
        api.admin().post(&path).bad().json(&bad).send().await.expect_problem(400, "invalid_request");
    }
    assert_eq!(api.count("audit_log WHERE action = 'user.entitlement.grant'").await, 14);
}

#[tokio::test]
async fn one_key_makes_one_sanction_and_one_grant_on_any_replica() {
    let api = Api::start().await;
    let other = api.replica().await;
    let (id, _) = api.player("ada").await;
    let (eve, _) = api.player("eve").await;
    for (noun, body, other_body) in [
        ("sanctions", json!({ "kind": "login_block", "reason": "x" }), json!({ "kind": "login_block", "reason": "y" })),
        (
            "sanctions",
            json!({ "kind": "permanent_block", "reason": "x" }),
            json!({ "kind": "login_block", "reason": "y" }),
        ),
        (
            "entitlements",
            json!({ "plan": "monthly", "source": "s", "reason": "x" }),
            json!({ "plan": "yearly", "source": "s", "reason": "x" }),
        ),
    ] {
        let before = api.count(noun).await;
        let key = format!("k-{noun}-{before}");
        let path = format!("{USERS}/{id}/{noun}");
        let post = |replica: &Api, path: &str, body: &Value| {
            replica.admin().post(path).header("Idempotency-Key", &key).json(body).send()
        };
        let calls = (0..12).map(|n| post(if n % 2 == 0 { &api } else { &other }, &path, &body));
        let answers: Vec<Value> = join_all(calls).await.into_iter().map(|a| a.expect(201).json()).collect();
        assert!(answers.iter().all(|a| *a == answers[0]), "{noun}: {answers:?}");
        assert_eq!(api.count(noun).await, before + 1);
        post(&other, &path, &other_body).await.expect_problem(422, "idempotency_key_reused");
        // The same for somebody else is another request.
        post(&api, &format!("{USERS}/{eve}/{noun}"), &body).await.expect_problem(422, "idempotency_key_reused");
        // A replay answers the present state.
        if noun == "sanctions" {
            lift(&api, &id, &answers[0]).await.expect(200);
            assert!(post(&other, &path, &body).await.expect(201).json()["lifted_at"].is_string());
        }
    }
    assert_eq!(api.count("audit_log WHERE action IN ('user.sanction.set', 'user.entitlement.grant')").await, 3);
}
