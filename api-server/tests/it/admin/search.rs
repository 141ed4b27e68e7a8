//! One box for everything: what a text leads to.

use serde_json::{Value, json};

use super::runtimes::running;
use super::{mail, notification, route};
use crate::harness::{Api, text};

const SEARCH: &str = "/api/v1/admin/search";

/// What is found, as kind, id and by what.
async fn find(api: &Api, query: &str) -> Vec<(String, String, String)> {
    let answer = api.admin().get(SEARCH).query("q", query).send().await.expect(200).json();
    let of = |hit: &Value| (text(hit, "kind"), text(hit, "id"), text(hit, "matched"));
    answer["hits"].as_array().unwrap().iter().map(of).collect()
}

fn hit(kind: &str, id: &str, matched: &str) -> (String, String, String) {
    (kind.to_owned(), id.to_owned(), matched.to_owned())
}

#[tokio::test]
async fn an_id_leads_to_what_has_it() {
    let api = Api::start().await;
    let game = running(&api).await;
    let ada = api.account("ada").await;
    let delivery = mail(&api, "one", &["ann@example.org"]).await.to_string();
    let told = notification(&api, &ada, "one").await;
    let way = route(&api, told, &ada, "push", "delivered").await;
    let told = told.to_string();
    for (id, expected) in [
        (&game, hit("game", &game, "id")),
        (&ada, hit("user", &ada, "id")),
        (&delivery, hit("delivery", &delivery, "id")),
        (&told, hit("notification", &told, "id")),
        (&way, hit("notification", &told, "id")),
    ] {
        assert_eq!(find(&api, id).await, [expected], "{id}");
        assert_eq!(
            find(&api, &format!(" {} ", id.to_uppercase())).await.len(),
            1,
            "in any case, with blanks around it"
        );
    }
    let member: String =
        sqlx::query_scalar("SELECT membership_id::text FROM memberships").fetch_one(&api.pool()).await.unwrap();
    let answer = api.admin().get(SEARCH).query("q", &member).send().await.expect(200).json();
    assert_eq!((&answer["hits"][0]["kind"], &answer["hits"][0]["game_id"]), (&json!("membership"), &json!(game)));
    let entry: String = sqlx::query_scalar("SELECT audit_id::text FROM audit_log WHERE action = 'game.create'")
        .fetch_one(&api.pool())
        .await
        .unwrap();
    assert_eq!(find(&api, &entry).await, [hit("audit_entry", &entry, "id")]);
    assert!(find(&api, "00000000-0000-7000-8000-000000000001").await.is_empty());
}

#[tokio::test]
async fn an_address_leads_to_its_account_and_its_newest_mails_and_no_hit_shows_it() {
    let api = Api::start().await;
    let ada = api.account("ada").await;
    api.sql(
        "INSERT INTO identities (identity_id, user_id, kind, external_id)
         VALUES (gen_random_uuid(), $1::uuid, 'email', 'u@xn--mnchen-3ya.example')",
        &ada,
    )
    .await;
    let mut newest = Vec::new();
    for n in 0..12 {
        newest.push(mail(&api, &n.to_string(), &["u@xn--mnchen-3ya.example"]).await.to_string());
    }
    mail(&api, "other", &["ann@example.org"]).await;
    for spelling in ["u@münchen.example", "U@MÜNCHEN.example", "u@xn--mnchen-3ya.example"] {
        let found = find(&api, spelling).await;
        assert!(found.contains(&hit("user", &ada, "address")), "{spelling}: {found:?}");
        let mut mails: Vec<String> = found.into_iter().filter(|hit| hit.0 == "delivery").map(|hit| hit.1).collect();
        mails.sort_unstable();
        assert_eq!(mails, newest[2..], "{spelling}: ten of them, the newest");
        let answer = api.admin().get(SEARCH).query("q", spelling).send().await;
        assert!(!String::from_utf8_lossy(&answer.body).contains("nchen"));
    }
    assert!(find(&api, "nobody@example.org").await.is_empty());
    assert!(find(&api, "@@").await.is_empty(), "no address, and nothing else either");
}

#[tokio::test]
async fn the_beginning_of_a_name_leads_to_users_and_games_and_to_none_that_is_deleted() {
    let api = Api::start().await;
    let ada = api.account("ada-lovelace").await;
    let bob = api.account("bob").await;
    let gone = api.account("ada-gone").await;
    api.sql("UPDATE accounts SET display_name = 'Ada Byron' WHERE user_id = $1::uuid", &bob).await;
    api.sql("UPDATE accounts SET display_name = 'Ada' WHERE user_id = $1::uuid", &ada).await;
    api.sql("UPDATE accounts SET deleted_at = now() WHERE user_id = $1::uuid", &gone).await;
    let game = api.public_game(json!({ "name": "Adamant" })).await;
    api.public_game(json!({ "name": "Orion" })).await;
    let mut found = find(&api, "ADA").await;
    found.sort_unstable();
    let mut expected = vec![hit("game", &game, "name"), hit("user", &ada, "name"), hit("user", &bob, "name")];
    expected.sort_unstable();
    assert_eq!(found, expected, "each once, by whichever of its names");
    assert_eq!(find(&api, "ada  byron").await, [hit("user", &bob, "name")]);
    assert!(find(&api, "da").await.is_empty(), "the beginning, not the middle");
    for n in 0..12 {
        api.account(&format!("pilot-{n:02}")).await;
    }
    assert_eq!(find(&api, "pilot").await.len(), 10, "at most ten of a kind");
}

#[tokio::test]
async fn a_container_and_a_request_lead_to_what_they_are_of() {
    let api = Api::start().await;
    let game = running(&api).await;
    let id = "4f1c2a8e9b7d0123456789abcdef0123456789abcdef0123456789abcdef0123";
    api.sql(&format!("UPDATE runtime_records SET container_id = '{id}' WHERE game_id = $1::uuid"), &game).await;
    for container in [&id[..8], &id[..12], id] {
        assert_eq!(find(&api, container).await, [hit("runtime", &game, "container")], "{container}");
    }
    assert!(find(&api, &id[..7]).await.is_empty(), "too short for a container");
    assert_eq!(find(&api, &format!("galaxy-game-{game}")).await, [hit("game", &game, "id")]);

    let request = "incident-2026-11-25";
    let pause = api.admin().post(format!("/api/v1/admin/games/{game}/force-stop")).header("X-Request-ID", request);
    pause.send().await.expect(200);
    let mut kinds: Vec<(String, String)> =
        find(&api, request).await.into_iter().map(|(kind, _, matched)| (kind, matched)).collect();
    kinds.sort_unstable();
    for kind in ["audit_entry", "runtime"] {
        assert!(kinds.contains(&(kind.to_owned(), "request_id".to_owned())), "{kind}: {kinds:?}");
    }
    assert!(find(&api, "incident-2026-11-24").await.is_empty());
}

#[tokio::test]
async fn a_text_that_is_too_short_or_too_long_is_refused_and_none_finds_nothing() {
    let api = Api::start().await;
    for query in ["a", " a ", "", &"x".repeat(321)] {
        let answer = api.admin().get(SEARCH).query("q", query).send().await.expect_problem(400, "invalid_request");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/query/q", "{query:?}");
    }
    assert_eq!(api.admin().get(SEARCH).send().await.expect(200).json(), json!({ "hits": [] }));
}
