//! Accounts as administrators see and judge them (SPEC §5 admin, §6): `/api/v1/admin/users`. Here is how they are found.

mod entitlements;
mod limits;
mod notes;
mod sanctions;
mod sessions;
mod timeline;

use serde_json::{Value, json};
use shared::domain::account::SanctionKind;
use shared::domain::plan::Plan;
use sqlx::Connection as _;
use testkit::openapi::ContractResponse;

use crate::harness::{Api, text};

const USERS: &str = "/api/v1/admin/users";
const ACCOUNT: &str = "/api/v1/user/account";
const NOBODY: &str = "00000000-0000-7000-8000-000000000001";

async fn sanction(api: &Api, user: &str, kind: &str) -> Value {
    let body = json!({ "kind": kind, "reason": "spam" });
    api.admin().post(format!("{USERS}/{user}/sanctions")).json(&body).send().await.expect(201).json()
}

async fn lift(api: &Api, user: &str, sanction: &Value) -> ContractResponse {
    let id = text(sanction, "sanction_id");
    api.admin().post(format!("{USERS}/{user}/sanctions/{id}/lift")).send().await
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| text(item, "user_id")).collect()
}

#[tokio::test]
async fn accounts_are_found_by_whatever_is_known_of_them() {
    let api = Api::start().await;
    let provision = |email: &str| {
        let body = json!({ "kind": "email", "external_id": email });
        api.gateway().post("/api/v1/internal/identities/provision").json(&body).send()
    };
    let mut made = Vec::new();
    for email in ["ada@example.org", "bob@example.org", "eve@example.org"] {
        made.push(text(&provision(email).await.expect(200).json(), "user_id"));
    }
    let [ada, bob, eve] = [&made[0], &made[1], &made[2]];
    for (id, user_name, display_name) in [(ada, "ada.l", "Ада"), (bob, "ada.m", "Bob"), (eve, "evelyn", "ada.l")] {
        let body = json!({ "user_name": user_name, "display_name": display_name });
        api.user(id).patch(ACCOUNT).json(&body).send().await.expect(200);
    }
    api.plan(bob, "monthly").await;
    sanction(&api, bob, "login_block").await;
    let lifted = sanction(&api, eve, "login_block").await;
    lift(&api, eve, &lifted).await.expect(200);
    let list = async |query: &[(&str, &str)]| {
        let request = query.iter().fold(api.admin().get(USERS), |r, (name, value)| r.query(name, value));
        request.send().await.expect(200).json()
    };
    let found = async |query: &[(&str, &str)]| ids(&list(query).await);
    assert_eq!(found(&[]).await, [eve.clone(), bob.clone(), ada.clone()]);
    assert_eq!(found(&[("email", " BOB@example.org ")]).await, vec![bob.clone()]);
    assert_eq!(found(&[("email", "nobody@example.org")]).await, Vec::<String>::new());
    assert_eq!(found(&[("name", "Ada.L")]).await, [eve.clone(), ada.clone()], "user names and display names");
    assert_eq!(found(&[("name", "ada*")]).await, [eve.clone(), bob.clone(), ada.clone()]);
    assert_eq!(found(&[("name", "bob")]).await, vec![bob.clone()], "display names in any case");
    assert_eq!(found(&[("name", "аДА")]).await, vec![ada.clone()], "in any script");
    assert_eq!(found(&[("name", "АД*")]).await, vec![ada.clone()]);
    assert_eq!(found(&[("sanction", "login_block")]).await, vec![bob.clone()], "only sanctions in force");
    assert_eq!(found(&[("plan", "monthly")]).await, vec![bob.clone()]);
    assert_eq!(found(&[("plan", "free")]).await, [eve.clone(), ada.clone()]);
    assert_eq!(
        found(&[("plan", "monthly"), ("sanction", "login_block"), ("name", "ada*"), ("email", "bob@example.org")])
            .await,
        vec![bob.clone()]
    );
    assert_eq!(found(&[("plan", "free"), ("sanction", "login_block")]).await, Vec::<String>::new());
    // An item is the whole account.
    let one = list(&[("email", "bob@example.org")]).await["items"][0].clone();
    assert_eq!(
        (&one["email"], &one["entitlement"]["plan"], &one["sanctions"][0]["kind"]),
        (&json!("bob@example.org"), &json!("monthly"), &json!("login_block"))
    );
    assert_eq!(api.admin().get(format!("{USERS}/{bob}")).send().await.expect(200).json(), one);
    api.admin().get(format!("{USERS}/{NOBODY}")).send().await.expect_problem(404, "account_not_found");
    // Pages stay as they are while accounts are made.
    let first = list(&[("limit", "2"), ("name", "ada*")]).await;
    provision("new@example.org").await.expect(200);
    let second = list(&[("limit", "2"), ("name", "ada*"), ("cursor", &text(&first, "next_cursor"))]).await;
    assert_eq!([ids(&first), ids(&second)].concat(), [eve.clone(), bob.clone(), ada.clone()]);
    for (name, value) in [("email", "nobody"), ("sanction", "odd"), ("plan", "weekly"), ("name", ""), ("cursor", "%")] {
        let answer =
            api.admin().get(USERS).bad().query(name, value).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], format!("/query/{name}"));
    }
}

#[tokio::test]
async fn every_search_reads_indexes_alone() {
    let db = testkit::TestDb::new().await;
    sqlx::raw_sql(
        "INSERT INTO accounts (user_id, user_name, canonical_user_name, display_name, preferred_language, time_zone)
         SELECT md5(n::text)::uuid, 'user-' || n, 'user' || n, 'User ' || n, 'en', 'UTC' FROM generate_series(1, 20000) n;
         INSERT INTO identities (identity_id, user_id, kind, external_id)
         SELECT gen_random_uuid(), md5(n::text)::uuid, 'email', 'user' || n || '@example.org' FROM generate_series(1, 20000) n;
         INSERT INTO sanctions (sanction_id, user_id, kind, reason, actor)
         SELECT gen_random_uuid(), md5(n::text)::uuid, (ARRAY['login_block', 'private_game_create_block',
             'private_game_manage_block', 'game_join_block',
                'profile_update_block', 'permanent_block'])[1 + n / 10 % 6], 'x', 'x'
           FROM generate_series(10, 20000, 10) n;
         INSERT INTO entitlements (entitlement_id, user_id, plan, source)
         SELECT gen_random_uuid(), md5(n::text)::uuid, CASE WHEN n % 100 = 0 THEN 'yearly' ELSE 'monthly' END, 'x'
           FROM generate_series(5, 20000, 5) n;
         ANALYZE accounts, identities, sanctions, entitlements",
    )
    .execute(&db.pool())
    .await
    .unwrap();
    let mut conn = db.connect().await;
    use shared::db::accounts::{Search, list};
    let searches = [
        (Search::default(), 51),
        (Search { email: Some("user77@example.org"), ..Search::default() }, 1),
        (Search { name: Some(("user-77", "user-77")), ..Search::default() }, 1),
        (Search { name: Some(("user-77", "user-77\u{10FFFF}")), ..Search::default() }, 51),
        (Search { name: Some(("user 77", "user 77")), ..Search::default() }, 1),
        (Search { sanction: Some(SanctionKind::PermanentBlock), ..Search::default() }, 51),
        (Search { plan: Some(Plan::Yearly), ..Search::default() }, 51),
        (Search { plan: Some(Plan::Free), ..Search::default() }, 51),
        (Search { plan: Some(Plan::Yearly), sanction: Some(SanctionKind::LoginBlock), ..Search::default() }, 51),
    ];
    for mode in ["force_custom_plan", "force_generic_plan"] {
        for (search, expected) in &searches {
            let mut tx = conn.begin().await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("SET LOCAL plan_cache_mode = {mode}")))
                .execute(&mut *tx)
                .await
                .unwrap();
            let found = list(&mut tx, search, None, 51).await.unwrap();
            assert_eq!(found.len(), *expected, "{search:?}");
            assert!(found.windows(2).all(|pair| pair[0].user_id > pair[1].user_id));
            // What this very transaction did, by the server's own count.
            let scans: Vec<(String, i64)> = sqlx::query_as(
                "SELECT relname::text, seq_tup_read FROM pg_stat_xact_user_tables
                  WHERE relname IN ('accounts', 'identities', 'sanctions', 'entitlements') AND seq_scan > 0",
            )
            .fetch_all(&mut *tx)
            .await
            .unwrap();
            assert_eq!(scans, Vec::new(), "{mode} {search:?}");
            tx.rollback().await.unwrap();
        }
    }
}
