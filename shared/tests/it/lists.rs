//! What administrators list is read through indexes: judged by the rows that the executed plans really touched, with as many
//! filters as there are, on tables with a history.

use chrono::{DateTime, Utc};
use shared::db::lists::Span;
use shared::db::mail::DeliveryFilter;
use shared::db::notifications::{DeadLetterFilter, NotificationFilter};
use shared::db::{admin_accounts, audit_log, mail, notifications, queues};
use shared::domain::admin_access::{Outcome, Via};
use shared::domain::delivery::DeliveryStatus;
use shared::domain::notification::{Channel, NotificationStatus};
use shared::ids::UserId;
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::TestDb;
use uuid::Uuid;

/// Rows of each table; a scan of any of them touches so many.
const ROWS: i64 = 20_000;

/// A row's id: they begin with the time, a second between two.
const ID: &str = "(lpad(to_hex((extract(epoch FROM now() - make_interval(secs => 20000 - n)) * 1000)::bigint), 12,
        '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid";

/// Twenty thousand mails, notifications with a route each, and lines of the trail; one in a thousand died, one in four
/// hundred waits.
async fn history(conn: &mut PgConnection, user: UserId) {
    let status = |over: &str| {
        format!("CASE WHEN n % 1000 = 7 THEN 'dead_lettered' WHEN n % 400 = 3 THEN 'retrying' ELSE '{over}' END")
    };
    let at = "now() - make_interval(secs => 20000 - n)";
    let text = format!(
        "INSERT INTO accounts (user_id, user_name, preferred_language, time_zone) VALUES ('{user}', 'ada', 'en', 'UTC');
         INSERT INTO mail_deliveries (delivery_id, template_id, idempotency_key, status, created_at, finished_at)
         SELECT {ID}, CASE WHEN n % 500 = 1 THEN 'game.finished' ELSE 'auth.login_code' END, n::text, {mail}, {at},
             {at} FROM generate_series(1, {ROWS}) n;
         INSERT INTO mail_payloads (delivery_id, subject, body_text) SELECT delivery_id, 's', 't' FROM mail_deliveries;
         INSERT INTO mail_recipients (delivery_id, address)
         SELECT delivery_id, 'u' || idempotency_key::int % 1000 || '@example.org' FROM mail_deliveries;
         INSERT INTO notifications (notification_id, kind, idempotency_key, audience, payload, status, created_at, finished_at)
         SELECT {ID}, CASE WHEN n % 500 = 1 THEN 'game.finished' ELSE 'game.turn.ready' END, n::text, 'users', '{{}}', {note}, {at}, {at}
           FROM generate_series(1, {ROWS}) n;
         INSERT INTO notification_routes (route_id, notification_id, channel, user_id, status, finished_at)
         SELECT gen_random_uuid(), notification_id, 'push', '{user}', {route}, now()
           FROM (SELECT notification_id, idempotency_key::int AS n FROM notifications) x;
         INSERT INTO audit_log (audit_id, at, actor, action, target_type, target_id, request_id, ip, outcome, via, operation_id)
         SELECT {ID}, {at}, CASE WHEN n % 500 = 1 THEN 'ada' ELSE 'root' END, CASE WHEN n % 500 = 2 THEN 'game.create'
             ELSE 'game.patch' END,
                'game', (n / 10)::text, 'r', '::1', CASE WHEN n % 500 = 3 THEN 'refused' ELSE 'done' END,
                CASE WHEN n % 500 = 4 THEN 'token' ELSE 'session' END, CASE WHEN n % 500 = 5 THEN '{user}'::uuid END
           FROM generate_series(1, {ROWS}) n;
         INSERT INTO admin_accounts (user_name, password_hash) SELECT 'admin-' || n, 'x' FROM generate_series(1, {ROWS}) n;
         ANALYZE",
        mail = status("sent"),
        note = status("expanded"),
        route = status("delivered"),
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(conn).await.unwrap();
}

/// Rows touched so far, by whatever scan, of the tables that are looked through.
async fn touched(conn: &mut PgConnection) -> i64 {
    conn.execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    sqlx::query_scalar(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint FROM pg_stat_user_tables
          WHERE relname IN ('mail_deliveries', 'mail_recipients', 'mail_payloads', 'notifications',
              'notification_routes', 'audit_log', 'admin_accounts')",
    )
    .fetch_one(conn)
    .await
    .unwrap()
}

fn text(word: &str) -> Option<String> {
    Some(word.to_owned())
}

#[tokio::test]
async fn every_list_of_administrators_touches_little_more_than_it_shows() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let user = UserId::new();
    history(&mut conn, user).await;
    let hour: DateTime<Utc> =
        sqlx::query_scalar("SELECT now() - interval '3 hours'").fetch_one(&mut conn).await.unwrap();
    let span = Span { after: Some(hour), before: Some(hour + chrono::TimeDelta::minutes(5)) };
    let page = 51;

    let deliveries = |change: fn(&mut DeliveryFilter)| {
        let mut filter = DeliveryFilter::default();
        change(&mut filter);
        filter
    };
    let mails = [
        ("all", deliveries(|_| {})),
        ("sent", deliveries(|f| f.statuses = Some(vec![DeliveryStatus::Sent]))),
        ("retrying", deliveries(|f| f.statuses = Some(vec![DeliveryStatus::Retrying]))),
        ("dead", deliveries(|f| f.statuses = Some(DeliveryStatus::DEAD.to_vec()))),
        ("common template", deliveries(|f| f.template_id = text("auth.login_code"))),
        ("rare template", deliveries(|f| f.template_id = text("game.finished"))),
        ("recipient", deliveries(|f| f.recipient = text("U7@example.org"))),
    ];
    for (what, filter) in &mails {
        let before = touched(&mut conn).await;
        let mut tx = conn.begin().await.unwrap();
        let found = mail::deliveries(&mut tx, filter, None, page).await.unwrap();
        tx.commit().await.unwrap();
        let read = touched(&mut conn).await - before;
        assert!(!found.is_empty() && read < 500, "mail, {what}: {} shown, {read} touched", found.len());
    }
    // By time alone up to twenty minutes more are looked through, for clocks that differ.
    let filter = DeliveryFilter { created: span, ..DeliveryFilter::default() };
    let before = touched(&mut conn).await;
    let mut tx = conn.begin().await.unwrap();
    let found = mail::deliveries(&mut tx, &filter, None, 200).await.unwrap();
    tx.commit().await.unwrap();
    let read = touched(&mut conn).await - before;
    assert_eq!(found.len(), 200);
    assert!(found.iter().all(|d| d.created_at >= hour) && read < ROWS / 2, "mail by time: {read} touched");

    let kinds = [
        ("all", NotificationFilter::default()),
        ("rare kind", NotificationFilter { kind: text("game.finished"), ..NotificationFilter::default() }),
        ("common kind", NotificationFilter { kind: text("game.turn.ready"), ..NotificationFilter::default() }),
        (
            "retrying",
            NotificationFilter { status: Some(NotificationStatus::Retrying), ..NotificationFilter::default() },
        ),
        (
            "dead",
            NotificationFilter { status: Some(NotificationStatus::DeadLettered), ..NotificationFilter::default() },
        ),
    ];
    for (what, filter) in &kinds {
        let before = touched(&mut conn).await;
        let mut tx = conn.begin().await.unwrap();
        let found = notifications::notifications(&mut tx, filter, None, page, 21).await.unwrap();
        tx.commit().await.unwrap();
        let read = touched(&mut conn).await - before;
        assert!(!found.is_empty() && read < 500, "notifications, {what}: {} shown, {read} touched", found.len());
    }
    for (what, filter) in [
        ("all", DeadLetterFilter::default()),
        ("channel", DeadLetterFilter { channel: Some(Channel::Push), ..DeadLetterFilter::default() }),
        ("rare kind", DeadLetterFilter { kind: text("game.turn.ready"), ..DeadLetterFilter::default() }),
    ] {
        let before = touched(&mut conn).await;
        let mut tx = conn.begin().await.unwrap();
        let found = notifications::dead_letters(&mut tx, &filter, None, page).await.unwrap();
        tx.commit().await.unwrap();
        let read = touched(&mut conn).await - before;
        assert!(!found.is_empty() && read < 500, "dead letters, {what}: {} shown, {read} touched", found.len());
    }
    for (what, filter) in [
        ("all", audit_log::Filter::default()),
        ("actor", audit_log::Filter { actor: text("ada"), ..audit_log::Filter::default() }),
        ("action", audit_log::Filter { action: text("game.create"), ..audit_log::Filter::default() }),
        ("target", audit_log::Filter { target_id: text("77"), ..audit_log::Filter::default() }),
        ("refused", audit_log::Filter { outcome: Some(Outcome::Refused), ..audit_log::Filter::default() }),
        ("done", audit_log::Filter { outcome: Some(Outcome::Done), ..audit_log::Filter::default() }),
        ("by tokens", audit_log::Filter { via: Some(Via::Token), ..audit_log::Filter::default() }),
        ("parts", audit_log::Filter { operation_id: Some(user.uuid()), ..audit_log::Filter::default() }),
        (
            "actor and target",
            audit_log::Filter { actor: text("root"), target_id: text("77"), ..audit_log::Filter::default() },
        ),
    ] {
        let before = touched(&mut conn).await;
        let mut tx = conn.begin().await.unwrap();
        let found = audit_log::list(&mut tx, &filter, None, page).await.unwrap();
        tx.commit().await.unwrap();
        let read = touched(&mut conn).await - before;
        assert!(!found.is_empty() && read < 500, "trail, {what}: {} shown, {read} touched", found.len());
    }
    let before = touched(&mut conn).await;
    assert_eq!(admin_accounts::list(&mut conn, None, Some("admin-5"), page).await.unwrap().len(), 51);
    shared::queue::metrics::overview(&mut conn, &queues::ALL).await.unwrap();
    let read = touched(&mut conn).await - before;
    assert!(read < 1000, "administrators and queues: {read} touched");

    // Choosing many reads what is dead, not what is there.
    let before = touched(&mut conn).await;
    let mut tx = conn.begin().await.unwrap();
    let dead = mails.iter().find(|(what, _)| *what == "dead").map(|(_, filter)| filter).unwrap();
    let picked = mail::pick(&mut tx, dead, 5).await.unwrap();
    assert_eq!((picked.matched, picked.ids.len()), (20, 5));
    let oldest: Vec<Uuid> = {
        let mut ids = picked.ids.clone();
        ids.sort_unstable();
        ids
    };
    assert_eq!(mail::resend(&mut tx, &oldest).await.unwrap(), 5);
    let picked = notifications::pick(&mut tx, &DeadLetterFilter::default(), 30).await.unwrap();
    assert_eq!((picked.matched, picked.notifications.len(), picked.routes.len()), (40, 20, 10));
    assert_eq!(notifications::redrive(&mut tx, &picked).await.unwrap(), 30);
    tx.commit().await.unwrap();
    let read = touched(&mut conn).await - before;
    assert!(read < 1000, "choosing: {read} touched");
}
