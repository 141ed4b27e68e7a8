//! Ends of accounts beside each other, beside sign-ins, and beside whatever takes a user in.

use futures::future::join_all;
use serde_json::json;

use super::{ACCOUNT, GAMES, apply, assert_departed, block, busy, delete, open_session, sign_up};
use crate::harness::{Api, game, text};
use crate::public::auth::sign_in;

#[tokio::test]
async fn many_deletions_at_once_are_one() {
    let api = Api::start().await;
    let other = api.replica().await;
    let ada = busy(&api, "ada@example.org").await;
    let own = api.user(&ada).delete(ACCOUNT).send();
    let calls = (0..8).map(|n| delete(if n % 2 == 0 { &api } else { &other }, &ada));
    let (answers, own) = futures::join!(join_all(calls), own);
    assert!(answers.iter().all(|a| a.status == 204), "{answers:?}");
    assert!(own.status == 204 || own.json()["code"] == "user_unknown");
    assert!(api.count("audit_log WHERE action = 'user.delete'").await <= 1, "the user's own leaves none");
    assert_eq!(api.count("push_events").await, 1);
    assert_departed(&api, &ada).await;
    delete(&api, "00000000-0000-7000-8000-000000000001").await.expect_problem(404, "account_not_found");
}

#[tokio::test]
async fn a_sign_in_at_the_moment_of_the_deletion_is_before_or_after_it() {
    let api = Api::start_with(&[("BACKEND_AUTH_CHALLENGE_THROTTLE_MAX", "100")]).await;
    let other = api.replica().await;
    for round in 0..4 {
        let email = format!("ada{round}@example.org");
        let old = sign_up(&api, &email).await;
        api.sanction(&old, "game_join_block").await;
        let mut challenges = Vec::new();
        for _ in 0..6 {
            let challenge = sign_in::send(&api, &email).await;
            let code = sign_in::code(&api, &challenge).await;
            challenges.push((challenge, code));
        }
        let confirmations = challenges.iter().enumerate().map(|(n, (challenge, code))| {
            let replica = if n % 2 == 0 { &api } else { &other };
            async move { sign_in::confirm(replica, challenge, code, json!({})).await }
        });
        let provisions = (0..4).map(|n| {
            let body = json!({ "kind": "email", "external_id": email });
            let replica = if n % 2 == 0 { &other } else { &api };
            async move { replica.gateway().post("/api/v1/internal/identities/provision").json(&body).send().await }
        });
        let opened = (0..4).map(|n| open_session(if n % 2 == 0 { &api } else { &other }, &old));
        let (confirmed, provisioned, opened, deleted) =
            futures::join!(join_all(confirmations), join_all(provisions), join_all(opened), delete(&other, &old));
        deleted.expect(204);
        assert!(confirmed.iter().all(|a| a.status == 200 || a.json()["code"] == "challenge_expired"), "{confirmed:?}");
        assert!(provisioned.iter().all(|a| a.status == 200), "{provisioned:?}");
        assert!(opened.iter().all(|a| a.status == 201 || a.json()["code"] == "account_not_found"), "{opened:?}");
        // One account at most has the address, and it is not the deleted one; nobody is in on the deleted one.
        assert_eq!(api.count(&format!("device_sessions WHERE user_id = '{old}' AND status = 'active'")).await, 0);
        assert_eq!(api.count(&format!("identities WHERE user_id = '{old}'")).await, 0);
        let owners = format!("identities WHERE external_id = '{email}'");
        assert!(api.count(&owners).await <= 1);
        let mut new: Vec<String> = confirmed
            .iter()
            .chain(&provisioned)
            .filter(|a| a.status == 200)
            .map(|a| text(&a.json(), "user_id"))
            .collect();
        new.retain(|id| *id != old);
        new.sort();
        new.dedup();
        assert!(new.len() <= 1, "{new:?}");
        let owner = sign_up(&api, &email).await;
        assert_ne!(owner, old);
        // Whoever came first after the deletion has what was in force on it.
        let theirs = format!("sanctions WHERE user_id = '{owner}' AND kind = 'game_join_block'");
        assert_eq!(api.count(&theirs).await, 1);
    }
}

#[tokio::test]
async fn whoever_is_taken_in_at_the_moment_of_his_end_is_out_after_it() {
    let api = Api::start().await;
    let other = api.replica().await;
    for end in ["block", "delete"] {
        let ada = api.account(&format!("{end}ed")).await;
        let (_, owner) = api.player(&format!("owner-{end}")).await;
        api.plan(&ada, "permanent").await;
        let mut approvals = Vec::new();
        for _ in 0..6 {
            let game = api.open_public_game(json!({})).await;
            approvals.push(apply(&api, &game, &ada, &format!("{end}Zerg")).await);
        }
        let open = api.open_public_game(json!({})).await;
        let private = api.open_private_game(&owner, json!({})).await;
        let code = owner.post(format!("{GAMES}/{private}/invites")).json(&json!({ "max_uses": 9 })).send().await;
        let redeem = json!({ "code": code.expect(201).json()["code"], "race_name": format!("{end}Terran") });
        let (a, b) = (api.user(&ada), other.user(&ada));
        let approved = approvals.iter().enumerate().map(|(n, path)| {
            let replica = if n % 2 == 0 { &api } else { &other };
            replica.admin().post(path).send()
        });
        let race = json!({ "race_name": format!("{end}Protoss") });
        let applied = a.post(format!("{GAMES}/{open}/applications")).json(&race).send();
        let redeemed = b.post("/api/v1/user/lobby/invites/redeem").json(&redeem).send();
        let body = json!({ "invited_user_id": ada });
        let invited = owner.post(format!("{GAMES}/{private}/invites")).json(&body).send();
        let made = (0..4).map(|n| (if n % 2 == 0 { &a } else { &b }).post(GAMES).json(&game(json!({}))).send());
        let ended = async {
            match end {
                "block" => block(&other, &ada).await.expect(201),
                _ => delete(&other, &ada).await.expect(204),
            }
        };
        let (approved, applied, redeemed, invited, made, _) =
            futures::join!(join_all(approved), applied, redeemed, invited, join_all(made), ended);
        for answer in approved.iter().chain(&made).chain([&applied, &redeemed, &invited]) {
            let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
            let fair = ["sanctioned", "user_unknown", "application_decided", "account_not_found", "already_member"];
            assert!(answer.status.is_success() || fair.contains(&code.as_str()), "{end}: {answer:?}");
        }
        assert_departed(&api, &ada).await;
    }
}

#[tokio::test]
async fn members_of_the_same_games_may_all_go_at_once() {
    let api = Api::start().await;
    let other = api.replica().await;
    let mut games = Vec::new();
    for _ in 0..5 {
        games.push(api.open_public_game(json!({ "max_players": 9 })).await);
    }
    let mut players = Vec::new();
    for n in 0..6u8 {
        let (id, client) = api.player(&format!("someone{}", char::from(b'a' + n))).await;
        for game in &games {
            api.join(game, &client, &format!("Race{}", char::from(b'a' + n))).await;
        }
        players.push(id);
    }
    let ends =
        players.iter().enumerate().map(|(n, id)| {
            let replica = if n % 2 == 0 { &api } else { &other };
            async move {
                if n % 3 == 0 { delete(replica, id).await.expect(204) } else { block(replica, id).await.expect(201) }
            }
        });
    join_all(ends).await;
    for id in &players {
        assert_departed(&api, id).await;
    }
    for game in &games {
        assert_eq!(api.game(game).await["approved_count"], 0);
    }
}
