//! What becomes of a user's whole lobby when they are deleted or blocked for good (SPEC §6), and that nothing slips through
//! beside it.

use std::time::Duration;

use api_server::use_cases::caller::{Caller, Context, User};
use api_server::use_cases::departures::{Departure, depart};
use futures::future::join;
use serde_json::json;
use shared::db::Db;
use shared::ids::UserId;

use super::delete;
use crate::harness::{Api, text};
use crate::user::lobby::games::memberships::runs;

/// As the account's own use case does it: the departure first, then the change of the account, in one transaction.
async fn goes(api: &Api, user: &str, why: Departure) {
    let id: UserId = user.parse().unwrap();
    let context = Context {
        request_id: "departure".to_owned(),
        traceparent: None,
        ip: [127, 0, 0, 1].into(),
        secure: true,
        reason: None,
        operation_id: None,
    };
    let who = User { id, sanctions: Vec::new() };
    let db = Db::new(api.db().options(), 1);
    let mut tx = db.begin().await.unwrap();
    depart(&mut tx, &Caller::user(&who, &context), id, why).await.unwrap();
    let statement = match why {
        Departure::Deleted => "UPDATE accounts SET deleted_at = now() WHERE user_id = $1",
        Departure::Blocked => {
            "INSERT INTO sanctions (sanction_id, user_id, kind, reason, actor)
             VALUES (gen_random_uuid(), $1, 'permanent_block', 'test', 'test')"
        }
    };
    sqlx::query(statement).bind(id.uuid()).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn everything_of_a_user_ends_at_once() {
    let api = Api::start().await;
    let (ada_id, ada) = api.player("ada").await;
    let (bob_id, bob) = api.player("bob").await;
    let (running, open, applied) = (
        api.open_public_game(json!({})).await,
        api.open_public_game(json!({})).await,
        api.open_public_game(json!({})).await,
    );
    let over = api.open_public_game(json!({})).await;
    for game in [&running, &open, &over] {
        api.join(game, &ada, "Zerg").await;
    }
    api.join(&running, &bob, "Protoss").await;
    runs(&api, &running).await;
    api.sql("UPDATE games SET status = 'finished' WHERE game_id = $1::uuid", &over).await;
    let applications = format!("/api/v1/user/lobby/games/{applied}/applications");
    ada.post(&applications).json(&json!({ "race_name": "Zerg" })).send().await.expect(201);
    let (of_ada, of_bob) = (api.open_private_game(&ada, json!({})).await, api.open_private_game(&bob, json!({})).await);
    let invites = |game: &str| format!("/api/v1/user/lobby/games/{game}/invites");
    ada.post(invites(&of_ada)).json(&json!({ "invited_user_id": bob_id })).send().await.expect(201);
    let code = ada.post(invites(&of_ada)).json(&json!({ "max_uses": 3 })).send().await.expect(201).json();
    bob.post(invites(&of_bob)).json(&json!({ "invited_user_id": ada_id })).send().await.expect(201);
    api.sql(
        "INSERT INTO race_names (race_name_id, canonical_key, race_name, user_id, status)
         VALUES (gen_random_uuid(), 'old', 'Old', $1::uuid, 'registered')",
        &ada_id,
    )
    .await;

    goes(&api, &ada_id, Departure::Deleted).await;
    let mut statuses: Vec<(String, String)> = sqlx::query_as(
        "SELECT g.status, m.status FROM memberships m JOIN games g USING (game_id) WHERE user_id = $1::uuid ORDER BY 1",
    )
    .bind(&ada_id)
    .fetch_all(&api.pool())
    .await
    .unwrap();
    statuses.sort();
    let expected = [("enrollment_open", "left"), ("finished", "active"), ("running", "left")];
    assert_eq!(statuses, expected.map(|(game, own)| (game.to_owned(), own.to_owned())), "history stays");
    assert_eq!(api.game(&running).await["approved_count"], 1);
    assert_eq!(api.count("runtime_jobs WHERE kind = 'banish' AND payload ->> 'race_name' = 'Zerg'").await, 1);
    assert_eq!(api.count("applications WHERE status = 'withdrawn'").await, 1);
    assert_eq!(api.count("invites WHERE status = 'open'").await, 0);
    assert_eq!(
        (api.count("invites WHERE status = 'revoked'").await, api.count("invites WHERE status = 'closed'").await),
        (0, 3),
        "her own game is cancelled, which closes its invites"
    );
    assert_eq!(api.count("notifications WHERE kind = 'lobby.invite.revoked'").await, 0);
    assert_eq!(
        api.count("notifications WHERE kind = 'lobby.membership.removed'").await,
        0,
        "nobody is there to be told"
    );
    let held = format!("race_names WHERE status <> 'released' AND user_id = '{ada_id}'");
    assert_eq!(api.count(&held).await, 0);
    // Her names are anybody's.
    let (_, cid) = api.player("cid").await;
    api.join(&open, &cid, "Old").await;
    let redeem = json!({ "code": code["code"], "race_name": "Terran" });
    bob.post("/api/v1/user/lobby/invites/redeem").json(&redeem).send().await.expect_problem(409, "invite_closed");

    goes(&api, &bob_id, Departure::Blocked).await;
    assert_eq!(api.count("memberships WHERE status = 'removed'").await, 1);
    assert_eq!(api.count("memberships WHERE banish_due_at IS NOT NULL").await, 2, "one after the other");
    assert_eq!(api.count("notifications WHERE kind = 'lobby.membership.removed'").await, 1);
    // Doing it again finds nothing.
    goes(&api, &bob_id, Departure::Blocked).await;
    assert_eq!(api.game(&running).await["approved_count"], 0);
}

#[tokio::test]
async fn nothing_slips_in_beside_a_departure() {
    let api = Api::start().await;
    let other = api.replica().await;
    let (_, owner) = api.player("owner").await;
    let game = api.open_public_game(json!({ "max_players": 100 })).await;
    let private = api.open_private_game(&owner, json!({ "max_players": 100 })).await;
    let invites = format!("/api/v1/user/lobby/games/{private}/invites");
    let code = owner.post(&invites).json(&json!({ "max_uses": 100 })).send().await.expect(201).json()["code"].clone();
    for round in 0..8u8 {
        let (id, _) = api.player(&format!("player{round}")).await;
        let race = format!("Race{}", char::from(b'a' + round));
        let player = other.user(&id);
        let apply = async {
            let path = format!("/api/v1/user/lobby/games/{game}/applications");
            player.post(path).json(&json!({ "race_name": race })).send().await
        };
        let redeem = async {
            let body = json!({ "code": code, "race_name": race });
            player.post("/api/v1/user/lobby/invites/redeem").json(&body).send().await
        };
        let why = if round % 2 == 0 { Departure::Deleted } else { Departure::Blocked };
        let ((applied, redeemed), ()) = join(join(apply, redeem), goes(&api, &id, why)).await;
        for answer in [applied, redeemed] {
            let refused = ["sanctioned", "user_unknown"].iter().any(|code| answer.json()["code"] == *code);
            assert!(answer.status.is_success() || refused, "{answer:?}");
        }
        for open in [
            format!("memberships WHERE user_id = '{id}' AND status = 'active'"),
            format!("applications WHERE user_id = '{id}' AND status = 'submitted'"),
            format!("race_names WHERE user_id = '{id}' AND status <> 'released'"),
        ] {
            assert_eq!(api.count(&open).await, 0, "{open}");
        }
    }
    assert_eq!(api.game(&private).await["approved_count"], 0);
    let uses: i32 = text_number(&owner.get(&invites).send().await.expect(200).json()["items"][0]["uses"]);
    assert_eq!(i64::from(uses), api.count("memberships").await);
}

fn text_number(value: &serde_json::Value) -> i32 {
    i32::try_from(value.as_i64().unwrap_or_else(|| panic!("no number: {value}"))).unwrap()
}

#[tokio::test]
async fn a_departure_of_many_statements_may_take_longer_than_one_of_them() {
    let api = Api::start_with(&[("BACKEND_POSTGRES_OPERATION_TIMEOUT", "3s")]).await;
    let (ada_id, ada) = api.player("ada").await;
    let game = api.open_public_game(json!({})).await;
    api.join(&game, &ada, "Zerg").await;
    let (mut of_game, mut of_account) = (api.pool().begin().await.unwrap(), api.pool().begin().await.unwrap());
    for (holder, statement, id) in [
        (&mut of_game, "SELECT FROM games WHERE game_id = $1::uuid FOR NO KEY UPDATE", &game),
        (&mut of_account, "SELECT FROM accounts WHERE user_id = $1::uuid FOR NO KEY UPDATE", &ada_id),
    ] {
        sqlx::query(statement).bind(id).execute(&mut **holder).await.unwrap();
    }
    // It waits for one lock after the other: for each shorter than the server allows, for both longer than a connection may be
    // silent.
    let freed = async {
        for holder in [of_game, of_account] {
            tokio::time::sleep(Duration::from_secs(2)).await;
            holder.rollback().await.unwrap();
        }
    };
    let (deleted, ()) = join(delete(&api, &ada_id), freed).await;
    deleted.expect(204);
    assert_eq!(api.game(&game).await["approved_count"], 0);
}

#[tokio::test]
async fn departures_from_the_same_games_do_not_wait_for_each_other_for_ever() {
    let api = Api::start().await;
    let other = api.replica().await;
    let mut players = Vec::new();
    for n in 0..4u8 {
        let (id, player) = api.player(&format!("player{n}")).await;
        players.push((id, player, format!("Race{}", char::from(b'a' + n))));
    }
    let mut games = Vec::new();
    for _ in 0..6 {
        let game = api.open_public_game(json!({})).await;
        for (_, player, race) in &players {
            api.join(&game, player, race).await;
        }
        games.push(game);
    }
    let departures = players
        .iter()
        .enumerate()
        .map(|(n, (id, ..))| goes(if n % 2 == 0 { &api } else { &other }, id, Departure::Deleted));
    futures::future::join_all(departures).await;
    for game in &games {
        assert_eq!(api.game(game).await["approved_count"], 0);
    }
    assert_eq!(api.count("memberships WHERE status = 'left'").await, 24);
    assert_eq!(text(&api.game(&games[0]).await, "status"), "enrollment_open");
}
