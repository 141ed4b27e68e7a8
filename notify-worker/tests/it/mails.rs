//! What becomes a mail, and how often.

use serde_json::{Map, json};
use shared::domain::notification::{Audience, Channel, Field, Form, Kind, Payload};
use shared::ids::{GameId, UserId};
use sqlx::Connection as _;
use testkit::eventually;

use crate::subscriber::{Subscriber, payload};
use crate::world::{SOON, WorkerLike, World};

/// A payload of each kind, in the catalogue's order.
fn one_of_each(game_id: GameId, user: UserId) -> Vec<Payload> {
    let value = |field: &Field| match (field.form, field.name) {
        (Form::Id, "game_id") => json!(game_id),
        (Form::Id, _) => json!(user),
        (Form::Text, _) => json!("Зоря <b>&"),
        (Form::Texts, _) => json!(["Зоря <b>&"]),
        (Form::Number, _) => json!(2),
        (Form::Time, _) => json!("2027-01-15T08:00:00.123Z"),
    };
    let payload = |kind: &Kind| {
        let fields: Map<_, _> = kind.fields().iter().map(|field| (field.name.to_owned(), value(field))).collect();
        Payload::from_json(kind.as_str(), fields.into()).unwrap()
    };
    Kind::ALL.iter().map(payload).collect()
}

#[tokio::test]
async fn every_kind_of_the_catalogue_reaches_each_of_its_channels() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let subscriber = Subscriber::start(address).await;
    let user = world.accounts(1, true).await[0];
    let game_id = world.game(&[user]).await;
    let _worker = world.worker(address, &WorkerLike::default());
    let all = one_of_each(game_id, user);
    for payload in &all {
        let id = world.produce(payload.clone(), Audience::Users(vec![user]), Some(game_id)).await;
        let expected: Vec<_> = payload.kind().channels().iter().map(|c| (c.as_str(), "delivered", 1)).collect();
        world.settles(id, &expected).await;
    }

    let pushed: Vec<Payload> = all.iter().filter(|p| p.kind().channels().contains(&Channel::Push)).cloned().collect();
    subscriber.has(pushed.len()).await;
    let events = subscriber.events();
    assert_eq!(events.iter().map(payload).collect::<Vec<_>>(), pushed);
    for event in &events {
        assert_eq!(event.user_id, user.to_string());
        assert_eq!(event.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(event.device_session_id.is_empty(), "all of the user's sessions");
        let of_a_route = sqlx::query_scalar::<_, bool>(
            "SELECT n.kind = $2 AND n.idempotency_key = $3 FROM notification_routes r
             JOIN notifications n USING (notification_id) WHERE r.route_id = $1::uuid",
        )
        .bind(&event.event_id)
        .bind(&event.kind)
        .bind(&event.request_id)
        .fetch_one(&world.pool())
        .await
        .unwrap();
        assert!(of_a_route, "{event:?}");
    }

    let mut mailed: Vec<&str> = all
        .iter()
        .filter(|p| p.kind().channels().iter().any(|c| *c != Channel::Push))
        .map(|p| p.kind().as_str())
        .collect();
    let mut templates: Vec<String> =
        sqlx::query_scalar("SELECT template_id FROM mail_deliveries").fetch_all(&world.pool()).await.unwrap();
    mailed.sort_unstable();
    templates.sort_unstable();
    assert_eq!(templates, mailed);
    let keyed = "SELECT count(*) FROM mail_deliveries d
        JOIN notification_routes r ON r.route_id::text = d.idempotency_key AND d.request_id = 'req-1'";
    assert_eq!(world.count(keyed).await, mailed.len() as i64);
}

#[tokio::test]
async fn without_an_address_the_administrators_routes_are_skipped() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let game_id = world.game(&[]).await;
    let _worker = world.worker(address, &WorkerLike { admin_email: None, ..WorkerLike::default() });
    let failed = Payload::RuntimeImagePullFailed { game_id, image_ref: "x".to_owned() };
    let id = world.produce(failed, Audience::Administrators, None).await;
    world.settles(id, &[("admin_email", "skipped", 1)]).await;
    world.expands(id).await;
    assert_eq!(world.count("SELECT count(*) FROM mail_deliveries").await, 0);
}

#[tokio::test]
async fn a_worker_that_dies_while_it_writes_a_mail_leaves_one_mail() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let user = world.accounts(1, true).await[0];
    let game_id = world.game(&[user]).await;
    // Nobody gets to write a mail while this stands: the worker dies in the middle of the finishing transaction.
    let mut door = world.db.connect().await;
    let mut shut = door.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE mail_deliveries IN SHARE MODE").execute(&mut *shut).await.unwrap();

    let first = world.worker(address, &WorkerLike::default());
    let id = world.produce(Payload::GameStarted { game_id }, Audience::GameMembers, Some(game_id)).await;
    eventually(SOON, "the worker waits at the door", || async {
        world.count("SELECT count(*) FROM pg_locks WHERE relation = 'mail_deliveries'::regclass AND NOT granted").await
            > 0
    })
    .await;
    first.kill();
    shut.rollback().await.unwrap();
    let unfinished = world.routes(id).await;
    assert!(!unfinished.contains_key(&("email".to_owned(), "delivered".to_owned())), "{unfinished:?}");

    let _second = world.worker(address, &WorkerLike::default());
    world.settles(id, &[("push", "delivered", 1), ("email", "delivered", 1)]).await;
    assert_eq!(world.count("SELECT count(*) FROM mail_deliveries").await, 1);
}

#[tokio::test]
async fn a_mail_to_somebody_who_is_deleted_meanwhile_is_not_written() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let users = world.accounts(2, true).await;
    let game_id = world.game(&users).await;
    // A deletion that has freed the address and is not committed: the worker still reads it, and then waits here.
    let mut other = world.db.connect().await;
    let mut deletion = other.begin().await.unwrap();
    sqlx::query("DELETE FROM identities WHERE user_id = $1")
        .bind(users[0].uuid())
        .execute(&mut *deletion)
        .await
        .unwrap();
    let _worker = world.worker(address, &WorkerLike::default());
    let id = world.produce(Payload::GameStarted { game_id }, Audience::GameMembers, Some(game_id)).await;
    eventually(SOON, "the worker waits for the address", || async {
        world.count("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'").await > 0
    })
    .await;
    deletion.commit().await.unwrap();
    world.settles(id, &[("push", "delivered", 2), ("email", "delivered", 1), ("email", "skipped", 1)]).await;
    assert_eq!(world.count("SELECT count(*) FROM mail_deliveries").await, 1);
}

#[tokio::test]
async fn an_inviter_who_is_deleted_meanwhile_is_not_named() {
    let world = World::new().await;
    let (_hub, address) = world.hub().await;
    let users = world.accounts(2, true).await;
    let game_id = world.game(&users).await;
    // The deletion holds the account and is not committed: the worker still reads the name, and then waits here.
    let mut other = world.db.connect().await;
    let mut deletion = other.begin().await.unwrap();
    sqlx::query("UPDATE accounts SET deleted_at = now(), display_name = NULL WHERE user_id = $1")
        .bind(users[0].uuid())
        .execute(&mut *deletion)
        .await
        .unwrap();
    let _worker = world.worker(address, &WorkerLike::default());
    let payload = Payload::LobbyInviteReceived { game_id, inviter_user_id: users[0] };
    let id = world.produce(payload, Audience::Users(vec![users[1]]), Some(game_id)).await;
    eventually(SOON, "the worker waits for the account", || async {
        world.count("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'").await > 0
    })
    .await;
    deletion.commit().await.unwrap();
    world.settles(id, &[("push", "delivered", 1), ("email", "delivered", 1)]).await;
    assert_eq!(world.count("SELECT count(*) FROM mail_payloads WHERE body_text LIKE '%From: Somebody%'").await, 1);
}
