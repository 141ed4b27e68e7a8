//! What the mails say: who, which game, until when in the reader's zone, and one link.

use shared::domain::notification::{Audience, Payload};
use shared::ids::{DeliveryId, InviteId};

use crate::world::{WorkerLike, World};

/// Subject and text of the one mail that was written.
async fn letter(world: &World) -> (String, String) {
    sqlx::query_as("SELECT subject, body_text FROM mail_payloads").fetch_one(&world.pool()).await.unwrap()
}

#[tokio::test]
async fn an_invite_says_who_which_game_until_when_and_where() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let users = world.accounts(2, true).await;
    let game_id = world.game(&users[..1]).await;
    let _worker = world.worker(address, &WorkerLike::default());
    sqlx::query("UPDATE accounts SET time_zone = 'Asia/Tokyo', display_name = 'Ada ' || user_name")
        .execute(&world.pool())
        .await
        .unwrap();
    let invite = InviteId::new();
    sqlx::query(
        "INSERT INTO invites (invite_id, game_id, inviter_user_id, invited_user_id, expires_at)
         VALUES ($1, $2, $3, $4, '2099-12-31T15:30:00Z')",
    )
    .bind(invite.uuid())
    .bind(game_id.uuid())
    .bind(users[0].uuid())
    .bind(users[1].uuid())
    .execute(&world.pool())
    .await
    .unwrap();
    let payload = Payload::LobbyInviteReceived { game_id, inviter_user_id: users[0] };
    let id = world.produce_keyed(&invite.to_string(), payload, Audience::Users(vec![users[1]]), Some(game_id)).await;
    world.settles(id, &[("push", "delivered", 1), ("email", "delivered", 1)]).await;
    let (subject, text) = letter(&world).await;
    assert_eq!(subject, "You are invited to a game on Galaxy");
    for says in [
        format!("> From: Ada u-{}\n", users[0]),
        "> Game: Rim\n".to_owned(),
        "until Friday, 1 January 2100, 00:30 (Asia/Tokyo, UTC+09:00)".to_owned(),
        format!("https://play.example.org/games/{game_id}/invites/{invite}\n"),
    ] {
        assert!(text.contains(&says), "{says} in {text}");
    }
    let expires = "SELECT count(*) FROM mail_deliveries WHERE expires_at = '2099-12-31T15:30:00Z'";
    assert_eq!(world.count(expires).await, 1, "an invite that holds no longer is not mailed");
}

#[tokio::test]
async fn a_game_that_started_is_linked_and_says_until_when_it_takes_orders() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let users = world.accounts(1, true).await;
    let game_id = world.game(&users).await;
    sqlx::query("UPDATE accounts SET time_zone = 'Asia/Tokyo'").execute(&world.pool()).await.unwrap();
    sqlx::query(
        "INSERT INTO runtime_turns (game_id, daemon_id, status, scheduled_at, next_attempt_at)
         VALUES ($1, 'd', 'pending', '2099-12-31T15:30:00Z', '2099-12-31T15:30:00Z')",
    )
    .bind(game_id.uuid())
    .execute(&world.pool())
    .await
    .unwrap();
    let _worker = world.worker(address, &WorkerLike::default());
    let id = world.produce(Payload::GameStarted { game_id }, Audience::GameMembers, Some(game_id)).await;
    world.settles(id, &[("push", "delivered", 1), ("email", "delivered", 1)]).await;
    let (subject, text) = letter(&world).await;
    assert_eq!(subject, "Rim has started");
    let until = "first orders until Friday, 1 January 2100, 00:30 (Asia/Tokyo, UTC+09:00).";
    assert!(text.contains(until), "{until} in {text}");
    assert!(text.contains(&format!("https://play.example.org/games/{game_id}\n")), "{text}");
}

#[tokio::test]
async fn an_alarm_tells_how_many_died_until_it_was_due() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let key = "mail-dead:1";
    sqlx::query("INSERT INTO mail_alarms (alarm_key, cause, due_at, deliveries) VALUES ($1, 'RCPT TO 550', now(), 7)")
        .bind(key)
        .execute(&world.pool())
        .await
        .unwrap();
    let _worker = world.worker(address, &WorkerLike::default());
    let payload = Payload::MailDeadLettered { delivery_id: DeliveryId::new(), template_id: "game.started".to_owned() };
    let id = world.produce_keyed(key, payload, Audience::Administrators, None).await;
    world.settles(id, &[("admin_email", "delivered", 1)]).await;
    let (subject, text) = letter(&world).await;
    assert_eq!(subject, "[Galaxy] Mails given up: 7");
    assert!(text.contains("7 mails were given up for one cause.") && text.contains("RCPT TO 550"), "{text}");
}
