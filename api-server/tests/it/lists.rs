//! The lists of games, which gather what several ways make visible: each game once, newest first, on pages of any size.

use serde_json::json;
use testkit::openapi::ContractClient;

use crate::harness::{Api, text};

/// The ids on the pages of a list, from a cursor on, and how many pages there were.
async fn pages(client: &ContractClient, path: &str, limit: u16, mut cursor: Option<String>) -> (Vec<String>, usize) {
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let mut request = client.get(path).query("limit", limit);
        if let Some(cursor) = &cursor {
            request = request.query("cursor", cursor);
        }
        let answer = request.send().await.expect(200).json();
        ids.extend(answer["items"].as_array().unwrap().iter().map(|game| text(game, "game_id")));
        pages += 1;
        cursor = answer["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return (ids, pages);
        }
    }
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
        let path = format!("/api/v1/user/lobby/games/{game}/invites");
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
        let (ids, turned) = pages(&ada, "/api/v1/user/lobby/games", limit, None).await;
        assert_eq!(ids, visible, "pages of {limit}");
        assert_eq!(turned, visible.len().div_ceil(limit.into()), "pages of {limit}");
        let (ids, turned) = pages(&ada, "/api/v1/user/lobby/my/games", limit, None).await;
        assert_eq!(ids, hers, "pages of {limit}");
        assert_eq!(turned, hers.len().div_ceil(limit.into()), "pages of {limit}");
    }

    // What is made meanwhile stands before the first page, and shifts none of those that follow.
    let first = ada.get("/api/v1/user/lobby/games").query("limit", 2).send().await.expect(200).json();
    api.open_public_game(json!({})).await;
    let (rest, _) = pages(&ada, "/api/v1/user/lobby/games", 2, Some(text(&first, "next_cursor"))).await;
    assert_eq!(rest, visible[2..]);

    // Whoever declines, or leaves, sees the game no more.
    ada.post(format!("{}/decline", invites[1])).send().await.expect(200);
    api.sql("UPDATE memberships SET status = 'left', ended_at = now() WHERE game_id = $1::uuid", &joined).await;
    let (ids, _) = pages(&ada, "/api/v1/user/lobby/games", 200, None).await;
    assert!(!ids.contains(&invited) && !ids.contains(&joined), "{ids:?}");
    let (ids, _) = pages(&ada, "/api/v1/user/lobby/my/games", 200, None).await;
    assert_eq!(ids, [by_all_ways, owned]);
}

#[tokio::test]
async fn administrators_list_one_status_in_pages() {
    let api = Api::start().await;
    let mut drafts = Vec::new();
    for _ in 0..5 {
        drafts.insert(0, api.public_game(json!({})).await);
        api.open_public_game(json!({})).await;
    }
    for limit in [1, 2, 200] {
        let (ids, turned) = pages(&api.admin(), "/api/v1/admin/games?status=draft", limit, None).await;
        assert_eq!(ids, drafts, "pages of {limit}");
        assert_eq!(turned, drafts.len().div_ceil(limit.into()), "pages of {limit}");
    }
    let (ids, _) = pages(&api.admin(), "/api/v1/admin/games", 3, None).await;
    assert_eq!(ids.len(), 10);
    assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
}
