//! What happened to an account or a game, gathered from the tables that know of it into one line of time (SPEC §5 admin). Each
//! table gives a page at most, down an index in the order of its ids, which begin with their times; of these the newest page
//! is read.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::InTransaction;
use super::lists::{below, walk_in_order};
use crate::ids::{GameId, UserId};
use crate::postgres::Error;

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The id of the row that tells of it.
    pub entry_id: Uuid,
    /// When the row was made.
    pub at: DateTime<Utc>,
    /// Which table: a word of [`TimelineSource`](crate::domain::timeline::TimelineSource).
    pub source: String,
    /// What: an action, an operation, a kind, a race's name.
    pub what: String,
    /// How it ended, or where it stands.
    pub outcome: Option<String>,
    /// The administrator who did it, or wrote it.
    pub actor: Option<String>,
    /// What else is known of it.
    pub detail: Option<String>,
    /// The account that it is of, in the line of a game.
    pub user_id: Option<UserId>,
    /// The game that it is of, in the line of an account.
    pub game_id: Option<GameId>,
}

/// What these branches know of, and the trail, whose target is the fourth argument.
macro_rules! entries {
    ($branches:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            Entry,
            r#"SELECT e.entry_id AS "entry_id!", e.at AS "at!", e.source AS "source!", e.what AS "what!", e.outcome, e.actor, e.detail,
                      e.user_id AS "user_id?: UserId", e.game_id AS "game_id?: GameId" FROM (
                 (SELECT audit_id, at, 'trail', action, outcome, actor, coalesce(reason, detail ->> 'reason'), NULL::uuid, NULL::uuid
                    FROM audit_log
                   WHERE (target_id, audit_id) < ($4, $2) AND target_id >= $4 ORDER BY target_id DESC, audit_id DESC LIMIT $3)
                 UNION ALL "#
            + $branches
            + ") AS e (entry_id, at, source, what, outcome, actor, detail, user_id, game_id) ORDER BY e.entry_id DESC LIMIT $3"
            $(, $argument)*
        )
    };
}

/// What happened to a game and its runtime, newest first, from below `before`.
pub async fn of_game(
    tx: &mut impl InTransaction,
    game_id: GameId,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let conn: &mut PgConnection = walk_in_order(tx).await?;
    // The trail of a game and that of its runtime have the same id as their target.
    Ok(entries!(
        "(SELECT operation_id, at, 'operation', op, outcome, NULL, detail, NULL, NULL FROM runtime_operations
           WHERE game_id = $1 AND operation_id < $2 ORDER BY operation_id DESC LIMIT $3)
         UNION ALL
         (SELECT job_id, created_at, 'job', kind, status, NULL, last_error, NULL, NULL FROM runtime_jobs
           WHERE game_id = $1 AND job_id < $2 ORDER BY job_id DESC LIMIT $3)
         UNION ALL
         (SELECT notification_id, created_at, 'notification', kind, status, NULL, last_error, NULL, NULL FROM notifications
           WHERE game_id IS NOT NULL AND (game_id, notification_id) < ($1, $2) AND game_id >= $1
           ORDER BY game_id DESC, notification_id DESC LIMIT $3)
         UNION ALL
         (SELECT application_id, created_at, 'application', race_name, status, NULL, NULL, user_id, NULL FROM applications
           WHERE game_id = $1 AND application_id < $2 ORDER BY application_id DESC LIMIT $3)
         UNION ALL
         (SELECT membership_id, joined_at, 'membership', race_name, status, NULL, NULL, user_id, NULL FROM memberships
           WHERE game_id = $1 AND membership_id < $2 ORDER BY membership_id DESC LIMIT $3)
         UNION ALL
         (SELECT note_id, created_at, 'note', 'note', NULL, author, text, NULL, NULL FROM notes
           WHERE game_id = $1 AND note_id < $2 ORDER BY note_id DESC LIMIT $3)",
        game_id.uuid(),
        below(before),
        limit,
        game_id.to_string()
    )
    .fetch_all(conn)
    .await?)
}

/// What happened to an account, newest first, from below `before`. Mails are those to addresses that it has now.
pub async fn of_user(
    tx: &mut impl InTransaction,
    user_id: UserId,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let conn: &mut PgConnection = walk_in_order(tx).await?;
    Ok(entries!(
        "(SELECT device_session_id, created_at, 'session', 'session', status, NULL, revoke_reason, NULL, NULL FROM device_sessions
           WHERE user_id = $1 AND device_session_id < $2 ORDER BY device_session_id DESC LIMIT $3)
         UNION ALL
         (SELECT application_id, created_at, 'application', race_name, status, NULL, NULL, NULL, game_id FROM applications
           WHERE user_id = $1 AND application_id < $2 ORDER BY application_id DESC LIMIT $3)
         UNION ALL
         (SELECT membership_id, joined_at, 'membership', race_name, status, NULL, NULL, NULL, game_id FROM memberships
           WHERE user_id = $1 AND membership_id < $2 ORDER BY membership_id DESC LIMIT $3)
         UNION ALL
         (SELECT note_id, created_at, 'note', 'note', NULL, author, text, NULL, NULL FROM notes
           WHERE user_id = $1 AND note_id < $2 ORDER BY note_id DESC LIMIT $3)
         UNION ALL
         SELECT d.delivery_id, d.created_at, 'mail', d.template_id, d.status, NULL, d.last_error, NULL, NULL
           FROM identities i
          CROSS JOIN LATERAL (
                SELECT delivery_id FROM mail_recipients WHERE lower(address) = lower(i.external_id) AND delivery_id < $2
                 ORDER BY lower(address) DESC, delivery_id DESC LIMIT $3) r
          CROSS JOIN LATERAL (SELECT * FROM mail_deliveries m WHERE m.delivery_id = r.delivery_id OFFSET 0) d
          WHERE i.user_id = $1 AND i.kind = 'email'",
        user_id.uuid(),
        below(before),
        limit,
        user_id.to_string()
    )
    .fetch_all(conn)
    .await?)
}
