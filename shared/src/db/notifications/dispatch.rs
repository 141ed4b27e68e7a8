//! Dispatch: what a route needs to become a client event or a mail.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::domain::notification::{Channel, Payload};
use crate::ids::InviteId;
use crate::mail::Known;
use crate::postgres::Error;

/// What the routes of one notification have in common; read once for all of them.
#[derive(Debug)]
pub struct Notice {
    /// The kind's name, also of a kind that this build does not know.
    pub kind: String,
    /// What it says; an error text for a kind or fields that this build cannot read.
    pub payload: Result<Payload, String>,
    /// The payload as it is stored.
    pub json: serde_json::Value,
    /// The producer's key.
    pub idempotency_key: String,
    /// Whether it goes to everyone.
    pub broadcast: bool,
    /// What a mail says beside it.
    pub known: Known,
}

/// A route on its way out.
#[derive(Debug, Clone)]
pub struct Dispatch {
    /// Its id: the event's id, the mail's idempotency key.
    pub route_id: Uuid,
    /// Which way it goes.
    pub channel: Channel,
    /// To whom; `None` for the administrators.
    pub user_id: Option<Uuid>,
    /// Whether it is numbered among the pushes of its user and game.
    pub ordered: bool,
    /// The recipient's address: their e-mail identity, if they have one and still have their account.
    pub address: Option<String>,
    /// The recipient's IANA time zone.
    pub time_zone: Option<String>,
    /// What it tells.
    pub notice: Arc<Notice>,
}

/// Reads routes, in the order of `ids`: one statement for them, one for their notifications.
pub async fn load_routes(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Result<Dispatch, String>>, Error> {
    let rows = sqlx::query!(
        r#"SELECT r.route_id AS "route_id!", r.notification_id AS "notification_id!", r.channel AS "channel!", r.user_id AS "user_id?",
                  r.game_seq IS NOT NULL AS "ordered!", i.external_id AS "address?", i.time_zone AS "time_zone?"
             FROM unnest($1::uuid[]) WITH ORDINALITY AS a(id, at) JOIN notification_routes r ON r.route_id = a.id
             LEFT JOIN LATERAL (
                  SELECT i.external_id, a.time_zone FROM identities i JOIN accounts a USING (user_id)
                   WHERE r.channel = 'email' AND i.user_id = r.user_id AND i.kind = 'email' ORDER BY i.identity_id LIMIT 1) i ON true
            ORDER BY a.at"#,
        ids
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut of: Vec<Uuid> = rows.iter().map(|r| r.notification_id).collect();
    of.sort_unstable();
    of.dedup();
    let notices = load_notices(conn, &of).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let channel = row.channel.parse().map_err(|e: crate::domain::word::UnknownWord| e.to_string())?;
            let notice = notices.get(&row.notification_id).ok_or("its notification is gone")?;
            Ok(Dispatch {
                route_id: row.route_id,
                channel,
                user_id: row.user_id,
                ordered: row.ordered,
                address: row.address,
                time_zone: row.time_zone,
                notice: Arc::clone(notice),
            })
        })
        .collect())
}

async fn load_notices(conn: &mut PgConnection, ids: &[Uuid]) -> Result<HashMap<Uuid, Arc<Notice>>, Error> {
    // The casts of the inviter's id and of the key, which is the invite's, stand behind the test of the kind: nothing else
    // is read that way.
    let rows = sqlx::query!(
        r#"SELECT n.notification_id AS "notification_id!", n.kind AS "kind!", n.payload AS "payload!: Json<serde_json::Value>",
                  n.idempotency_key AS "idempotency_key!",
                  n.audience = 'everyone' AS "broadcast!", g.name AS "game_name?",
                  (SELECT coalesce(a.display_name, a.user_name) FROM accounts a
                    WHERE a.user_id = CASE WHEN n.kind = 'lobby.invite.received' THEN (n.payload ->> 'inviter_user_id')::uuid END
                      AND a.deleted_at IS NULL) AS "inviter_name?",
                  v.invite_id AS "invite_id?: InviteId", v.expires_at AS "invite_expires_at?",
                  m.cause AS "cause?", m.deliveries AS "deliveries?",
                  (SELECT t.scheduled_at FROM runtime_turns t
                    WHERE t.game_id = CASE WHEN n.kind = 'game.started' THEN n.game_id END
                      AND t.status = 'pending') AS "next_turn_at?"
             FROM notifications n LEFT JOIN games g ON g.game_id = n.game_id
             LEFT JOIN invites v ON v.invite_id = CASE WHEN n.kind = 'lobby.invite.received'
                 AND n.idempotency_key ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                                       THEN n.idempotency_key::uuid END
             LEFT JOIN mail_alarms m ON n.kind = 'mail.dead_lettered' AND m.alarm_key = n.idempotency_key
            WHERE n.notification_id = ANY($1)"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let notice = Notice {
                payload: Payload::from_json(&row.kind, row.payload.0.clone()).map_err(|e| e.to_string()),
                json: row.payload.0,
                kind: row.kind,
                idempotency_key: row.idempotency_key,
                broadcast: row.broadcast,
                known: Known {
                    game_name: row.game_name,
                    inviter_name: row.inviter_name,
                    alarm: row.cause.zip(row.deliveries),
                    invite: row.invite_id.zip(row.invite_expires_at),
                    next_turn_at: row.next_turn_at,
                },
            };
            (row.notification_id, Arc::new(notice))
        })
        .collect())
}

/// Settles a mail route otherwise than it was finished: its address was freed in between, so that no mail was written.
pub async fn skip_route(conn: &mut PgConnection, route_id: Uuid, why: &str) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE notification_routes SET status = 'skipped', last_error = $2 WHERE route_id = $1 AND status = 'delivered'",
        route_id,
        why
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets push routes that waited for these be due now: those next in line for the same user and game. They were due all
/// along and blocked, and the claim's watermark may have passed them since.
pub async fn renew_successors(conn: &mut PgConnection, ids: &[Uuid]) -> Result<u64, Error> {
    let done = sqlx::query!(
        "UPDATE notification_routes SET next_attempt_at = clock_timestamp()
          WHERE route_id IN (
                SELECT s.route_id FROM notification_routes f CROSS JOIN LATERAL (
                       SELECT s.route_id FROM notification_routes s
                        WHERE s.user_id = f.user_id AND s.game_id = f.game_id AND s.game_seq > f.game_seq
                          AND s.status IN ('pending', 'retrying', 'dispatching') AND s.channel = 'push' AND s.game_seq IS NOT NULL
                        ORDER BY s.game_seq LIMIT 1) s
                 WHERE f.route_id = ANY($1))
            AND status IN ('pending', 'retrying') AND next_attempt_at < clock_timestamp()",
        ids
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
