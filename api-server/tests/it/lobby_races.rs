//! What no concurrency may pass (SPEC §3, §7): many callers at once, on two replicas, and the exact number of winners.

use futures::future::{join, join_all};
use serde_json::{Value, json};
use testkit::openapi::{ContractClient, ContractResponse};

use crate::harness::{Api, text};
use crate::user::lobby::games::memberships::membership;

const CALLERS: usize = 10;

/// Two replicas, and players that call through either in turn.
struct Arena {
    api: Api,
    other: Api,
}

impl Arena {
    async fn start() -> Self {
        let api = Api::start().await;
        let other = api.replica().await;
        Self { api, other }
    }

    /// The replica of the n-th caller.
    fn replica(&self, n: usize) -> &Api {
        if n.is_multiple_of(2) { &self.api } else { &self.other }
    }

    async fn players(&self, count: usize) -> Vec<(String, ContractClient)> {
        let mut players = Vec::new();
        for n in 0..count {
            let id = self.api.account(&format!("player{n}")).await;
            let client = self.replica(n).user(&id);
            players.push((id, client));
        }
        players
    }

    /// Approves, through the n-th replica.
    async fn approve(&self, n: usize, game: &str, application: &str) -> ContractResponse {
        let path = format!("/api/v1/admin/games/{game}/applications/{application}/approve");
        self.replica(n).admin().post(path).send().await
    }

    async fn redeem(&self, player: &ContractClient, code: &Value, race: &str) -> ContractResponse {
        player.post("/api/v1/user/lobby/invites/redeem").json(&json!({ "code": code, "race_name": race })).send().await
    }
}

fn race(n: usize) -> String {
    format!("Race {}", char::from(b'a' + u8::try_from(n).unwrap()))
}

async fn apply(player: &ContractClient, game: &str, race: &str) -> String {
    let path = format!("/api/v1/user/lobby/games/{game}/applications");
    text(&player.post(path).json(&json!({ "race_name": race })).send().await.expect(201).json(), "application_id")
}

async fn code(owner: &ContractClient, game: &str, max_uses: usize) -> Value {
    let path = format!("/api/v1/user/lobby/games/{game}/invites");
    owner.post(path).json(&json!({ "max_uses": max_uses })).send().await.expect(201).json()["code"].clone()
}

/// How many got what they asked for; all others must have been refused with one of these codes.
fn winners(answers: &[ContractResponse], refusals: &[&str]) -> usize {
    for answer in answers.iter().filter(|answer| !answer.status.is_success()) {
        let code = answer.json()["code"].clone();
        assert!(refusals.iter().any(|refusal| code == *refusal), "{answer:?}");
    }
    answers.iter().filter(|answer| answer.status.is_success()).count()
}

/// Seats, names and count of a game say the same.
async fn consistent(api: &Api, game: &str, members: i64) {
    assert_eq!(api.game(game).await["approved_count"], members);
    for held in ["memberships WHERE status = 'active'", "race_names WHERE status = 'reserved'"] {
        assert_eq!(api.count(&format!("{held} AND game_id = '{game}'")).await, members, "{held}");
    }
}

#[tokio::test]
async fn seats_are_given_once() {
    let arena = Arena::start().await;
    let players = arena.players(CALLERS).await;
    let game = arena.api.open_public_game(json!({ "max_players": 3 })).await;
    let mut applications = Vec::new();
    for (n, (_, player)) in players.iter().enumerate() {
        applications.push(apply(player, &game, &race(n)).await);
    }
    // Each twice, through both replicas.
    let twice = (0..2 * CALLERS).map(|n| arena.approve(n, &game, &applications[n / 2]));
    let answers = join_all(twice).await;
    assert_eq!(winners(&answers, &["game_full", "application_decided"]), 3);
    consistent(&arena.api, &game, 3).await;
}

#[tokio::test]
async fn a_seat_that_is_left_goes_to_one_who_waits_for_it() {
    let arena = Arena::start().await;
    let players = arena.players(CALLERS).await;
    let game = arena.api.open_public_game(json!({ "min_players": 1, "max_players": 1 })).await;
    arena.api.join(&game, &players[0].1, &race(0)).await;
    let mut applications = Vec::new();
    for (n, (_, player)) in players.iter().enumerate().skip(1) {
        applications.push(apply(player, &game, &race(n)).await);
    }
    let left = std::sync::atomic::AtomicBool::new(false);
    let leave = async {
        players[0].1.post(format!("/api/v1/user/lobby/games/{game}/leave")).send().await.expect(200);
        left.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    let waiting = applications.iter().enumerate().map(|(n, application)| {
        let (arena, game, left) = (&arena, &game, &left);
        async move {
            loop {
                let over = left.load(std::sync::atomic::Ordering::SeqCst);
                let answer = arena.approve(n, game, application).await;
                // Full before they left says nothing; full after it means that another was quicker.
                if over || answer.status == 200 {
                    return answer;
                }
            }
        }
    });
    let (answers, ()) = join(join_all(waiting), leave).await;
    assert_eq!(winners(&answers, &["game_full"]), 1);
    consistent(&arena.api, &game, 1).await;
}

#[tokio::test]
async fn a_code_is_used_no_more_often_than_it_says_nor_than_there_are_seats() {
    let arena = Arena::start().await;
    let (_, owner) = arena.api.player("owner").await;
    let players = arena.players(CALLERS).await;
    for (max_uses, max_players, expected, refusal) in [(4, 9, 4, "invite_closed"), (9, 4, 4, "game_full")] {
        let game = arena.api.open_private_game(&owner, json!({ "max_players": max_players })).await;
        let code = code(&owner, &game, max_uses).await;
        let calls = players.iter().enumerate().map(|(n, (_, player))| {
            let (arena, code) = (&arena, &code);
            async move { arena.redeem(player, code, &race(n)).await }
        });
        let answers = join_all(calls).await;
        assert_eq!(winners(&answers, &[refusal]), expected);
        consistent(&arena.api, &game, 4).await;
        assert_eq!(arena.api.count(&format!("invites WHERE uses = 4 AND game_id = '{game}'")).await, 1);
    }
}

#[tokio::test]
async fn an_invite_for_one_person_is_redeemed_once() {
    let arena = Arena::start().await;
    let (_, owner) = arena.api.player("owner").await;
    let id = arena.api.account("ada").await;
    let game = arena.api.open_private_game(&owner, json!({ "max_players": 9 })).await;
    let invites = format!("/api/v1/user/lobby/games/{game}/invites");
    let invited = owner.post(&invites).json(&json!({ "invited_user_id": id })).send().await.expect(201);
    let invite = text(&invited.json(), "invite_id");
    // Each with a name of its own: nothing but the invite stands in the way.
    let answers = join_all((0..CALLERS).map(|n| {
        let call = arena.replica(n).user(&id).post(format!("{invites}/{invite}/redeem"));
        call.json(&json!({ "race_name": race(n) })).send()
    }))
    .await;
    // One of them makes the membership, and all are answered it.
    let one = &answers[0].json()["membership"];
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.json()["membership"] == *one), "{answers:?}");
    consistent(&arena.api, &game, 1).await;
    assert_eq!(arena.api.count("invites WHERE status = 'redeemed' AND uses = 1").await, 1);
}

#[tokio::test]
async fn one_invite_of_a_person_is_open_at_a_time() {
    let arena = Arena::start().await;
    let (owner_id, owner) = arena.api.player("owner").await;
    let id = arena.api.account("ada").await;
    let game = arena.api.open_private_game(&owner, json!({})).await;
    // By id and by name, either through both replicas; and once more when the one that was open has expired.
    let bodies = [json!({ "invited_user_id": id }), json!({ "invited_user_name": "ADA" })];
    for round in 1..=2 {
        let answers = join_all((0..CALLERS).map(|n| {
            let path = format!("/api/v1/user/lobby/games/{game}/invites");
            arena.replica(n).user(&owner_id).post(path).json(&bodies[n / 2 % 2]).send()
        }))
        .await;
        assert_eq!(winners(&answers, &["invite_exists"]), 1, "round {round}");
        assert_eq!(arena.api.count("invites WHERE status = 'open'").await, 1, "round {round}");
        assert_eq!(arena.api.count("invites").await, round);
        assert_eq!(arena.api.count("notifications WHERE kind = 'lobby.invite.received'").await, round);
        let expire = "UPDATE invites SET expires_at = now() - interval '1 second' WHERE game_id = $1::uuid";
        arena.api.sql(expire, &game).await;
    }
}

#[tokio::test]
async fn one_person_takes_one_seat_and_one_use() {
    let arena = Arena::start().await;
    let (_, owner) = arena.api.player("owner").await;
    let game = arena.api.open_private_game(&owner, json!({ "max_players": 9 })).await;
    let code = code(&owner, &game, 9).await;
    let id = arena.api.account("ada").await;
    let answers = join_all((0..CALLERS).map(|n| {
        let (arena, code, player) = (&arena, &code, arena.replica(n).user(&id));
        async move { arena.redeem(&player, code, &race(n)).await }
    }))
    .await;
    let one = &answers[0].json()["membership"];
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.json()["membership"] == *one), "{answers:?}");
    consistent(&arena.api, &game, 1).await;
    assert_eq!(arena.api.count("invites WHERE uses = 1").await, 1);
}

#[tokio::test]
async fn a_name_is_one_persons_in_all_games() {
    let arena = Arena::start().await;
    let players = arena.players(CALLERS).await;
    // Ten people, each in a game of their own, each with an own spelling of one name; and each as often as they like.
    let spellings =
        ["Bill 99", "BILL-99", "B1ll99", "BI11 99", "Ｂｉｌｌ 99", "b i l l 9 9", "bIlL_99", "B.I.L.L.99", "𝐁𝐢𝐥𝐥99"];
    let mut wishes = Vec::new();
    for ((_, player), spelling) in players.iter().zip(spellings) {
        for _ in 0..2 {
            let game = arena.api.open_public_game(json!({})).await;
            let application = apply(player, &game, spelling).await;
            wishes.push((game, application));
        }
    }
    let answers = join_all(wishes.iter().enumerate().map(|(n, (game, id))| arena.approve(n, game, id))).await;
    assert_eq!(winners(&answers, &["race_name_taken"]), 2, "both games of one person");
    let holders: i64 = sqlx::query_scalar("SELECT count(DISTINCT user_id) FROM race_names WHERE status <> 'released'")
        .fetch_one(&arena.api.pool())
        .await
        .unwrap();
    assert_eq!(holders, 1);
}

#[tokio::test]
async fn no_more_names_are_registered_than_the_plan_allows() {
    let arena = Arena::start().await;
    let id = arena.api.account("ada").await;
    arena.api.plan(&id, "monthly").await;
    for n in 0..CALLERS {
        sqlx::query(
            "INSERT INTO race_names (race_name_id, canonical_key, race_name, user_id, status, expires_at)
            VALUES (gen_random_uuid(), $1, $2, $3::uuid, 'pending_registration', now() + interval '1 day')",
        )
        .bind(shared::domain::race_name::parse(&race(n)).unwrap().canonical_key)
        .bind(race(n))
        .bind(&id)
        .execute(&arena.api.pool())
        .await
        .unwrap();
    }
    // Each twice: the second time of a registered one is answered as the first.
    let answers = join_all((0..2 * CALLERS).map(|n| {
        let player = arena.replica(n).user(&id);
        async move {
            let body = json!({ "race_name": race(n / 2) });
            player.post("/api/v1/user/lobby/race-names/register").json(&body).send().await
        }
    }))
    .await;
    assert_eq!(winners(&answers, &["limit_reached"]), 12, "six names, each answered twice");
    assert_eq!(arena.api.count("race_names WHERE status = 'registered'").await, 6);
    assert_eq!(arena.api.count("notifications WHERE kind = 'lobby.race_name.registered'").await, 6);
}

#[tokio::test]
async fn a_membership_ends_once() {
    let arena = Arena::start().await;
    let (owner_id, _) = arena.api.player("owner").await;
    let (ada_id, ada) = arena.api.player("ada").await;
    let game = arena.api.open_public_game(json!({ "owner_user_id": owner_id })).await;
    for round in 0..4 {
        arena.api.join(&game, &ada, "Zerg").await;
        let id = membership(&arena.api, &game, &ada_id).await;
        let answers = join_all((0..CALLERS).map(|n| {
            let replica = arena.replica(n / 2);
            let call = match n % 2 {
                0 => replica.user(&ada_id).post(format!("/api/v1/user/lobby/games/{game}/leave")),
                _ => replica.user(&owner_id).post(format!("/api/v1/user/lobby/games/{game}/memberships/{id}/remove")),
            };
            call.send()
        }))
        .await;
        assert_eq!(winners(&answers, &["not_a_member", "membership_ended"]), 1, "round {round}");
        consistent(&arena.api, &game, 0).await;
    }
}

#[tokio::test]
async fn a_banned_member_does_not_slip_back_in() {
    let arena = Arena::start().await;
    let (_, owner) = arena.api.player("owner").await;
    let players = arena.players(6).await;
    let game = arena.api.open_private_game(&owner, json!({ "max_players": 20 })).await;
    let code = code(&owner, &game, 100).await;
    for (n, (_, player)) in players.iter().enumerate() {
        arena.redeem(player, &code, &race(n)).await.expect(200);
        player.post(format!("/api/v1/user/lobby/games/{game}/leave")).send().await.expect(200);
    }
    // Each comes back, through one replica, while they are banned through the other.
    let rounds = players.iter().enumerate().map(|(n, (id, player))| {
        let (arena, game, code) = (&arena, &game, &code);
        async move {
            let path = format!("/api/v1/admin/games/{game}/members/{id}/ban");
            let admin = arena.replica(n + 1).admin();
            let why = json!({ "reason": "test" });
            join(arena.redeem(player, code, &race(n)), admin.post(path).json(&why).send()).await
        }
    });
    for (redeemed, banned) in join_all(rounds).await {
        banned.expect(200);
        winners(&[redeemed], &["sanctioned"]);
    }
    consistent(&arena.api, &game, 0).await;
    assert_eq!(arena.api.count("memberships WHERE status = 'blocked'").await, 6);
    for (n, (_, player)) in players.iter().enumerate() {
        arena.redeem(player, &code, &race(n)).await.expect_problem(403, "sanctioned");
    }
}

#[tokio::test]
async fn a_start_and_a_member_who_leaves_are_one_after_the_other() {
    let arena = Arena::start().await;
    let players = arena.players(2).await;
    let mut started = 0;
    for _ in 0..6 {
        let game = arena.api.open_public_game(json!({ "min_players": 2 })).await;
        for (n, (_, player)) in players.iter().enumerate() {
            arena.api.join(&game, player, &race(n)).await;
        }
        arena.api.admin().post(format!("/api/v1/admin/games/{game}/ready-to-start")).send().await.expect(200);
        let start = arena.other.admin().post(format!("/api/v1/admin/games/{game}/start")).send();
        let leave = players[0].1.post(format!("/api/v1/user/lobby/games/{game}/leave")).send();
        let (start, leave) = join(start, leave).await;
        leave.expect(200);
        // Started with them, their banishment is owed to the engine; started without them, it is not.
        let won = winners(&[start], &["not_enough_players"]);
        let owed =
            arena.api.count(&format!("memberships WHERE banish_due_at IS NOT NULL AND game_id = '{game}'")).await;
        assert_eq!(owed, i64::try_from(won).unwrap());
        started += won;
        consistent(&arena.api, &game, 1).await;
    }
    assert_eq!(arena.api.count("runtime_jobs WHERE kind = 'start'").await, i64::try_from(started).unwrap());
}

#[tokio::test]
async fn one_application_is_open_at_a_time() {
    let arena = Arena::start().await;
    let id = arena.api.account("ada").await;
    let game = arena.api.open_public_game(json!({})).await;
    let answers = join_all((0..CALLERS).map(|n| {
        let path = format!("/api/v1/user/lobby/games/{game}/applications");
        arena.replica(n).user(&id).post(path).json(&json!({ "race_name": race(n) })).send()
    }))
    .await;
    assert_eq!(winners(&answers, &["application_exists"]), 1);
    assert_eq!(arena.api.count("applications").await, 1);
}
