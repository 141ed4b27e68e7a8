//! Lists that gather what several ways make visible, or what filters leave: each item once, newest first, on pages of any size.

use serde_json::json;
use testkit::openapi::ContractClient;

use crate::harness::{Api, text};

const LOBBY: &str = "/api/v1/user/lobby/games";
const MINE: &str = "/api/v1/user/lobby/my/games";
const GAMES: &str = "/api/v1/admin/games";
const USERS: &str = "/api/v1/admin/users";

/// What the items on the pages of a list are known by, from a cursor on, and how many pages there were.
async fn pages(
    client: &ContractClient,
    path: &str,
    key: &str,
    limit: u16,
    mut cursor: Option<String>,
) -> (Vec<String>, usize) {
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let mut request = client.get(path).query("limit", limit);
        if let Some(cursor) = &cursor {
            request = request.query("cursor", cursor);
        }
        let answer = request.send().await.expect(200).json();
        ids.extend(answer["items"].as_array().unwrap().iter().map(|item| text(item, key)));
        pages += 1;
        cursor = answer["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return (ids, pages);
        }
    }
}

/// A list is exactly this, on pages of any size.
async fn lists(client: &ContractClient, path: &str, key: &str, expected: &[String]) {
    for limit in [1, 2, 200] {
        let (ids, turned) = pages(client, path, key, limit, None).await;
        assert_eq!(ids, expected, "{path}, pages of {limit}");
        assert_eq!(turned, expected.len().div_ceil(limit.into()).max(1), "{path}, pages of {limit}");
    }
}

/// A list takes no such value for this parameter.
async fn refuses(client: &ContractClient, path: &str, parameter: &str, value: &str) {
    let answer = client.get(path).bad().query(parameter, value).send().await.expect_problem(400, "invalid_request");
    assert_eq!(answer.json()["errors"][0]["pointer"], format!("/query/{parameter}"), "{path}: {value}");
}

/// Those of these things, in this order.
fn picked(of: &[String], which: &[usize]) -> Vec<String> {
    which.iter().map(|n| of[*n].clone()).collect()
}

#[tokio::test]
async fn every_visible_game_is_listed_once_newest_first() {
    let api = Api::start().await;
    let (ada_id, ada) = api.player("ada").await;
    let (bob_id, bob) = api.player("bob").await;
    api.plan(&bob_id, "permanent").await;
    let public = api.open_public_game(json!({})).await;
    let owned = api.open_private_game(&ada, json!({})).await;
    let joined = api.open_private_game(&bob, json!({})).await;
    let invited = api.open_private_game(&bob, json!({})).await;
    let _hidden = api.open_private_game(&bob, json!({})).await;
    let _draft = api.public_game(json!({})).await;
    let by_all_ways = api.open_public_game(json!({})).await;
    let mut invites = Vec::new();
    for game in [&joined, &invited] {
        let path = format!("{LOBBY}/{game}/invites");
        let invite = bob.post(&path).json(&json!({ "invited_user_id": ada_id })).send().await.expect(201).json();
        invites.push(format!("{path}/{}", text(&invite, "invite_id")));
    }
    ada.post(format!("{}/redeem", invites[0])).json(&json!({ "race_name": "Zerg" })).send().await.expect(200);
    api.join(&by_all_ways, &ada, "Protoss").await;
    let own = format!("UPDATE games SET owner_user_id = '{ada_id}' WHERE game_id = $1::uuid");
    api.sql(&own, &by_all_ways).await;

    let visible = [&by_all_ways, &invited, &joined, &owned, &public].map(Clone::clone);
    let hers = [&by_all_ways, &joined, &owned].map(Clone::clone);
    for limit in [1, 2, 200] {
        let (ids, turned) = pages(&ada, LOBBY, "game_id", limit, None).await;
        assert_eq!(ids, visible, "pages of {limit}");
        assert_eq!(turned, visible.len().div_ceil(limit.into()), "pages of {limit}");
        let (ids, turned) = pages(&ada, MINE, "game_id", limit, None).await;
        assert_eq!(ids, hers, "pages of {limit}");
        assert_eq!(turned, hers.len().div_ceil(limit.into()), "pages of {limit}");
    }

    // What is made meanwhile stands before the first page, and shifts none of those that follow.
    let first = ada.get(LOBBY).query("limit", 2).send().await.expect(200).json();
    api.open_public_game(json!({})).await;
    let (rest, _) = pages(&ada, LOBBY, "game_id", 2, Some(text(&first, "next_cursor"))).await;
    assert_eq!(rest, visible[2..]);

    // Whoever declines, or leaves, sees the game no more.
    ada.post(format!("{}/decline", invites[1])).send().await.expect(200);
    api.sql("UPDATE memberships SET status = 'left', ended_at = now() WHERE game_id = $1::uuid", &joined).await;
    let (ids, _) = pages(&ada, LOBBY, "game_id", 200, None).await;
    assert!(!ids.contains(&invited) && !ids.contains(&joined), "{ids:?}");
    let (ids, _) = pages(&ada, MINE, "game_id", 200, None).await;
    assert_eq!(ids, [by_all_ways, owned]);
}

#[tokio::test]
async fn visible_games_are_listed_by_status() {
    let api = Api::start().await;
    let (ada_id, ada) = api.player("ada").await;
    let (_, bob) = api.player("bob").await;
    let public = api.open_public_game(json!({})).await;
    let owned = api.open_private_game(&ada, json!({})).await;
    let joined = api.open_private_game(&bob, json!({})).await;
    let invited = api.open_private_game(&bob, json!({})).await;
    let hidden = api.open_private_game(&bob, json!({})).await;
    let own_draft = api.public_game(json!({ "owner_user_id": ada_id })).await;
    let _draft = api.public_game(json!({})).await;
    let by_all_ways = api.open_public_game(json!({ "owner_user_id": ada_id })).await;
    let mut invites = Vec::new();
    for game in [&joined, &invited] {
        let path = format!("{LOBBY}/{game}/invites");
        let invite = bob.post(&path).json(&json!({ "invited_user_id": ada_id })).send().await.expect(201).json();
        invites.push(format!("{path}/{}", text(&invite, "invite_id")));
    }
    ada.post(format!("{}/redeem", invites[0])).json(&json!({ "race_name": "Zerg" })).send().await.expect(200);
    api.join(&by_all_ways, &ada, "Protoss").await;
    let listed = async |client: &ContractClient, status: &str, expected: &[&String]| {
        let expected: Vec<String> = expected.iter().map(|id| (*id).clone()).collect();
        lists(client, &format!("{LOBBY}?status={status}"), "game_id", &expected).await;
    };
    listed(&ada, "enrollment_open", &[&by_all_ways, &invited, &joined, &owned, &public]).await;
    listed(&ada, "draft", &[&own_draft]).await;
    listed(&bob, "draft", &[]).await;
    listed(&bob, "enrollment_open", &[&by_all_ways, &hidden, &invited, &joined, &public]).await;
    for game in [&owned, &joined, &hidden, &public] {
        api.sql("UPDATE games SET status = 'running' WHERE game_id = $1::uuid", game).await;
    }
    listed(&ada, "running", &[&joined, &owned, &public]).await;
    listed(&ada, "enrollment_open", &[&by_all_ways, &invited]).await;
    listed(&ada, "finished", &[]).await;
    listed(&bob, "running", &[&hidden, &joined, &public]).await;

    // What is made meanwhile stands before the first page, and shifts none of those that follow.
    let path = format!("{LOBBY}?status=enrollment_open");
    let first = ada.get(&path).query("limit", 1).send().await.expect(200).json();
    api.open_public_game(json!({})).await;
    let (rest, _) = pages(&ada, &path, "game_id", 1, Some(text(&first, "next_cursor"))).await;
    assert_eq!(rest, [invited]);
    refuses(&ada, LOBBY, "status", "odd").await;
}

#[tokio::test]
async fn administrators_list_games_by_status_visibility_owner_and_member() {
    let api = Api::start().await;
    let admin = api.admin();
    let (ada_id, ada) = api.player("ada").await;
    let (bob_id, bob) = api.player("bob").await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(api.open_public_game(json!({})).await);
        made.push(api.public_game(json!({ "owner_user_id": ada_id })).await);
        made.push(api.open_private_game(&ada, json!({})).await);
    }
    for (game, race) in [(&made[0], "Zerg"), (&made[3], "Terran"), (&made[6], "Protoss")] {
        api.join(game, &bob, race).await;
    }
    bob.post(format!("{LOBBY}/{}/leave", made[3])).send().await.expect(200);
    for (game, status) in [(&made[6], "running"), (&made[8], "cancelled")] {
        let set = format!("UPDATE games SET status = '{status}' WHERE game_id = $1::uuid");
        api.sql(&set, game).await;
    }
    lists(&admin, GAMES, "game_id", &picked(&made, &[8, 7, 6, 5, 4, 3, 2, 1, 0])).await;
    let (owner, member) = (format!("owner_user_id={ada_id}"), format!("member_user_id={bob_id}"));
    let cases: [(String, &[usize]); 17] = [
        ("status=draft".to_owned(), &[7, 4, 1]),
        ("status=cancelled".to_owned(), &[8]),
        ("visibility=private".to_owned(), &[8, 5, 2]),
        ("visibility=public".to_owned(), &[7, 6, 4, 3, 1, 0]),
        (owner.clone(), &[8, 7, 5, 4, 2, 1]),
        (format!("owner_user_id={bob_id}"), &[]),
        (member.clone(), &[6, 0]),
        (format!("member_user_id={ada_id}"), &[]),
        // Several at once hold all.
        ("status=enrollment_open&visibility=private".to_owned(), &[5, 2]),
        (format!("{owner}&status=draft"), &[7, 4, 1]),
        (format!("{owner}&visibility=private"), &[8, 5, 2]),
        (format!("{owner}&status=enrollment_open&visibility=private"), &[5, 2]),
        (format!("{owner}&status=enrollment_open&visibility=public"), &[]),
        (format!("{member}&status=running"), &[6]),
        (format!("{member}&visibility=private"), &[]),
        (format!("{member}&{owner}"), &[]),
        (format!("{member}&status=enrollment_open&visibility=public"), &[0]),
    ];
    for (query, which) in cases {
        lists(&admin, &format!("{GAMES}?{query}"), "game_id", &picked(&made, which)).await;
    }
    refuses(&admin, GAMES, "status", "odd").await;
    refuses(&admin, GAMES, "visibility", "secret").await;
    refuses(&admin, GAMES, "owner_user_id", "ada").await;
    refuses(&admin, GAMES, "member_user_id", "1").await;
}

#[tokio::test]
async fn administrators_list_applications_and_memberships_by_status() {
    let api = Api::start().await;
    let admin = api.admin();
    let game = api.open_public_game(json!({ "max_players": 20 })).await;
    let other = api.open_public_game(json!({})).await;
    let (applications, memberships) = (format!("{GAMES}/{game}/applications"), format!("{GAMES}/{game}/memberships"));
    let mut made = Vec::new();
    for (n, race) in ["Zerg", "Terran", "Protoss", "Vega", "Lyra", "Orion", "Altair"].into_iter().enumerate() {
        let (_, player) = api.player(&format!("player{n}")).await;
        let apply = player.post(format!("{LOBBY}/{game}/applications")).json(&json!({ "race_name": race })).send();
        let id = text(&apply.await.expect(201).json(), "application_id");
        match n {
            0..=4 => admin.post(format!("{applications}/{id}/approve")).send().await.expect(200),
            5 => admin.post(format!("{applications}/{id}/reject")).send().await.expect(200),
            _ => admin.get(&applications).send().await.expect(200),
        };
        made.push(id);
    }
    let (_, stranger) = api.player("stranger").await;
    api.join(&other, &stranger, "Deneb").await;
    let cases: [(&str, &[usize]); 5] =
        [("submitted", &[6]), ("approved", &[4, 3, 2, 1, 0]), ("rejected", &[5]), ("withdrawn", &[]), ("closed", &[])];
    for (status, which) in cases {
        let path = format!("{applications}?status={status}");
        lists(&admin, &path, "application_id", &picked(&made, which)).await;
    }
    refuses(&admin, &applications, "status", "active").await;

    let (members, _) = pages(&admin, &memberships, "membership_id", 200, None).await;
    for (member, status) in [(&members[1], "left"), (&members[2], "blocked"), (&members[4], "left")] {
        let end =
            format!("UPDATE memberships SET status = '{status}', ended_at = now() WHERE membership_id = $1::uuid");
        api.sql(&end, member).await;
    }
    let cases: [(&str, &[usize]); 4] = [("active", &[0, 3]), ("left", &[1, 4]), ("removed", &[]), ("blocked", &[2])];
    for (status, which) in cases {
        let path = format!("{memberships}?status={status}");
        lists(&admin, &path, "membership_id", &picked(&members, which)).await;
    }
    refuses(&admin, &memberships, "status", "submitted").await;
}

#[tokio::test]
async fn administrators_list_the_sessions_and_sanctions_that_count_or_those_that_do_not() {
    let api = Api::start().await;
    let admin = api.admin();
    let (id, ada) = api.player("ada").await;
    let (eve, _) = api.player("eve").await;
    let (mut sessions, mut sanctions) = (Vec::new(), Vec::new());
    for user in [&id, &id, &id, &id, &id, &eve] {
        let open = api.gateway().post(format!("/api/v1/internal/users/{user}/sessions")).json(&json!({})).send();
        sessions.push(text(&open.await.expect(201).json(), "device_session_id"));
        let body = json!({ "kind": "game_join_block", "reason": "spam" });
        let set = admin.post(format!("{USERS}/{user}/sanctions")).json(&body).send();
        sanctions.push(text(&set.await.expect(201).json(), "sanction_id"));
    }
    for session in [&sessions[0], &sessions[3]] {
        ada.post(format!("/api/v1/user/sessions/{session}/revoke")).send().await.expect(200);
    }
    let path = format!("{USERS}/{id}/sessions");
    lists(&admin, &format!("{path}?status=active"), "device_session_id", &picked(&sessions, &[4, 2, 1])).await;
    lists(&admin, &format!("{path}?status=revoked"), "device_session_id", &picked(&sessions, &[3, 0])).await;
    lists(&admin, &format!("{USERS}/{eve}/sessions?status=revoked"), "device_session_id", &[]).await;
    refuses(&admin, &path, "status", "open").await;

    // One is lifted, one is over by itself, one will be.
    let path = format!("{USERS}/{id}/sanctions");
    admin.post(format!("{path}/{}/lift", sanctions[1])).send().await.expect(200);
    let ends = "UPDATE sanctions SET ends_at = clock_timestamp() WHERE sanction_id = $1::uuid";
    api.sql(ends, &sanctions[3]).await;
    let will_end = "UPDATE sanctions SET ends_at = clock_timestamp() + interval '1 day' WHERE sanction_id = $1::uuid";
    api.sql(will_end, &sanctions[2]).await;
    lists(&admin, &format!("{path}?in_force=true"), "sanction_id", &picked(&sanctions, &[4, 2, 0])).await;
    lists(&admin, &format!("{path}?in_force=false"), "sanction_id", &picked(&sanctions, &[3, 1])).await;
    lists(&admin, &format!("{USERS}/{eve}/sanctions?in_force=false"), "sanction_id", &[]).await;
    refuses(&admin, &path, "in_force", "perhaps").await;
}

#[tokio::test]
async fn administrators_list_engine_versions_by_whether_they_start() {
    let api = Api::start().await;
    let admin = api.admin();
    let path = "/api/v1/admin/engine-versions";
    let made = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4"].map(str::to_owned);
    for version in &made {
        admin.post(path).json(&json!({ "version": version, "image": "e:1" })).send().await.expect(201);
    }
    for version in [&made[1], &made[3]] {
        admin.post(format!("{path}/{version}/disable")).send().await.expect(200);
    }
    lists(&admin, &format!("{path}?enabled=true"), "version", &picked(&made, &[4, 2, 0])).await;
    lists(&admin, &format!("{path}?enabled=false"), "version", &picked(&made, &[3, 1])).await;
    refuses(&admin, path, "enabled", "yes").await;
}
