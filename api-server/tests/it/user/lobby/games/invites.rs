//! Invites: whom they let in and how they end, how many go out, by which of them a mail goes, what a code looks like, and what
//! a second redemption answers (SPEC §7).

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::openapi::ContractClient;

use super::enrolment::apply;
use crate::harness::{Api, text};

const REDEEM: &str = "/api/v1/user/lobby/invites/redeem";

fn invites(game: &str) -> String {
    format!("/api/v1/user/lobby/games/{game}/invites")
}

/// A private game of `owner`, and the path of its invites.
async fn private_game(api: &Api, owner: &ContractClient) -> String {
    invites(&api.open_private_game(owner, json!({ "max_players": 9 })).await)
}

/// What the notifications of invites say of mail, oldest first: null where one goes out.
async fn unmailed(api: &Api) -> Vec<Option<String>> {
    sqlx::query_scalar(
        "SELECT unmailed FROM notifications WHERE kind = 'lobby.invite.received' ORDER BY notification_id",
    )
    .fetch_all(&api.pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn an_invitee_has_one_mail_a_game_and_day_and_a_push_each_time() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let bob = api.account("bob").await;
    let eve = api.account("eve").await;
    let path = private_game(&api, &ada).await;
    let invite_and_revoke = async |path: &str, user: &str| {
        let made = ada.post(path).json(&json!({ "invited_user_id": user })).send().await.expect(201).json();
        ada.post(format!("{path}/{}/revoke", text(&made, "invite_id"))).send().await.expect(200);
    };
    for _ in 0..3 {
        invite_and_revoke(&path, &bob).await;
    }
    assert_eq!(unmailed(&api).await.iter().map(Option::is_none).collect::<Vec<_>>(), [true, false, false]);
    // Another person, another game: other mails.
    invite_and_revoke(&path, &eve).await;
    invite_and_revoke(&private_game(&api, &ada).await, &bob).await;
    assert_eq!(unmailed(&api).await[3..], [None, None]);
    // The day counts from the mail, not from the invite without one after it.
    let mailed =
        "UPDATE invites SET mailed_at = mailed_at - interval '1 day 1 second' WHERE invited_user_id = $1::uuid";
    api.sql(mailed, &bob).await;
    for _ in 0..2 {
        invite_and_revoke(&path, &bob).await;
    }
    assert_eq!(unmailed(&api).await[5..].iter().map(Option::is_none).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn of_many_invites_at_once_through_two_replicas_one_is_mailed() {
    let api = Api::start().await;
    let other = api.replica().await;
    let (owner, ada) = api.player("ada").await;
    let bob = api.account("bob").await;
    let path = private_game(&api, &ada).await;
    let replicas = [&api, &other];
    join_all((0..10).map(|n| {
        let client = replicas[n % 2].user(&owner);
        let (path, bob) = (&path, &bob);
        async move {
            let made = client.post(path).json(&json!({ "invited_user_id": bob })).send().await;
            if made.status == 201 {
                client.post(format!("{path}/{}/revoke", text(&made.json(), "invite_id"))).send().await.expect(200);
            }
        }
    }))
    .await;
    assert_eq!(unmailed(&api).await.iter().filter(|why| why.is_none()).count(), 1);
}

#[tokio::test]
async fn twenty_invites_an_hour_and_no_more_through_all_games_and_replicas() {
    let api = Api::start().await;
    let other = api.replica().await;
    let (owner, ada) = api.player("ada").await;
    let (_, eve) = api.player("eve").await;
    let games = [private_game(&api, &ada).await, private_game(&api, &ada).await];
    let replicas = [&api, &other];
    let body = json!({ "max_uses": 1 });
    let answers =
        join_all((0..30).map(|n| replicas[n % 2].user(&owner).post(&games[n / 2 % 2]).json(&body).send())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 20);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        let after: u64 = refused.clone().expect_problem(429, "rate_limited").header("retry-after").parse().unwrap();
        assert!((1..=3600).contains(&after), "{after}");
    }
    assert_eq!(api.count("invites").await, 20);
    // Taking back gives nothing back; what is refused for another reason costs nothing; others are not concerned.
    api.sql("UPDATE invites SET status = 'revoked' WHERE inviter_user_id = $1::uuid", &owner).await;
    ada.post(&games[0]).json(&body).send().await.expect_problem(429, "rate_limited");
    eve.post(private_game(&api, &eve).await).json(&body).send().await.expect(201);
    // The answer says when: with the oldest of the twenty.
    let ago = "UPDATE invites SET created_at = now() - interval '50 minutes' WHERE inviter_user_id = $1::uuid
                  AND invite_id = (SELECT invite_id FROM invites WHERE inviter_user_id = $1::uuid LIMIT 1)";
    api.sql(ago, &owner).await;
    let refused = ada.post(&games[0]).json(&body).send().await.expect_problem(429, "rate_limited");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() <= 600);
    let ago = "UPDATE invites SET created_at = created_at - interval '11 minutes' WHERE inviter_user_id = $1::uuid";
    api.sql(ago, &owner).await;
    let again = |body: Value| ada.post(&games[0]).header("Idempotency-Key", "k").json(&body).send();
    let made = again(body.clone()).await.expect(201).json();
    ada.post(&games[0]).json(&body).send().await.expect_problem(429, "rate_limited");
    // What was made is answered again under its key.
    assert_eq!(again(body.clone()).await.expect(201).json()["invite_id"], made["invite_id"]);
}

#[tokio::test]
async fn a_code_is_read_as_people_write_it() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let path = private_game(&api, &ada).await;
    let invite = ada.post(&path).json(&json!({ "max_uses": 9 })).send().await.expect(201).json();
    let code = text(&invite, "code");
    let groups: Vec<&str> = code.split('-').collect();
    assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 4), "{code}");
    assert!(code.chars().all(|c| c == '-' || "0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(c)), "{code}");
    let written = [
        code.to_lowercase(),
        format!("  {code}\t"),
        code.replace('-', ""),
        code.replace('-', " "),
        code.replace('-', "\u{2013}"),
        code.replace('0', "o").replace('1', "l"),
        code.replace('0', "O").replace('1', "i"),
    ];
    for (n, written) in written.iter().enumerate() {
        let (_, player) = api.player(&format!("player{n}")).await;
        let race = format!("Race {}", char::from(b'm' + u8::try_from(n).unwrap()));
        let answer = player.post(REDEEM).json(&json!({ "code": written, "race_name": race })).send().await;
        assert_eq!(answer.expect(200).json()["invite_id"], invite["invite_id"], "{written:?}");
    }
    // A code of before is still good, as it was written.
    api.sql("UPDATE invites SET code = 'wQb5v0Yx1kD2Lg' WHERE invite_id = $1::uuid", &text(&invite, "invite_id")).await;
    let (_, late) = api.player("late").await;
    for (written, known) in [("wqb5v0yx1kd2lg", false), (code.as_str(), false), (" wQb5v0Yx1kD2Lg ", true)] {
        let answer = late.post(REDEEM).json(&json!({ "code": written, "race_name": "Zerg" })).send().await;
        if known {
            answer.expect(200)
        } else {
            answer.expect_problem(404, "invite_not_found")
        };
    }
    for nothing in ["   ", "----", "U000-0000-0000-0000"] {
        let answer = late.post(REDEEM).json(&json!({ "code": nothing, "race_name": "Zerg" })).send().await;
        answer.expect_problem(404, "invite_not_found");
    }
}

#[tokio::test]
async fn who_redeems_again_is_answered_the_membership_again() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let (bob_id, bob) = api.player("bob").await;
    let (eve_id, eve) = api.player("eve").await;
    let path = private_game(&api, &ada).await;
    let of_bob = ada.post(&path).json(&json!({ "invited_user_id": bob_id })).send().await.expect(201).json();
    let code = ada.post(&path).json(&json!({ "max_uses": 1 })).send().await.expect(201).json()["code"].clone();
    let other = ada.post(&path).json(&json!({ "max_uses": 5 })).send().await.expect(201).json()["code"].clone();
    let by_id = format!("{path}/{}/redeem", text(&of_bob, "invite_id"));
    let zerg = json!({ "race_name": "Zerg" });
    let by_code = json!({ "code": code, "race_name": "Protoss" });
    let mut answers = HashSet::new();
    for _ in 0..2 {
        answers.insert(bob.post(&by_id).json(&zerg).send().await.expect(200).json().to_string());
        answers.insert(eve.post(REDEEM).json(&by_code).send().await.expect(200).json().to_string());
    }
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!((api.count("memberships").await, api.count("invites WHERE uses = 1").await), (2, 2));
    // Also when the code is used up, the game full, its enrolment over, and the member not to join games any more.
    let game = path.split('/').nth(6).unwrap().to_owned();
    api.sql("UPDATE games SET max_players = 2, enrollment_ends_at = now() WHERE game_id = $1::uuid", &game).await;
    api.sanction(&eve_id, "game_join_block").await;
    answers.insert(bob.post(&by_id).json(&zerg).send().await.expect(200).json().to_string());
    answers.insert(eve.post(REDEEM).json(&by_code).send().await.expect(200).json().to_string());
    assert_eq!(answers.len(), 2, "{answers:?}");
    api.sql(
        "UPDATE games SET max_players = 9, enrollment_ends_at = now() + interval '1 day' WHERE game_id = $1::uuid",
        &game,
    )
    .await;
    // But it is this invite that one must be in by.
    let again = json!({ "code": other, "race_name": "Terran" });
    bob.post(REDEEM).json(&again).send().await.expect_problem(409, "already_member");
    let (_, late) = api.player("late").await;
    let late = late.post(REDEEM).json(&by_code).send().await.expect_problem(409, "invite_closed");
    assert!(late.json()["detail"].as_str().unwrap().contains("used as often as it may be"), "{}", late.json());
    // Who has left is not in by it any more.
    bob.post(format!("/api/v1/user/lobby/games/{game}/leave")).send().await.expect(200);
    bob.post(&by_id).json(&zerg).send().await.expect_problem(409, "invite_closed");
    bob.post(REDEEM).json(&again).send().await.expect(200);
    bob.post(&by_id).json(&zerg).send().await.expect_problem(409, "invite_closed");
}

#[tokio::test]
async fn members_from_before_the_invites_were_recorded_are_answered_too() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let (bob_id, bob) = api.player("bob").await;
    let path = private_game(&api, &ada).await;
    let invite = ada.post(&path).json(&json!({ "invited_user_id": bob_id })).send().await.expect(201).json();
    let redeem = format!("{path}/{}/redeem", text(&invite, "invite_id"));
    let first = bob.post(&redeem).json(&json!({ "race_name": "Zerg" })).send().await.expect(200).json();
    api.sql("UPDATE memberships SET invite_id = NULL WHERE user_id = $1::uuid", &bob_id).await;
    assert_eq!(bob.post(&redeem).json(&json!({ "race_name": "Zerg" })).send().await.expect(200).json(), first);
}

#[tokio::test]
async fn an_invite_is_seen_by_the_owner_and_the_invited() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let (bob_id, bob) = api.player("bob").await;
    let (_, eve) = api.player("eve").await;
    for (player, name) in [(&ada, "Ada Lovelace"), (&bob, "Bob")] {
        player.patch("/api/v1/user/account").json(&json!({ "display_name": name })).send().await.expect(200);
    }
    let path = private_game(&api, &ada).await;
    let made = ada.post(&path).json(&json!({ "invited_user_id": bob_id })).send().await.expect(201);
    let location = made.header("location").to_owned();
    let shown = ada.get(&location).send().await.expect(200).json();
    assert_eq!(shown, made.json());
    assert_eq!(
        (&shown["inviter_display_name"], &shown["invited_display_name"]),
        (&json!("Ada Lovelace"), &json!("Bob"))
    );
    assert_eq!(bob.get(&location).send().await.expect(200).json(), shown);
    eve.get(&location).send().await.expect_problem(404, "game_not_found");
    let code = ada.post(&path).json(&json!({ "max_uses": 1 })).send().await.expect(201);
    let of_code = code.header("location").to_owned();
    assert_eq!(ada.get(&of_code).send().await.expect(200).json()["code"], code.json()["code"]);
    bob.get(&of_code).send().await.expect_problem(404, "invite_not_found");
    // The game is nothing of Bob's once the invite is over; what became of the invite is.
    bob.post(format!("{location}/decline")).send().await.expect(200);
    assert_eq!(bob.get(&location).send().await.expect(200).json()["status"], "declined");
    bob.get(&of_code).send().await.expect_problem(404, "game_not_found");
    assert_eq!(
        bob.get("/api/v1/user/lobby/my/invites").send().await.expect(200).json()["items"][0]["status"],
        "declined"
    );
    // Whoever is deleted has no name any more.
    bob.delete("/api/v1/user/account").send().await.expect(204);
    assert_eq!(ada.get(&location).send().await.expect(200).json()["invited_display_name"], Value::Null);
}

#[tokio::test]
async fn an_invite_is_for_one_person_once() {
    let api = Api::start().await;
    let (ada_id, ada) = api.player("ada").await;
    let (bob_id, bob) = api.player("bob").await;
    let (_, eve) = api.player("eve").await;
    let game = api.open_private_game(&ada, json!({})).await;
    let invites = format!("/api/v1/user/lobby/games/{game}/invites");
    let by_id = json!({ "invited_user_id": bob_id });
    let answer = ada.post(&invites).json(&by_id).send().await.expect(201);
    let invite = text(&answer.json(), "invite_id");
    assert_eq!(answer.header("location"), format!("{invites}/{invite}"));
    assert_eq!((&answer.json()["inviter_user_id"], &answer.json()["status"]), (&json!(ada_id), &json!("open")));
    ada.post(&invites).json(&json!({ "invited_user_name": "BOB" })).send().await.expect_problem(409, "invite_exists");
    ada.post(&invites)
        .json(&json!({ "invited_user_name": "nobody" }))
        .send()
        .await
        .expect_problem(404, "account_not_found");
    for bad in [
        json!({}),
        json!({ "invited_user_id": bob_id, "max_uses": 1 }),
        json!({ "max_uses": 1, "expires_at": "2020-01-01T00:00:00Z" }),
    ] {
        ada.post(&invites).json(&bad).send().await.expect_problem(400, "invalid_request");
    }
    let redeem = format!("{invites}/{invite}/redeem");
    let race = json!({ "race_name": "Zerg" });
    eve.post(&redeem).json(&race).send().await.expect_problem(404, "invite_not_found");
    // However often it is sent: one membership.
    let answers = join_all((0..4).map(|_| bob.post(&redeem).json(&race).send())).await;
    let redeemed = answers[0].clone().expect(200).json();
    assert!(answers.iter().all(|a| a.status == 200 && a.json() == redeemed), "{answers:?}");
    assert_eq!(
        (&redeemed["status"], &redeemed["uses"], &redeemed["membership"]["race_name"]),
        (&json!("redeemed"), &json!(1), &json!("Zerg"))
    );
    ada.post(&invites).json(&by_id).send().await.expect_problem(409, "already_member");
    ada.post(format!("{invites}/{invite}/revoke")).send().await.expect_problem(409, "invite_closed");
    let members = bob.get(format!("/api/v1/user/lobby/games/{game}/memberships")).send().await.expect(200).json();
    assert_eq!((&members["items"][0]["user_id"], &members["items"][0]["status"]), (&json!(bob_id), &json!("active")));
    apply(&ada, &game, "Terran").await.expect_problem(409, "game_state_conflict");
}

#[tokio::test]
async fn invites_end_in_other_ways_too() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let (bob_id, bob) = api.player("bob").await;
    let game = api.open_private_game(&ada, json!({})).await;
    let invites = format!("/api/v1/user/lobby/games/{game}/invites");
    let invite = async || {
        let body = json!({ "invited_user_id": bob_id });
        text(&ada.post(&invites).json(&body).send().await.expect(201).json(), "invite_id")
    };
    let race = json!({ "race_name": "Zerg" });
    let declined = invite().await;
    assert_eq!(bob.post(format!("{invites}/{declined}/decline")).send().await.expect(200).json()["status"], "declined");
    bob.get(format!("/api/v1/user/lobby/games/{game}")).send().await.expect_problem(404, "game_not_found");
    let revoked = invite().await;
    bob.post(format!("{invites}/{revoked}/revoke")).send().await.expect_problem(403, "not_game_owner");
    assert_eq!(ada.post(format!("{invites}/{revoked}/revoke")).send().await.expect(200).json()["status"], "revoked");
    bob.post(format!("{invites}/{revoked}/redeem")).json(&race).send().await.expect_problem(409, "invite_closed");
    let expired = invite().await;
    api.sql(
        "UPDATE invites SET expires_at = now() - interval '1 second' WHERE game_id = $1::uuid AND status = 'open'",
        &game,
    )
    .await;
    bob.post(format!("{invites}/{expired}/redeem")).json(&race).send().await.expect_problem(409, "invite_closed");
    let mine = bob.get("/api/v1/user/lobby/my/invites").send().await.expect(200).json();
    assert_eq!(mine["items"][0]["status"], "expired");
    bob.get(format!("/api/v1/user/lobby/games/{game}")).send().await.expect_problem(404, "game_not_found");
    // A new one may follow an expired one.
    let last = invite().await;
    ada.post(format!("/api/v1/user/lobby/games/{game}/cancel")).send().await.expect(200);
    bob.post(format!("{invites}/{last}/redeem")).json(&race).send().await.expect_problem(409, "invite_closed");
    assert_eq!(api.count("notifications WHERE kind = 'lobby.invite.received'").await, 4);
    assert_eq!(api.count("notifications WHERE kind = 'lobby.invite.revoked'").await, 1);
}

#[tokio::test]
async fn a_code_is_used_so_often_and_no_more() {
    let api = Api::start().await;
    let (_, ada) = api.player("ada").await;
    let game = api.open_private_game(&ada, json!({ "max_players": 9 })).await;
    let body = json!({ "max_uses": 3 });
    let invite =
        ada.post(format!("/api/v1/user/lobby/games/{game}/invites")).json(&body).send().await.expect(201).json();
    let mut players = Vec::new();
    for n in 0..6 {
        players.push(api.player(&format!("player{n}")).await.1);
    }
    let redeem = "/api/v1/user/lobby/invites/redeem";
    let bodies: Vec<Value> = (0..6)
        .map(|n: u8| json!({ "code": invite["code"], "race_name": format!("Race{}", char::from(b'm' + n)) }))
        .collect();
    let answers = join_all(players.iter().zip(&bodies).map(|(p, body)| p.post(redeem).json(body).send())).await;
    assert_eq!(answers.iter().filter(|a| a.status == 200).count(), 3);
    assert_eq!(answers.iter().filter(|a| a.json()["code"] == "invite_closed").count(), 3);
    assert_eq!(api.game(&game).await["approved_count"], 3);
    let unknown = json!({ "code": "guess", "race_name": "Zerg" });
    players[0].post(redeem).json(&unknown).send().await.expect_problem(404, "invite_not_found");
}
