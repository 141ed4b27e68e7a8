//! Sending again what died, or waits, and putting away what died, at an administrator's word.

use sqlx::PgConnection;
use uuid::Uuid;

use super::browse::{DeliveryFilter, chosen};
use crate::db::InTransaction;
use crate::db::lists::{MATCHED_LIMIT, plan_for_values};
use crate::db::queues;
use crate::domain::delivery::DeliveryStatus;
use crate::domain::notification::Kind;
use crate::ids::DeliveryId;
use crate::postgres::Error;
use crate::queue::{dismiss as dismiss_rows, redrive};

/// A delivery, locked until the transaction ends.
#[derive(Debug, Clone)]
pub struct HeldDelivery {
    /// Its state, which stays as it is.
    pub status: DeliveryStatus,
    /// Its contents are gone.
    pub wiped: bool,
}

/// Locks a delivery. One that a worker is just claiming or finishing is waited for.
pub async fn hold(tx: &mut impl InTransaction, id: DeliveryId) -> Result<Option<HeldDelivery>, Error> {
    let conn = &mut **tx;
    let held =
        sqlx::query_scalar!("SELECT status FROM mail_deliveries WHERE delivery_id = $1 FOR NO KEY UPDATE", id.uuid())
            .fetch_optional(&mut *conn)
            .await?;
    let Some(status) = held else { return Ok(None) };
    // Only now: who had the row before may have wiped it as they ended it.
    let wiped = with_contents(conn, &[id.uuid()]).await?.is_empty();
    Ok(Some(HeldDelivery { status, wiped }))
}

/// What a choice found.
#[derive(Debug, Clone)]
pub struct Picked {
    /// How many deliveries match, counted up to [`MATCHED_LIMIT`].
    pub matched: i64,
    /// The oldest of them, locked: those that nobody else has just now.
    pub ids: Vec<Uuid>,
}

/// Locks the oldest deliveries that `$chosen` and `$walk` leave, and counts them all.
macro_rules! picked {
    ($chosen:tt, $walk:tt $(, $argument:expr)*) => {
        sqlx::query!(
            "WITH picked AS MATERIALIZED (
               SELECT d.delivery_id FROM mail_deliveries d JOIN mail_payloads p ON p.delivery_id = d.delivery_id
                WHERE " + $chosen + $walk + r#"
                ORDER BY d.delivery_id LIMIT $10 FOR NO KEY UPDATE OF d SKIP LOCKED)
             SELECT (SELECT coalesce(array_agg(delivery_id), '{}') FROM picked) AS "ids!",
                    (SELECT count(*) FROM (SELECT FROM mail_deliveries d JOIN mail_payloads p ON p.delivery_id = d.delivery_id
                                            WHERE "# + $chosen + $walk + r#" LIMIT $11) AS m) AS "matched!""#
            $(, $argument)*
        )
    };
}

/// Locks the oldest `limit` deliveries that match and still have contents. Alarms about other mails are left out unless the
/// filter names their template: they tell of what is being mended. Those that a worker or another administrator has locked are
/// passed over and not waited for; they are decided already.
pub async fn pick(tx: &mut impl InTransaction, filter: &DeliveryFilter, limit: i64) -> Result<Picked, Error> {
    let conn = plan_for_values(tx).await?;
    let alarms = filter.template_id.is_none().then_some(Kind::MailDeadLettered.as_str());
    let by_id = chosen!(
        picked,
        " AND d.delivery_id < $1 AND d.delivery_id >= $2 AND p.wiped_at IS NULL AND ($12::text IS NULL OR d.template_id <> $12)",
        filter,
        None::<DeliveryId>,
        limit,
        MATCHED_LIMIT,
        alarms
    );
    let row = by_id.fetch_one(&mut *conn).await?;
    // As above: a row that was wiped as it died, between the statement's start and its lock.
    let ids = with_contents(conn, &row.ids).await?;
    Ok(Picked { matched: row.matched, ids })
}

/// Locks the oldest `limit` dead deliveries that match, those without contents too, as [`pick`] does.
pub async fn pick_dead(tx: &mut impl InTransaction, filter: &DeliveryFilter, limit: i64) -> Result<Picked, Error> {
    let conn = plan_for_values(tx).await?;
    let by_id = chosen!(
        picked,
        " AND d.status IN ('dead_lettered', 'quarantined') AND d.delivery_id < $1 AND d.delivery_id >= $2",
        filter,
        None::<DeliveryId>,
        limit,
        MATCHED_LIMIT
    );
    let row = by_id.fetch_one(conn).await?;
    Ok(Picked { matched: row.matched, ids: row.ids })
}

/// Those of these deliveries whose contents are there.
async fn with_contents(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT delivery_id FROM mail_payloads WHERE delivery_id = ANY ($1) AND wiped_at IS NULL",
        ids
    )
    .fetch_all(conn)
    .await?)
}

/// Makes locked deliveries due now, with a clean slate: whoever refused is asked again, whoever accepted never is. Their
/// dead letters are gone; their attempts stay, and count on. Answers how many it were. Wake
/// [`Topic::Mail`](crate::queue::Topic::Mail) after the commit.
pub async fn resend(conn: &mut PgConnection, ids: &[Uuid]) -> Result<u64, Error> {
    let changed = redrive(conn, &queues::MAIL, ids).await?;
    sqlx::query!(
        "UPDATE mail_recipients SET status = 'undecided', smtp_code = NULL, detail = NULL
          WHERE delivery_id = ANY ($1) AND status = 'refused'",
        ids
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM mail_dead_letters WHERE delivery_id = ANY ($1)", ids).execute(conn).await?;
    Ok(changed)
}

/// Puts locked dead deliveries away. Whatever they held of a login code is gone with it. Answers how many it were.
pub async fn dismiss(conn: &mut PgConnection, ids: &[Uuid]) -> Result<u64, Error> {
    let changed = dismiss_rows(conn, &queues::MAIL, ids).await?;
    super::finish::wipe(&mut *conn, ids).await?;
    sqlx::query!("DELETE FROM mail_dead_letters WHERE delivery_id = ANY ($1)", ids).execute(conn).await?;
    Ok(changed)
}
