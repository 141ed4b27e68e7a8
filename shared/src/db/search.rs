//! One box for everything (SPEC §5 admin): what an id, an address, a name, a container or a request leads to. Each function is one
//! bounded statement, and walks an index of each table.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::InTransaction;
use super::lists::walk_in_order;
use crate::ids::{GameId, UserId};
use crate::postgres::Error;

/// How many are found of one kind, by anything but an id.
pub const OF_ONE_KIND: i64 = 10;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What it is: a word of [`HitKind`](crate::domain::search::HitKind).
    pub kind: String,
    /// Its id; a runtime has its game's.
    pub id: Uuid,
    /// What people tell it by: a name, a kind, a state. No address.
    pub title: String,
    /// The account that it belongs to, or is.
    pub user_id: Option<UserId>,
    /// The game that it belongs to, or is.
    pub game_id: Option<GameId>,
    /// When it was made.
    pub at: DateTime<Utc>,
}

/// `SELECT`s of the columns of a [`Hit`], put together.
macro_rules! hits {
    ($branches:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Hit,
            r#"SELECT h.kind AS "kind!", h.id AS "id!", h.title AS "title!: String", h.user_id AS "user_id?: UserId",
                      h.game_id AS "game_id?: GameId", h.at AS "at!" FROM ("# + $branches + ") AS h (kind, id, title, user_id, game_id, at)"
            $(, $argument)*
        )
    };
}

/// What has this id. A route leads to its notification, a job to its game's runtime.
pub async fn by_id(conn: &mut PgConnection, id: Uuid) -> Result<Vec<Hit>, Error> {
    Ok(hits!(
        "SELECT 'user', user_id, coalesce(display_name, user_name), user_id, NULL::uuid, created_at FROM accounts WHERE user_id = $1
         UNION ALL
         SELECT 'game', game_id, name, owner_user_id, game_id, created_at FROM games WHERE game_id = $1
         UNION ALL
         SELECT 'application', application_id, race_name, user_id, game_id, created_at FROM applications WHERE application_id = $1
         UNION ALL
         SELECT 'invite', invite_id, status, coalesce(invited_user_id, inviter_user_id), game_id, created_at
           FROM invites WHERE invite_id = $1
         UNION ALL
         SELECT 'membership', membership_id, race_name, user_id, game_id, joined_at FROM memberships WHERE membership_id = $1
         UNION ALL
         SELECT 'session', device_session_id, status, user_id, NULL, created_at FROM device_sessions WHERE device_session_id = $1
         UNION ALL
         SELECT 'sanction', sanction_id, kind, user_id, NULL, starts_at FROM sanctions WHERE sanction_id = $1
         UNION ALL
         SELECT 'entitlement', entitlement_id, plan, user_id, NULL, created_at FROM entitlements WHERE entitlement_id = $1
         UNION ALL
         SELECT 'delivery', delivery_id, template_id, NULL, NULL, created_at FROM mail_deliveries WHERE delivery_id = $1
         UNION ALL
         SELECT 'notification', notification_id, kind, NULL, game_id, created_at FROM notifications WHERE notification_id = $1
         UNION ALL
         SELECT 'notification', n.notification_id, n.kind, r.user_id, n.game_id, n.created_at
           FROM notification_routes r JOIN notifications n USING (notification_id) WHERE r.route_id = $1
         UNION ALL
         SELECT 'runtime', game_id, kind, NULL, game_id, created_at FROM runtime_jobs WHERE job_id = $1
         UNION ALL
         SELECT 'audit_entry', audit_id, action, NULL, NULL, at FROM audit_log WHERE audit_id = $1",
        id
    )
    .fetch_all(conn)
    .await?)
}

/// The accounts of an address in any of these spellings, and the newest mails to the first of them.
pub async fn by_address(conn: &mut PgConnection, spellings: &[String]) -> Result<Vec<Hit>, Error> {
    Ok(hits!(
        "SELECT 'user', a.user_id, coalesce(a.display_name, a.user_name), a.user_id, NULL::uuid, a.created_at
           FROM identities i JOIN accounts a USING (user_id) WHERE i.kind = 'email' AND i.external_id = ANY ($1)
         UNION ALL
         SELECT 'delivery', d.delivery_id, d.template_id, NULL, NULL, d.created_at
           FROM (SELECT delivery_id FROM mail_recipients WHERE lower(address) = lower(($1::text[])[1])
                  ORDER BY lower(address) DESC, delivery_id DESC LIMIT $2) r
           JOIN mail_deliveries d USING (delivery_id)",
        spellings,
        OF_ONE_KIND
    )
    .fetch_all(conn)
    .await?)
}

/// Accounts that are not deleted, and games, whose names begin with something between `from` and `to`, in small letters. An account
/// that is found by both of its names is there twice.
pub async fn by_name(tx: &mut impl InTransaction, from: &str, to: &str) -> Result<Vec<Hit>, Error> {
    let conn = walk_in_order(tx).await?;
    Ok(hits!(
        "(SELECT 'user', user_id, coalesce(display_name, user_name), user_id, NULL::uuid, created_at FROM accounts
           WHERE user_name COLLATE \"C\" BETWEEN $1 AND $2 AND deleted_at IS NULL ORDER BY user_name COLLATE \"C\" LIMIT $3)
         UNION ALL
         (SELECT 'user', user_id, coalesce(display_name, user_name), user_id, NULL, created_at FROM accounts
           WHERE lower(display_name) COLLATE \"C\" BETWEEN lower($1) AND lower($2) AND deleted_at IS NULL
           ORDER BY lower(display_name) COLLATE \"C\" LIMIT $3)
         UNION ALL
         (SELECT 'game', game_id, name, owner_user_id, game_id, created_at FROM games
           WHERE lower(name) COLLATE \"C\" BETWEEN lower($1) AND lower($2) ORDER BY lower(name) COLLATE \"C\" LIMIT $3)",
        from,
        to,
        OF_ONE_KIND
    )
    .fetch_all(conn)
    .await?)
}

/// Runtimes whose container's id begins with something between `from` and `to`.
pub async fn by_container(tx: &mut impl InTransaction, from: &str, to: &str) -> Result<Vec<Hit>, Error> {
    let conn = walk_in_order(tx).await?;
    Ok(hits!(
        "(SELECT 'runtime', game_id, status, NULL::uuid, game_id, created_at FROM runtime_records
           WHERE container_id COLLATE \"C\" BETWEEN $1 AND $2 ORDER BY container_id COLLATE \"C\" LIMIT $3)",
        from,
        to,
        OF_ONE_KIND
    )
    .fetch_all(conn)
    .await?)
}

/// What a request with this id made.
pub async fn by_request(conn: &mut PgConnection, request_id: &str) -> Result<Vec<Hit>, Error> {
    Ok(hits!(
        "(SELECT 'audit_entry', audit_id, action, NULL::uuid, NULL::uuid, at FROM audit_log WHERE request_id = $1 LIMIT $2)
         UNION ALL
         (SELECT 'delivery', delivery_id, template_id, NULL, NULL, created_at FROM mail_deliveries WHERE request_id = $1 LIMIT $2)
         UNION ALL
         (SELECT 'notification', notification_id, kind, NULL, game_id, created_at FROM notifications WHERE request_id = $1 LIMIT $2)
         UNION ALL
         (SELECT 'runtime', game_id, kind, NULL, game_id, created_at FROM runtime_jobs WHERE request_id = $1 LIMIT $2)",
        request_id,
        OF_ONE_KIND
    )
    .fetch_all(conn)
    .await?)
}

#[cfg(test)]
mod tests {
    use crate::domain::search::HitKind;

    #[test]
    fn every_kind_that_a_statement_answers_is_a_word() {
        let source = include_str!("search.rs").split("#[cfg(test)]").next().unwrap_or_default();
        let mut found: Vec<&str> =
            source.split("SELECT '").skip(1).map(|rest| rest.split('\'').next().unwrap_or_default()).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, HitKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
    }
}
