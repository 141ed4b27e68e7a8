//! What administrators see and decide of accounts (SPEC §5 admin, §6), and that it holds from the next request on.

use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::Connection as _;
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::{Api, game, text};
use crate::sign_in;

const USERS: &str = "/api/v1/admin/users";
const ACCOUNT: &str = "/api/v1/user/account";
const GAMES: &str = "/api/v1/user/lobby/games";
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
async fn a_sanction_set_on_one_replica_holds_at_the_next_call_on_the_other() {
    let api = Api::start().await;
    let other = api.replica().await;
    let (id, ada) = api.player("ada").await;
    let (eve_id, _) = api.player("eve").await;
    let public = api.open_public_game(json!({})).await;
    let private = api.open_private_game(&ada, json!({ "max_players": 9 })).await;
    let on_other = other.user(&id);
    let apply = format!("{GAMES}/{public}/applications");
    let invites = format!("{GAMES}/{private}/invites");
    let sessions = format!("/api/v1/internal/users/{id}/sessions");
    let gateway = other.gateway();
    // What each kind refuses, once it is set, and allows again, once it is lifted.
    let calls: [(&str, &ContractClient, &str, &str, Value, u16, &str); 5] = [
        ("login_block", &gateway, "POST", &sessions, json!({}), 403, "account_blocked"),
        ("private_game_create_block", &on_other, "POST", GAMES, game(json!({})), 403, "sanctioned"),
        ("private_game_manage_block", &on_other, "POST", &invites, json!({ "max_uses": 1 }), 403, "sanctioned"),
        ("profile_update_block", &on_other, "PATCH", ACCOUNT, json!({ "display_name": "Ada" }), 403, "sanctioned"),
        ("game_join_block", &on_other, "POST", &apply, json!({ "race_name": "Zerg" }), 403, "sanctioned"),
    ];
    for (kind, client, method, path, body, status, code) in calls {
        let call = || client.request(method.parse().unwrap(), path).json(&body).send();
        let set = sanction(&api, &id, kind).await;
        assert_eq!((&set["kind"], &set["actor"], &set["lifted_at"]), (&json!(kind), &json!("root"), &Value::Null));
        call().await.expect_problem(status, code);
        on_other.get(ACCOUNT).send().await.expect(200);
        let lifted = lift(&api, &id, &set).await.expect(200).json();
        assert!(lifted["lifted_at"].is_string());
        assert_eq!(lift(&other, &id, &set).await.expect(200).json(), lifted, "lifting twice is lifting once");
        let answer = call().await;
        assert!(answer.status.is_success(), "{kind}: {answer:?}");
    }
    let set = sanction(&api, &id, "permanent_block").await;
    on_other.get(ACCOUNT).send().await.expect_problem(401, "user_unknown");
    gateway.post(&sessions).json(&json!({})).send().await.expect_problem(403, "account_blocked");
    lift(&other, &id, &set).await.expect(200);
    ada.get(ACCOUNT).send().await.expect(200);
    // Six were set and lifted once each; another account's sanction is not this one's.
    assert_eq!(api.count("audit_log WHERE action = 'user.sanction.set' AND actor = 'root'").await, 6);
    assert_eq!(api.count("audit_log WHERE action = 'user.sanction.lift'").await, 6);
    lift(&api, &eve_id, &set).await.expect_problem(404, "sanction_not_found");
    lift(&api, NOBODY, &set).await.expect_problem(404, "account_not_found");
}

#[tokio::test]
async fn a_sanction_ends_by_itself_and_stays_in_the_history() {
    let api = Api::start().await;
    let (id, ada) = api.player("ada").await;
    let path = format!("{USERS}/{id}/sanctions");
    let tomorrow = game(json!({}))["enrollment_ends_at"].clone();
    let body = json!({ "kind": "profile_update_block", "reason": "a while", "ends_at": tomorrow });
    api.admin().post(&path).json(&body).send().await.expect(201);
    sanction(&api, &id, "game_join_block").await;
    ada.patch(ACCOUNT).json(&json!({})).send().await.expect_problem(403, "sanctioned");
    assert_eq!(ada.get(ACCOUNT).send().await.expect(200).json()["sanctions"].as_array().unwrap().len(), 2);
    api.sql("UPDATE sanctions SET ends_at = clock_timestamp() WHERE user_id = $1::uuid AND ends_at IS NOT NULL", &id)
        .await;
    ada.patch(ACCOUNT).json(&json!({})).send().await.expect(200);
    assert_eq!(ada.get(ACCOUNT).send().await.expect(200).json()["sanctions"].as_array().unwrap().len(), 1);
    let page = api.admin().get(&path).query("limit", 1).send().await.expect(200).json();
    assert_eq!(page["items"][0]["kind"], "game_join_block");
    let page = api.admin().get(&path).query("cursor", text(&page, "next_cursor")).send().await.expect(200).json();
    assert_eq!((&page["items"][0]["reason"], &page["next_cursor"]), (&json!("a while"), &Value::Null));
    for bad in [
        json!({ "kind": "bad_luck", "reason": "x" }),
        json!({ "kind": "login_block", "reason": "" }),
        json!({ "kind": "login_block" }),
    ] {
        api.admin().post(&path).bad().json(&bad).send().await.expect_problem(400, "invalid_request");
    }
    for (bad, pointer) in [
        (json!({ "kind": "login_block", "reason": "x", "ends_at": "2020-01-01T00:00:00Z" }), "/ends_at"),
        (json!({ "kind": "login_block", "reason": "a\u{202E}b" }), "/reason"),
    ] {
        let answer = api.admin().post(&path).json(&bad).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    for path in ["sanctions", "entitlements", "sessions", "limits"] {
        let answer = api.admin().get(format!("{USERS}/{NOBODY}/{path}")).send().await;
        answer.expect_problem(404, "account_not_found");
    }
    let body = json!({ "kind": "login_block", "reason": "x" });
    let answer = api.admin().post(format!("{USERS}/{NOBODY}/sanctions")).json(&body).send().await;
    answer.expect_problem(404, "account_not_found");
}

#[tokio::test]
async fn a_login_block_tells_only_who_reads_the_mailbox() {
    let api = Api::start().await;
    let other = api.replica().await;
    let first = sign_in::send(&api, "ada@example.org").await;
    let code = sign_in::code(&api, &first).await;
    let signed_in = sign_in::confirm(&api, &first, &code, json!({})).await.expect(200).json();
    sanction(&api, &text(&signed_in, "user_id"), "login_block").await;
    // The same answers as for an address that nobody has, until the code is right.
    for email in ["ada@example.org", "nobody@example.org"] {
        let challenge = sign_in::send(&other, email).await;
        let right = sign_in::code(&other, &challenge).await;
        let wrong = if right == "000000" { "000001" } else { "000000" };
        sign_in::confirm(&other, &challenge, wrong, json!({})).await.expect_problem(422, "code_incorrect");
        let answer = sign_in::confirm(&other, &challenge, &right, json!({})).await;
        if email == "ada@example.org" {
            answer.expect_problem(403, "account_blocked");
        } else {
            answer.expect(200);
        }
        sign_in::confirm(&other, &challenge, &right, json!({})).await.expect_problem(410, "challenge_expired");
    }
    // A session that is open stays.
    api.user(&text(&signed_in, "user_id")).get(ACCOUNT).send().await.expect(200);
}

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

#[tokio::test]
async fn sessions_are_seen_and_ended_with_their_event() {
    let api = Api::start().await;
    let (id, _) = api.player("ada").await;
    let path = format!("{USERS}/{id}/sessions");
    for _ in 0..3 {
        let open = api.gateway().post(format!("/api/v1/internal/users/{id}/sessions")).json(&json!({})).send();
        open.await.expect(201);
    }
    let page = api.admin().get(&path).query("limit", 2).send().await.expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let revoked = api.admin().post(format!("{path}/revoke-all")).send().await.expect(200).json();
    assert_eq!(revoked["device_session_ids"].as_array().unwrap().len(), 3);
    let page = api.admin().get(&path).send().await.expect(200).json();
    assert!(
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|s| s["status"] == "revoked" && s["revoke_reason"] == "administrator")
    );
    let named: i64 =
        sqlx::query_scalar("SELECT cardinality(device_sessions)::bigint FROM push_events WHERE what = 'invalidation'")
            .fetch_one(&api.pool())
            .await
            .unwrap();
    assert_eq!(named, 3);
    let detail: Value =
        sqlx::query_scalar("SELECT detail FROM audit_log WHERE action = 'user.sessions.revoke_all' AND target_id = $1")
            .bind(&id)
            .fetch_one(&api.pool())
            .await
            .unwrap();
    assert_eq!(detail["device_session_ids"].as_array().unwrap().len(), 3);
    let answer = api.admin().post(format!("{USERS}/{NOBODY}/sessions/revoke-all")).send().await;
    answer.expect_problem(404, "account_not_found");
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
        (Search { sanction: Some("permanent_block"), ..Search::default() }, 51),
        (Search { plan: Some("yearly"), ..Search::default() }, 51),
        (Search { plan: Some("free"), ..Search::default() }, 51),
        (Search { plan: Some("yearly"), sanction: Some("login_block"), ..Search::default() }, 51),
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
