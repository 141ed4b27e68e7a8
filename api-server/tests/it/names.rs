//! Names and addresses of the real world through the API (SPEC §6). The tables of `shared/tests/tables` hold the rules row by
//! row; here is what becomes of them on the way into the database and back.

use serde_json::{Value, json};
use testkit::openapi::ContractResponse;

use crate::harness::{Api, game, text};
use crate::public::auth::sign_in;

const PROVISION: &str = "/api/v1/internal/identities/provision";

async fn provision(api: &Api, body: Value) -> ContractResponse {
    api.gateway().post(PROVISION).json(&body).send().await
}

async fn users(api: &Api, filter: &str, value: &str) -> Vec<Value> {
    let answer = api.admin().get("/api/v1/admin/users").query(filter, value).send().await.expect(200).json();
    answer["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn one_mailbox_is_one_account_however_it_is_spelled() {
    let api = Api::start().await;
    let spellings = [
        "u@münchen.example",
        "U@MÜNCHEN.example",
        "u@mu\u{308}nchen.example",
        "u@xn--mnchen-3ya.example",
        "\"u\"@XN--MNCHEN-3YA.EXAMPLE",
        "ｕ＠ｍüｎｃｈｅｎ．ｅｘａｍｐｌｅ",
    ];
    let made = sign_in::sign_in_from(&api, spellings[0], "127.0.0.1").await;
    assert_eq!(made["account_created"], true);
    for spelling in spellings {
        let body = json!({ "kind": "email", "external_id": spelling });
        let found = provision(&api, body).await.expect(200).json();
        assert_eq!(found, json!({ "user_id": made["user_id"], "created": false }), "{spelling}");
        let listed = users(&api, "email", spelling).await;
        assert_eq!((listed.len(), &listed[0]["user_id"]), (1, &made["user_id"]), "{spelling}");
        assert_eq!(listed[0]["email"], "u@xn--mnchen-3ya.example");
    }
    // What is mailed is the form that identifies, and one mailbox has one throttle.
    sign_in::send(&api, spellings[4]).await;
    let mailed: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT address FROM mail_recipients").fetch_all(&api.pool()).await.unwrap();
    assert_eq!(mailed, ["u@xn--mnchen-3ya.example"]);
    assert_eq!(api.count("auth_addresses").await, 1);
}

#[tokio::test]
async fn an_address_that_was_kept_in_a_former_spelling_is_found() {
    let api = Api::start().await;
    let kept = [("old-u", "u@münchen.example"), ("old-q", "\"q\"@example.org")];
    let mut ids = Vec::new();
    for (name, address) in kept {
        let id = api.account(name).await;
        sqlx::query("INSERT INTO identities (identity_id, user_id, kind, external_id) VALUES (gen_random_uuid(), $1::uuid, 'email', $2)")
            .bind(&id)
            .bind(address)
            .execute(&api.pool())
            .await
            .unwrap();
        let body = json!({ "kind": "email", "external_id": address });
        assert_eq!(text(&provision(&api, body).await.expect(200).json(), "user_id"), id);
        assert_eq!(users(&api, "email", address).await.len(), 1);
        ids.push(id);
    }
    let signed_in = sign_in::sign_in_from(&api, "u@xn--mnchen-3ya.example", "127.0.0.1").await;
    assert_eq!((&signed_in["account_created"], &signed_in["user_id"]), (&json!(false), &json!(ids[0])));

    // Where both forms were made accounts in those times, the normal one is signed in to.
    let other = api.account("other").await;
    api.sql(
        "INSERT INTO identities (identity_id, user_id, kind, external_id)
         VALUES (gen_random_uuid(), $1::uuid, 'email', 'u@xn--mnchen-3ya.example')",
        &other,
    )
    .await;
    let signed_in = sign_in::sign_in_from(&api, "u@münchen.example", "127.0.0.1").await;
    assert_eq!(signed_in["user_id"], json!(other));
    assert_eq!(users(&api, "email", "u@münchen.example").await.len(), 2, "administrators see both");
}

#[tokio::test]
async fn an_address_that_cannot_be_mailed_is_refused_wherever_it_is_given() {
    let api = Api::start().await;
    for address in
        ["\"a b\"@example.org", "a@[127.0.0.1]", "a@localhost", "a@example.org.", "a@my_host.example", "a.@x.org"]
    {
        let answer = provision(&api, json!({ "kind": "email", "external_id": address })).await;
        let answer = answer.expect_problem(400, "invalid_request").json();
        assert_eq!(
            (&answer["errors"][0]["pointer"], &answer["errors"][0]["code"]),
            (&json!("/external_id"), &json!("format"))
        );
        let answer =
            api.client.post("/api/v1/public/auth/send-email-code").json(&json!({ "email": address })).send().await;
        let answer = answer.expect_problem(400, "invalid_request").json();
        assert_eq!(
            (&answer["errors"][0]["pointer"], &answer["errors"][0]["code"]),
            (&json!("/email"), &json!("format"))
        );
    }
    assert_eq!((api.count("accounts").await, api.count("mail_deliveries").await), (0, 0));
}

/// Rows of a table of `shared/tests/tables`: what is given, and what becomes of it. Every `step`th: the rules have all of
/// them in their own tests. Those with U+0000, which hardly a text of a body may hold, are left to these.
fn sample(table: &str, step: usize) -> Vec<(String, String)> {
    rows(table).into_iter().filter(|(given, _)| !given.contains('\0')).step_by(step).collect()
}

/// All of its rows but those with other escapes than `\u{…}`.
fn rows(table: &str) -> Vec<(String, String)> {
    let unescape = |text: &str| -> String {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("\\u{") {
            let (hex, after) = after.split_once('}').unwrap();
            out.push_str(before);
            out.push(char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap());
            rest = after;
        }
        out + rest
    };
    let rows = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#') && !line.contains("\\\\"));
    let rows = rows.filter(|line| !["\\t", "\\n"].iter().any(|escape| line.contains(escape)));
    rows.map(|line| {
        let mut fields = line.split('\t').map(unescape);
        let given = fields.next().unwrap();
        let wanted = fields.next().unwrap_or_default();
        (given.clone(), if wanted == "=" { given } else { wanted })
    })
    .collect()
}

const NAMES: &str = include_str!("../../../shared/tests/tables/names.tsv");

#[tokio::test]
async fn display_names_are_kept_as_people_write_them_and_found_again() {
    let api = Api::start().await;
    let (id, ada) = api.player("ada").await;
    let patch = |body: Value| ada.patch("/api/v1/user/account").json(&body).send();
    for (given, wanted) in sample(NAMES, 4) {
        let answer = patch(json!({ "display_name": given })).await;
        if let Some(code) = wanted.strip_prefix('!') {
            let answer = answer.expect_problem(400, "invalid_request").json();
            assert_eq!(
                (&answer["errors"][0]["pointer"], &answer["errors"][0]["code"]),
                (&json!("/display_name"), &json!(code)),
                "{given:?}"
            );
            continue;
        }
        assert_eq!(answer.expect(200).json()["display_name"], json!(wanted), "{given:?}");
        let read = ada.get("/api/v1/user/account").send().await.expect(200).json();
        assert_eq!(read["display_name"], json!(wanted), "{given:?}");
        let found = users(&api, "name", &wanted).await;
        assert!(found.iter().any(|user| user["user_id"] == json!(id)), "{given:?} is found by its name");
        if wanted.chars().count() > 2 {
            let start: String = wanted.chars().take(2).collect();
            // White space at the end of what is looked for does not count.
            if start == start.trim_end() {
                let found = users(&api, "name", &format!("{start}*")).await;
                assert!(found.iter().any(|user| user["user_id"] == json!(id)), "{given:?} is found by its beginning");
            }
        }
    }
}

#[tokio::test]
async fn games_are_named_by_the_same_rules() {
    let api = Api::start().await;
    api.engine_version().await;
    let admin = api.admin();
    for (given, wanted) in sample(NAMES, 16) {
        let answer = admin.post("/api/v1/admin/games");
        if wanted.starts_with("!blank") && given.is_empty() {
            continue;
        }
        let answer = answer.json(&game(json!({ "name": given }))).send().await;
        if let Some(code) = wanted.strip_prefix('!') {
            let answer = answer.expect_problem(400, "invalid_request").json();
            assert_eq!(
                (&answer["errors"][0]["pointer"], &answer["errors"][0]["code"]),
                (&json!("/name"), &json!(code)),
                "{given:?}"
            );
            continue;
        }
        let id = text(&answer.expect(201).json(), "game_id");
        assert_eq!(api.game(&id).await["name"], json!(wanted), "{given:?}");
    }
    // Longer in code points than in characters.
    let family = "👨\u{200D}👩\u{200D}👧\u{200D}👦".repeat(36);
    admin.post("/api/v1/admin/games").json(&game(json!({ "name": family }))).send().await.expect(201);
}

#[tokio::test]
async fn a_provisioned_name_is_a_hint_and_never_an_error() {
    let api = Api::start().await;
    let hints = rows(include_str!("../../../shared/tests/tables/hints.tsv"));
    assert!(hints.iter().any(|(given, _)| given.contains('\0')), "U+0000 too is cleaned");
    for (n, (given, wanted)) in hints.iter().enumerate() {
        let body = json!({ "kind": "telegram", "external_id": n.to_string(), "display_name": given });
        let made = provision(&api, body).await.expect(200).json();
        assert_eq!(made["created"], true);
        let account = api.gateway().get(format!("/api/v1/internal/users/{}", text(&made, "user_id"))).send().await;
        let wanted = if wanted == "-" { Value::Null } else { json!(wanted) };
        assert_eq!(account.expect(200).json()["display_name"], wanted, "{given:?}");
    }
    // An account that is there does not look at it, whatever it is.
    for (given, _) in &hints {
        let body = json!({ "kind": "telegram", "external_id": "0", "display_name": given });
        let found = provision(&api, body).await.expect(200).json();
        assert_eq!(found["created"], false);
        let account = api.gateway().get(format!("/api/v1/internal/users/{}", text(&found, "user_id"))).send().await;
        assert_eq!(account.expect(200).json()["display_name"], json!("Ada ❤\u{FE0F}"), "{given:?}");
    }
    // The hint alone may hold U+0000.
    let body = json!({ "kind": "telegram", "external_id": "1\0", "display_name": "Ada" });
    let answer = provision(&api, body).await.expect_problem(400, "invalid_request").json();
    assert_eq!(answer["errors"][0]["pointer"], "/external_id");
}

#[tokio::test]
async fn names_of_the_house_are_no_user_names() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    for (given, wanted) in sample(include_str!("../../../shared/tests/tables/user_names.tsv"), 3) {
        let answer = ada.patch("/api/v1/user/account").json(&json!({ "user_name": given })).send().await;
        match wanted.strip_prefix('!') {
            None => assert_eq!(answer.expect(200).json()["user_name"], json!(wanted), "{given:?}"),
            Some(code) => {
                let answer = answer.expect_problem(400, "invalid_request").json();
                assert_eq!(
                    (&answer["errors"][0]["pointer"], &answer["errors"][0]["code"]),
                    (&json!("/user_name"), &json!(code)),
                    "{given:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_zone_is_one_of_the_database_wherever_it_is_given() {
    let api = Api::start().await;
    api.engine_version().await;
    let (_, ada) = api.player("ada").await;
    for (given, wanted) in sample(include_str!("../../../shared/tests/tables/zones.tsv"), 5) {
        let answer = ada.patch("/api/v1/user/account").json(&json!({ "time_zone": given })).send().await;
        let body = game(json!({ "time_zone": given }));
        let made = api.admin().post("/api/v1/admin/games").json(&body).send().await;
        if wanted == "!" {
            for answer in [answer, made] {
                let answer = answer.expect_problem(400, "invalid_request").json();
                assert_eq!(answer["errors"][0]["pointer"], json!("/time_zone"), "{given:?}");
            }
        } else {
            assert_eq!(answer.expect(200).json()["time_zone"], json!(wanted), "{given:?}");
            assert_eq!(made.expect(201).json()["time_zone"], json!(wanted), "{given:?}");
        }
    }
    let game_id = api.public_game(json!({})).await;
    for bad in ["", " ", "Mars/Olympus"] {
        let path = format!("/api/v1/admin/games/{game_id}");
        let answer = api.admin().patch(path).json(&json!({ "time_zone": bad })).send().await;
        assert_eq!(answer.expect_problem(400, "invalid_request").json()["errors"][0]["pointer"], "/time_zone");
    }
}
