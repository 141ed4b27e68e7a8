//! Who gets a notification, and how a big audience is worked.

use std::collections::HashSet;

use shared::db::notifications::{NewNotification, produce, produce_unmailed};
use shared::domain::notification::{Audience, Payload};
use shared::ids::{ApplicationId, DeliveryId, UserId};
use testkit::eventually;

use crate::subscriber::Subscriber;
use crate::world::{SOON, WorkerLike, World};

#[tokio::test]
async fn each_audience_gets_its_routes_and_nobody_else() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let with_mail = world.accounts(3, true).await;
    let without = world.accounts(2, false).await;
    let game = world.game(&[with_mail[0], with_mail[1], without[0]]).await;
    sqlx::query("UPDATE memberships SET status = 'left', ended_at = now() WHERE user_id = $1")
        .bind(with_mail[1].uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    let _worker = world.worker(address, &WorkerLike::default());

    let members = world.produce(Payload::GameStarted { game_id: game }, Audience::GameMembers, Some(game)).await;
    world.settles(members, &[("push", "delivered", 2), ("email", "delivered", 1), ("email", "skipped", 1)]).await;
    world.expands(members).await;

    let invite = Payload::LobbyInviteReceived { game_id: game, inviter_user_id: with_mail[0] };
    let users = world.produce(invite, Audience::Users(vec![with_mail[2]]), Some(game)).await;
    world.settles(users, &[("push", "delivered", 1), ("email", "delivered", 1)]).await;

    let nobody = Payload::LobbyApplicationSubmitted { game_id: game, application_id: ApplicationId::new() };
    let nobody = world.produce(nobody, Audience::Users(Vec::new()), Some(game)).await;
    world.settles(nobody, &[("push", "skipped", 1)]).await;

    let admins = Payload::RuntimeContainerStartFailed { game_id: game };
    let admins = world.produce(admins, Audience::GameMembers, Some(game)).await;
    world.settles(admins, &[("admin_email", "delivered", 1)]).await;

    sqlx::query("UPDATE accounts SET deleted_at = now() WHERE user_id = $1")
        .bind(without[1].uuid())
        .execute(&world.pool())
        .await
        .unwrap();
    let gone = Payload::LobbyRaceNameExpired { race_name: "Vega".to_owned() };
    let gone = world.produce(gone, Audience::Users(vec![without[1], with_mail[0]]), None).await;
    world.settles(gone, &[("push", "delivered", 1), ("push", "skipped", 1)]).await;

    let everyone = Payload::LobbyRaceNameExpired { race_name: "Lyra".to_owned() };
    let everyone = world.produce(everyone, Audience::Everyone, None).await;
    world.settles(everyone, &[("push", "delivered", 4)]).await;

    subscriber.has(2 + 1 + 1 + 4).await;
    assert_eq!(world.count("SELECT count(*) FROM mail_deliveries").await, 3);
    assert_eq!(
        world.count("SELECT count(*) FROM mail_recipients WHERE address = 'admin@example.org'").await,
        1,
        "administrators' kinds go to the administrators, whatever the producer asked for"
    );
}

#[tokio::test]
async fn what_goes_without_a_mail_is_pushed_and_says_why_there_is_none() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let users = world.accounts(1, true).await;
    let game = world.game(&users).await;
    let new = NewNotification {
        payload: Payload::LobbyInviteReceived { game_id: game, inviter_user_id: users[0] },
        idempotency_key: "unmailed".to_owned(),
        audience: Audience::Users(users),
        game_id: Some(game),
        request_id: None,
        traceparent: None,
    };
    produce_unmailed(&mut world.db.connect().await, new, "there was one today").await.unwrap();
    let id = sqlx::query_scalar("SELECT notification_id FROM notifications").fetch_one(&world.pool()).await.unwrap();
    let _worker = world.worker(address, &WorkerLike::default());
    world.settles(id, &[("push", "delivered", 1), ("email", "skipped", 1)]).await;
    let why = "SELECT count(*) FROM notification_routes WHERE channel = 'email' AND last_error = 'there was one today'";
    assert_eq!(world.count(why).await, 1);
    assert_eq!(world.count("SELECT count(*) FROM mail_deliveries").await, 0);
}

#[tokio::test]
async fn a_notification_is_written_once_and_a_dead_letter_never_about_itself() {
    let world = World::new().await;
    let user = world.accounts(1, false).await[0];
    let game = world.game(&[user]).await;
    let write = async |payload: Payload| {
        let mut conn = world.db.connect().await;
        let new = NewNotification {
            payload,
            idempotency_key: "once".to_owned(),
            audience: Audience::GameMembers,
            game_id: Some(game),
            request_id: None,
            traceparent: None,
        };
        produce(&mut conn, new).await.unwrap()
    };
    assert!(write(Payload::GameTurnReady { game_id: game, turn: 1 }).await);
    assert!(!write(Payload::GameTurnReady { game_id: game, turn: 1 }).await);
    let dead = |template_id: &str| Payload::MailDeadLettered {
        delivery_id: DeliveryId::new(),
        template_id: template_id.to_owned(),
    };
    assert!(write(dead("game.started")).await);
    assert!(!write(dead("mail.dead_lettered")).await);
    assert_eq!(world.count("SELECT count(*) FROM notifications").await, 2);
    assert_eq!(world.count("SELECT max(game_seq) FROM notifications").await, 1);
}

#[tokio::test]
async fn a_broadcast_survives_its_worker_and_delays_nobody() {
    const ALL: usize = 5_000;
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let users = world.accounts(ALL, false).await;
    let game = world.game(&users[..1]).await;
    let news = Payload::LobbyRaceNameExpired { race_name: "Vega".to_owned() };
    let broadcast = world.produce_keyed("broadcast", news, Audience::Everyone, None).await;
    let small = Payload::GameTurnReady { game_id: game, turn: 1 };

    let like = WorkerLike::chunk(100, 50);
    let first = world.worker(address, &like);
    eventually(SOON, "a few chunks", || async { world.count("SELECT count(*) FROM notification_routes").await >= 300 })
        .await;
    // Killed in mid-work: nothing is handed back.
    first.kill();
    assert_ne!(world.status(broadcast).await, "expanded", "the test must catch it in the middle");
    let produced = world.produce_keyed("small", small, Audience::GameMembers, Some(game)).await;

    let _second = world.worker(address, &like);
    subscriber.has(ALL + 1).await;
    world.settles(broadcast, &[("push", "delivered", ALL as i64)]).await;
    world.settles(produced, &[("push", "delivered", 1)]).await;

    let events = subscriber.events();
    let recipients: HashSet<UserId> =
        events.iter().filter(|e| e.request_id == "broadcast").map(|e| e.user_id.parse().unwrap()).collect();
    assert_eq!(recipients, users.iter().copied().collect::<HashSet<_>>());
    assert_eq!(events.len(), ALL + 1, "nobody gets it twice");
    let at = events.iter().position(|e| e.request_id == "small").unwrap();
    assert!(at < ALL * 3 / 4, "the small one came as event {at} of {}", events.len());
    assert_eq!(world.count("SELECT count(*) FROM notification_routes WHERE priority = 1").await, ALL as i64);
}
