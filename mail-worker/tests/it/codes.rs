use testkit::eventually;

use crate::stage::{Payload, SOON, Stage, code, from_now};

fn is_wiped(payload: &Payload) -> bool {
    payload.wiped_at.is_some()
        && payload.subject.is_none()
        && payload.body_text.is_none()
        && payload.body_html.is_none()
}

#[tokio::test]
async fn a_code_is_wiped_once_it_is_sent() {
    let stage = Stage::new().await;
    let id = stage.enqueue_until(&code("481516"), "k", &["ann@example.org"], Some(from_now(600.0))).await;
    assert!(stage.payload(id).await.body_text.unwrap().contains("481516"));
    let worker = stage.worker();
    stage.reaches(id, "sent").await;
    assert!(is_wiped(&stage.payload(id).await));
    let mail = &stage.relay.messages()[0];
    assert!(mail.text.as_deref().unwrap().contains("481516") && mail.html.as_deref().unwrap().contains("481516"));
    assert!(mail.header("List-Unsubscribe").is_none());
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn an_expired_code_is_not_sent_and_is_wiped() {
    let stage = Stage::new().await;
    let id = stage.enqueue_until(&code("481516"), "k", &["ann@example.org"], Some(from_now(-1.0))).await;
    let worker = stage.worker();
    stage.reaches(id, "expired").await;
    assert!(is_wiped(&stage.payload(id).await));
    assert!(stage.relay.messages().is_empty());
    assert!(stage.attempts(id).await.is_empty());
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_wiped_payload_dies_visibly_and_holds_nobody_up() {
    let stage = Stage::new().await;
    let id = stage.enqueue(&code("481516"), "1", &["ann@example.org"]).await;
    sqlx::query(
        "UPDATE mail_payloads SET subject = NULL, body_text = NULL, body_html = NULL, wiped_at = now() WHERE delivery_id = $1",
    )
    .bind(id.uuid())
    .execute(&stage.pool())
    .await
    .unwrap();
    let other = stage.enqueue(&code("234223"), "2", &["bob@example.org"]).await;
    let worker = stage.worker();
    stage.reaches(id, "dead_lettered").await;
    assert!(stage.dead_letter(id).await.unwrap().contains("wiped"));
    stage.reaches(other, "sent").await;
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn challenges_that_ended_long_ago_are_removed() {
    let stage = Stage::new().await;
    for hours in [-25, -23, 1] {
        sqlx::query(
            "INSERT INTO auth_challenges (challenge_id, address, code_hash, salt, expires_at)
             VALUES (gen_random_uuid(), 'ann@example.org', '', '', now() + make_interval(hours => $1))",
        )
        .bind(hours)
        .execute(&stage.pool())
        .await
        .unwrap();
    }
    let worker = stage.worker();
    eventually(SOON, "one is gone", || async {
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM auth_challenges").fetch_one(&stage.pool()).await.unwrap();
        if left == 2 { Ok(()) } else { Err(left) }
    })
    .await;
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn sanctions_of_deleted_accounts_go_when_they_end() {
    let stage = Stage::new().await;
    sqlx::query(
        "INSERT INTO carried_sanctions (sanction_id, identity_hash, kind, actor, starts_at, ends_at)
         SELECT gen_random_uuid(), decode(repeat('00', 32), 'hex'), 'login_block', actor, now() - interval '2 days', ends_at
           FROM (VALUES ('ended', now() - interval '1 second'), ('runs', now() + interval '1 day'), ('for good', NULL))
                AS v (actor, ends_at)",
    )
    .execute(&stage.pool())
    .await
    .unwrap();
    let worker = stage.worker();
    eventually(SOON, "the ended one is gone", || async {
        let left: Vec<String> = sqlx::query_scalar("SELECT actor FROM carried_sanctions ORDER BY actor")
            .fetch_all(&stage.pool())
            .await
            .unwrap();
        if left == ["for good", "runs"] { Ok(()) } else { Err(left) }
    })
    .await;
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn an_address_is_forgotten_with_its_ended_challenges_but_not_its_tries_of_today() {
    let stage = Stage::new().await;
    for (address, day) in
        [("ann@example.org", "yesterday"), ("bob@example.org", "today"), ("eve@example.org", "yesterday")]
    {
        sqlx::query(
            "INSERT INTO auth_addresses (address, day, wrong_tries)
            VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date - $2, 3)",
        )
        .bind(address)
        .bind(i32::from(day == "yesterday"))
        .execute(&stage.pool())
        .await
        .unwrap();
        // Eve's is still open.
        sqlx::query(
            "INSERT INTO auth_challenges (challenge_id, address, code_hash, salt, expires_at)
             VALUES (gen_random_uuid(), $1, '', '', now() + CASE WHEN $1 LIKE 'eve%' THEN 1 ELSE -1 END * interval '1 hour')",
        )
        .bind(address)
        .execute(&stage.pool())
        .await
        .unwrap();
    }
    let mut conn = stage.pool().acquire().await.unwrap();
    let age = std::time::Duration::from_secs(60);
    assert_eq!(shared::db::challenges::remove_ended(&mut conn, age, 10).await.unwrap(), 2);
    let kept: Vec<String> =
        sqlx::query_scalar("SELECT address FROM auth_addresses ORDER BY address").fetch_all(&mut *conn).await.unwrap();
    assert_eq!(kept, ["bob@example.org", "eve@example.org"]);
    drop(conn);
    stage.end().await;
}

#[tokio::test]
async fn a_guard_is_kept_as_long_as_it_holds_and_mails_as_long_as_they_count() {
    let stage = Stage::new().await;
    let pool = stage.pool();
    for (address, guarded) in [("ann@example.org", -1), ("bob@example.org", 1), ("eve@example.org", -1)] {
        sqlx::query(
            "INSERT INTO auth_addresses (address, day, guarded_until)
             VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date - 2, now() + make_interval(hours => $2))",
        )
        .bind(address)
        .bind(guarded)
        .execute(&pool)
        .await
        .unwrap();
    }
    // Ann's and Bob's guards outlasted their challenges. Eve's ended a minute ago, and its mail counts.
    sqlx::query(
        "INSERT INTO auth_challenges (challenge_id, address, code_hash, salt, created_at, expires_at)
         VALUES (gen_random_uuid(), 'eve@example.org', '', '', now() - interval '11 minutes', now() - interval '1 minute')",
    )
    .execute(&pool)
    .await
    .unwrap();
    let mut conn = pool.acquire().await.unwrap();
    let age = std::time::Duration::from_secs(1);
    assert_eq!(shared::db::challenges::remove_ended(&mut conn, age, 10).await.unwrap(), 0);
    let kept: Vec<String> =
        sqlx::query_scalar("SELECT address FROM auth_addresses ORDER BY address").fetch_all(&mut *conn).await.unwrap();
    assert_eq!(kept, ["bob@example.org", "eve@example.org"]);
    drop(conn);
    stage.end().await;
}

/// Kept for so short a time, a challenge goes on the day that it was made; its address's row must not stay for good.
#[tokio::test]
async fn an_address_is_forgotten_on_the_next_day_where_challenges_are_kept_for_an_hour() {
    let stage = Stage::new().await;
    let pool = stage.pool();
    // Tries of a day that is not over, though midnight may come in between.
    for address in ["ann@example.org", "eve@example.org"] {
        sqlx::query(
            "INSERT INTO auth_addresses (address, day, wrong_tries)
             VALUES ($1, (clock_timestamp() AT TIME ZONE 'UTC')::date + 1, 3)",
        )
        .bind(address)
        .execute(&pool)
        .await
        .unwrap();
    }
    // Eve asked again.
    sqlx::query(
        "INSERT INTO auth_challenges (challenge_id, address, code_hash, salt, created_at, expires_at)
         SELECT gen_random_uuid(), address, ''::bytea, ''::bytea, now() - interval '3 hours', ends_at
           FROM (VALUES ('ann@example.org', now() - interval '2 hours'), ('eve@example.org', now() - interval '2 hours'),
                        ('eve@example.org', now() + interval '1 hour')) AS v (address, ends_at)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let mut conn = pool.acquire().await.unwrap();
    let age = std::time::Duration::from_secs(3600);
    let kept = "SELECT address FROM auth_addresses ORDER BY address";
    assert_eq!(shared::db::challenges::remove_ended(&mut conn, age, 10).await.unwrap(), 2);
    let rows: Vec<String> = sqlx::query_scalar(kept).fetch_all(&mut *conn).await.unwrap();
    assert_eq!(rows, ["ann@example.org", "eve@example.org"]);
    sqlx::query("UPDATE auth_addresses SET day = day - 2").execute(&mut *conn).await.unwrap();
    assert_eq!(shared::db::challenges::remove_ended(&mut conn, age, 10).await.unwrap(), 0);
    let rows: Vec<String> = sqlx::query_scalar(kept).fetch_all(&mut *conn).await.unwrap();
    assert_eq!(rows, ["eve@example.org"]);
    drop(conn);
    stage.end().await;
}
