//! Alarms about dead letters, gathered (SPEC §11): one to the administrators per cause and quarter of an hour, with the count.
//!
//! The first death of a cause opens an alarm that is due a moment later; whatever dies of the same until then is counted in
//! it. The next alarm of that cause is due a quarter of an hour after the last, and counts what died meanwhile: the
//! administrators hear soon, seldom, and of everything.

use std::collections::BTreeMap;

use sqlx::PgConnection;

use crate::db::notifications::{NewNotification, produce_at};
use crate::domain::notification::{Audience, Kind, Payload};
use crate::ids::{DeliveryId, NotificationId};
use crate::postgres::Error;

/// How long the first alarm of a cause gathers, in seconds: the rows of one outage die within it.
const GATHER_SECONDS: f64 = 5.0;
/// The least distance between two alarms of one cause, in seconds.
const QUARTER_SECONDS: f64 = 900.0;
/// The longest cause, in characters.
const CAUSE_CHARS: usize = 80;

/// A mail that died.
pub(super) struct Death {
    pub(super) cause: String,
    pub(super) delivery_id: DeliveryId,
    pub(super) template_id: String,
    pub(super) request_id: Option<String>,
    pub(super) traceparent: Option<String>,
}

/// What mails that died with these words have in common: the step of the dialogue and the relay's code, without the rest of
/// its words, which name recipients and tickets; or what went wrong before a dialogue.
pub(super) fn cause(error: &str) -> String {
    let (head, tail) = error.split_once(':').unwrap_or((error, ""));
    let code = tail.trim_start().get(..3).filter(|code| code.bytes().all(|b| b.is_ascii_digit()));
    let cause = code.map_or_else(|| head.trim().to_owned(), |code| format!("{} {code}", head.trim()));
    cause.chars().take(CAUSE_CHARS).collect()
}

/// Counts deaths in the alarms of their causes, and opens those that are not open. Alarms that died themselves raise none.
pub(super) async fn raise(conn: &mut PgConnection, deaths: Vec<Death>) -> Result<(), Error> {
    // In the causes' order, so that two finishes cannot wait for each other.
    let mut by_cause: BTreeMap<String, Vec<Death>> = BTreeMap::new();
    for death in deaths.into_iter().filter(|death| death.template_id != Kind::MailDeadLettered.as_str()) {
        by_cause.entry(death.cause.clone()).or_default().push(death);
    }
    for (cause, deaths) in by_cause {
        let count = i64::try_from(deaths.len()).unwrap_or(i64::MAX);
        let Some(first) = deaths.into_iter().next() else { continue };
        // Of two finishes that meet the same cause the second waits, and finds the first one's alarm open.
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('mail_alarms ' || $1, 0))::text", cause)
            .fetch_one(&mut *conn)
            .await?;
        let gathered = sqlx::query!(
            "UPDATE mail_alarms SET deliveries = deliveries + $2 WHERE cause = $1 AND due_at > clock_timestamp()",
            cause,
            count
        )
        .execute(&mut *conn)
        .await?;
        if gathered.rows_affected() == 0 {
            open(conn, &cause, count, first).await?;
        }
    }
    Ok(())
}

async fn open(conn: &mut PgConnection, cause: &str, count: i64, first: Death) -> Result<(), Error> {
    sqlx::query!("DELETE FROM mail_alarms WHERE due_at < clock_timestamp() - interval '30 days'")
        .execute(&mut *conn)
        .await?;
    let key = format!("mail-dead:{}", NotificationId::new());
    let due = sqlx::query_scalar!(
        r#"INSERT INTO mail_alarms (alarm_key, cause, deliveries, due_at)
           SELECT $1, $2, $3, greatest(clock_timestamp() + make_interval(secs => $4),
                                       (SELECT max(due_at) FROM mail_alarms WHERE cause = $2) + make_interval(secs => $5))
           RETURNING due_at"#,
        key,
        cause,
        count,
        GATHER_SECONDS,
        QUARTER_SECONDS
    )
    .fetch_one(&mut *conn)
    .await?;
    let notification = NewNotification {
        idempotency_key: key,
        payload: Payload::MailDeadLettered { delivery_id: first.delivery_id, template_id: first.template_id },
        audience: Audience::Administrators,
        game_id: None,
        request_id: first.request_id,
        traceparent: first.traceparent,
    };
    produce_at(conn, notification, Some(due)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_the_step_and_the_code() {
        for (error, wanted) in [
            ("RCPT TO: 550 5.1.1 […] unknown", "RCPT TO 550"),
            ("message: 250", "message 250"),
            ("message: no answer within 30 s", "message"),
            ("connect: é", "connect"),
            ("the payload was wiped", "the payload was wiped"),
            ("", ""),
        ] {
            assert_eq!(cause(error), wanted, "{error:?}");
        }
        assert_eq!(cause(&"x".repeat(500)).chars().count(), CAUSE_CHARS);
    }
}
