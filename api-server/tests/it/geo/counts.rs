//! Countries that are declared, and requests that are counted by country.

use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Connection as _;
use testkit::{TestDb, eventually};

use super::{File, QUICK, SOON, WORLD, call_from, counted, countries, declared, sign_up_from};
use crate::binary::Binary;
use crate::harness::{Api, GATEWAY_TOKEN};

#[tokio::test]
async fn a_country_is_declared_once_at_registration_from_the_clients_address() {
    let file = File::new(WORLD);
    let api = file.api().await;
    for (email, address, country) in [
        ("a@example.org", "192.0.2.7", json!("DE")),
        ("b@example.org", "2001:db8:1::7", json!("JP")),
        ("c@example.org", "::ffff:198.51.100.7", json!("FR")),
        ("d@example.org", "192.0.2.7, 198.51.100.9", json!("FR")),
        ("e@example.org", "2001:db8:2::7", Value::Null),
        ("f@example.org", "203.0.113.7", Value::Null),
    ] {
        let user = sign_up_from(&api, email, address).await;
        assert_eq!(declared(&api, &user).await, country, "{address}");
    }
    let user = sign_up_from(&api, "a@example.org", "198.51.100.7").await;
    assert_eq!(declared(&api, &user).await, "DE", "declared at registration, and never again");
}

#[tokio::test]
async fn an_untrusted_peer_forwards_no_address() {
    let file = File::new(&[("127.0.0.0/8", "XK"), ("192.0.2.0/24", "DE")]);
    let mut settings: Vec<(&str, String)> = file.settings().to_vec();
    settings.push(("BACKEND_TRUSTED_PROXIES", "10.0.0.0/8".to_owned()));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let api = Api::start_with(&settings).await;
    let user = sign_up_from(&api, "a@example.org", "192.0.2.7").await;
    assert_eq!(declared(&api, &user).await, "XK");
    counted(&api, &user, json!([{ "country": "XK", "count": 1 }])).await;
}

#[tokio::test]
async fn each_request_of_a_user_counts_whatever_its_answer() {
    let file = File::new(WORLD);
    let api = file.api().await;
    let user = api.account("ada").await;
    for _ in 0..3 {
        call_from(&api, &user, "192.0.2.7").await;
    }
    call_from(&api, &user, "2001:db8:1::7").await;
    call_from(&api, &user, "10.1.2.3").await;
    let missing = "/api/v1/user/lobby/games/00000000-0000-7000-8000-000000000000";
    api.user(&user).get(missing).header("X-Forwarded-For", "2001:db8:1::7").send().await.expect(404);
    let stranger = "00000000-0000-7000-8000-000000000000";
    api.user(stranger).get("/api/v1/user/account").header("X-Forwarded-For", "192.0.2.7").send().await.expect(401);
    counted(&api, &user, json!([{ "country": "DE", "count": 3 }, { "country": "JP", "count": 2 }])).await;
    assert_eq!(api.count("user_countries").await, 2);
    api.admin()
        .get(format!("/api/v1/admin/users/{stranger}/countries"))
        .send()
        .await
        .expect_problem(404, "account_not_found");
    assert_eq!(countries(&api, &api.account("eve").await).await, json!([]));
}

#[tokio::test]
async fn two_replicas_that_count_the_same_users_at_once_lose_nothing() {
    const USERS: usize = 12;
    const ROUNDS: usize = 8;
    let file = File::new(WORLD);
    let first = file.api().await;
    let settings = file.settings();
    let second = first.replica_with(&settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    let names: Vec<String> = (0..USERS).map(|n| format!("user-{n}")).collect();
    let users = join_all(names.iter().map(|name| first.account(name))).await;
    for round in 0..ROUNDS {
        // In opposite orders, from two countries: rows of both replicas' batches cross.
        let forward = users.iter().map(|u| call_from(&first, u, ["192.0.2.7", "198.51.100.7"][round % 2]));
        let backward = users.iter().rev().map(|u| call_from(&second, u, ["198.51.100.7", "192.0.2.7"][round % 2]));
        tokio::join!(join_all(forward), join_all(backward));
    }
    for user in &users {
        counted(&first, user, json!([{ "country": "DE", "count": ROUNDS }, { "country": "FR", "count": ROUNDS }]))
            .await;
    }
}

#[tokio::test]
async fn counts_that_cannot_be_written_wait_and_requests_do_not() {
    let file = File::new(WORLD);
    let mut settings: Vec<(&str, String)> = file.settings().to_vec();
    settings.push(("BACKEND_POSTGRES_OPERATION_TIMEOUT", "1s".to_owned()));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let api = Api::start_with(&settings).await;
    let user = api.account("ada").await;
    let mut conn = api.db().connect().await;
    let mut shut = conn.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE user_countries IN ACCESS EXCLUSIVE MODE").execute(&mut *shut).await.unwrap();
    call_from(&api, &user, "192.0.2.7").await;
    let waits = "pg_locks WHERE relation = 'user_countries'::regclass AND NOT granted";
    eventually(SOON, "a batch waits at the door", || async { api.count(waits).await == 1 }).await;
    eventually(SOON, "the batch is given up", || async { api.count(waits).await == 0 }).await;
    for _ in 0..9 {
        call_from(&api, &user, "192.0.2.7").await;
    }
    shut.rollback().await.unwrap();
    counted(&api, &user, json!([{ "country": "DE", "count": 10 }])).await;
}

#[tokio::test]
async fn a_deleted_account_is_counted_no_more() {
    let file = File::new(WORLD);
    let api = file.api().await;
    let (gone, here) = (api.account("ada").await, api.account("eve").await);
    let mut conn = api.db().connect().await;
    let mut shut = conn.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE user_countries IN ACCESS EXCLUSIVE MODE").execute(&mut *shut).await.unwrap();
    for user in [&gone, &here] {
        call_from(&api, user, "192.0.2.7").await;
    }
    shut.rollback().await.unwrap();
    counted(&api, &gone, json!([{ "country": "DE", "count": 1 }])).await;
    // The request came before, its count comes in the midst of the deletion: whichever way the batches fell above.
    let mut tx = api.pool().begin().await.unwrap();
    shared::db::countries::erase(&mut tx, gone.parse().unwrap()).await.unwrap();
    sqlx::query("UPDATE accounts SET deleted_at = now() WHERE user_id = $1::uuid")
        .bind(&gone)
        .execute(&mut *tx)
        .await
        .unwrap();
    let late = [&gone, &here].map(|user| shared::db::countries::Requests {
        user_id: user.parse().unwrap(),
        country: "FR".parse().unwrap(),
        count: 2,
    });
    let added = tokio::spawn(async move { shared::db::countries::add(&mut conn, &late).await });
    eventually(SOON, "the counts wait for the deletion", async || {
        api.count("pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").await == 1
    })
    .await;
    tx.commit().await.unwrap();
    added.await.unwrap().unwrap();
    assert_eq!(countries(&api, &gone).await, json!([]));
    assert_eq!(countries(&api, &here).await, json!([{ "country": "FR", "count": 2 }, { "country": "DE", "count": 1 }]));
}

/// The real binary, ready.
async fn replica(db: &TestDb, file: &File, flush: &str) -> Binary {
    let path = file.path().display().to_string();
    let settings = [("BACKEND_GEOIP_DB_PATH", path.as_str()), ("BACKEND_GEOIP_FLUSH_INTERVAL", flush)];
    let mut replica = Binary::start(db, &settings);
    replica.ready().await;
    replica
}

/// One request of a user to it.
async fn ask(replica: &Binary, user: &str) {
    let request = reqwest::Client::new()
        .get(format!("http://{}/api/v1/user/account", replica.rest))
        .bearer_auth(GATEWAY_TOKEN)
        .header("X-User-ID", user)
        .header("X-Forwarded-For", "192.0.2.7");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_writes_leaves_whole_batches_and_one_that_ends_well_leaves_nothing_out() {
    let file = File::new(WORLD);
    let api = Api::start().await;
    let users = join_all(["ada", "bob", "eve", "joe"].map(|name| api.account(name))).await;
    let mut killed = replica(api.db(), &file, QUICK).await;
    let mut conn = api.db().connect().await;
    let mut shut = conn.begin().await.unwrap();
    // Its rows are written, and it cannot commit them: it stands before the last one.
    sqlx::query("INSERT INTO user_countries SELECT max(user_id::text)::uuid, 'DE', 100 FROM accounts")
        .execute(&mut *shut)
        .await
        .unwrap();
    join_all(users.iter().map(|user| ask(&killed, user))).await;
    eventually(SOON, "a batch waits at the door", || async {
        api.count("pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").await == 1
    })
    .await;
    killed.process.kill9();
    shut.rollback().await.unwrap();
    eventually(SOON, "the server notices", || async {
        api.count(
            "pg_stat_activity WHERE datname = current_database() AND query LIKE 'INSERT INTO user_countries%'
            AND state = 'active'",
        )
        .await
            == 0
    })
    .await;
    // In one statement: what the process had sent before it died may still become true.
    let (whole, requests): (i64, i64) =
        sqlx::query_as("SELECT count(*), coalesce(sum(count), 0)::int8 FROM user_countries")
            .fetch_one(&api.pool())
            .await
            .unwrap();
    // Flushes before the wait may have taken some of the four; no request counts twice, and no batch is torn.
    assert!(whole <= 4 && requests == whole, "{requests} requests in {whole} rows");

    sqlx::query("DELETE FROM user_countries").execute(&api.pool()).await.unwrap();
    let mut ended = replica(api.db(), &file, "1h").await;
    for _ in 0..5 {
        join_all(users.iter().map(|user| ask(&ended, user))).await;
    }
    assert_eq!(api.count("user_countries").await, 0, "nothing is due yet");
    let metrics = reqwest::get(format!("http://{}/metrics", ended.ops)).await.unwrap().text().await.unwrap();
    let looked_up = metrics.lines().find(|line| line.starts_with("geo_lookups_total{") && line.contains("\"found\""));
    assert!(looked_up.is_some_and(|line| line.ends_with(" 20")), "{looked_up:?} in {metrics}");
    ended.stop().await;
    for user in &users {
        assert_eq!(countries(&api, user).await, json!([{ "country": "DE", "count": 5 }]));
    }
    let log = ended.process.lines().join("\n");
    assert!(!log.contains("192.0.2.7"), "no address stands in the log");
}
