//! Soft deletion (SPEC §6): the account's row stays, and everything that tells who the person was goes. `docs/accounts.md`
//! lists what is erased where, and what stays because it belongs to others.

use sqlx::PgConnection;
use uuid::Uuid;

use super::InTransaction;
use crate::domain::account::IdentityKind;
use crate::domain::email;
use crate::domain::notification::Kind;
use crate::ids::UserId;
use crate::postgres::Error;

/// Deletes an account softly and erases the person from everywhere, in the caller's transaction; false where there is no
/// such account (any more). The caller holds the locks of the account's games and of the account, and has ended what it took
/// part in and its sessions.
///
/// The order is part of the rules: addresses are freed before mails are looked for, so that a mail that is being written to
/// one either is seen here or is not written ([`super::accounts::hold_addresses`]); rows of queues are locked by id, as the
/// workers lock them; what a sign-in holds is passed over, since it may be waiting for this account; and the account's own
/// row is written last, since its unique names take the strongest lock of all.
pub async fn erase(tx: &mut impl InTransaction, user_id: UserId) -> Result<bool, Error> {
    let addresses = free_identities(tx, user_id).await?;
    if !addresses.is_empty() {
        forget_sign_ins(tx, &addresses).await?;
        remove_mails(tx, &addresses).await?;
    }
    remove_words_to_others(tx, user_id).await?;
    scrub_notifications(tx, user_id).await?;
    scrub_own_rows(tx, user_id).await?;
    scrub_trail(tx, user_id).await?;
    let done = sqlx::query!(
        "UPDATE accounts
            SET user_name = 'deleted-' || replace(user_id::text, '-', ''), canonical_user_name = NULL, display_name = NULL,
                preferred_language = 'und', time_zone = 'UTC', declared_country = NULL,
                limit_private_games = NULL, limit_memberships = NULL, limit_race_names = NULL,
                deleted_at = clock_timestamp(), updated_at = clock_timestamp()
          WHERE user_id = $1 AND deleted_at IS NULL",
        user_id as UserId
    )
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Frees the account's identities for others and answers its addresses.
async fn free_identities(conn: &mut PgConnection, user_id: UserId) -> Result<Vec<String>, Error> {
    let freed =
        sqlx::query!("DELETE FROM identities WHERE user_id = $1 RETURNING kind, external_id", user_id as UserId)
            .fetch_all(conn)
            .await?;
    Ok(freed.into_iter().filter(|i| i.kind == IdentityKind::Email).map(|i| i.external_id).collect())
}

/// Codes that were asked for before open nothing afterwards. One that is being confirmed at this moment is its own
/// transaction's, makes a new account or none, and is removed with its age.
async fn forget_sign_ins(conn: &mut PgConnection, addresses: &[String]) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM auth_challenges WHERE challenge_id = ANY (ARRAY(
             SELECT challenge_id FROM auth_challenges WHERE address = ANY ($1) FOR UPDATE SKIP LOCKED))",
        addresses
    )
    .execute(&mut *conn)
    .await?;
    // What is counted is counted for the mailbox, and names the person as well.
    let mailboxes: Vec<String> = addresses.iter().map(|address| email::mailbox(address)).collect();
    sqlx::query!(
        "DELETE FROM auth_addresses WHERE address = ANY (ARRAY(
             SELECT address FROM auth_addresses WHERE address = ANY ($1) FOR UPDATE SKIP LOCKED))",
        &mailboxes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes what was or is to be mailed to the addresses, whatever its state: a worker that has it finds at its next step that
/// it is gone. Mails for administrators are not the person's, even where one of them had the same address.
async fn remove_mails(conn: &mut PgConnection, addresses: &[String]) -> Result<(), Error> {
    let administrators: Vec<String> =
        Kind::ALL.iter().filter(|kind| kind.for_administrators()).map(|kind| kind.as_str().to_owned()).collect();
    let ids = sqlx::query_scalar!(
        "SELECT delivery_id FROM mail_deliveries
          WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM mail_recipients
              WHERE lower(address) = ANY (ARRAY(SELECT lower(a) FROM unnest($1::text[]) a))))
            AND NOT template_id = ANY ($2)
          ORDER BY delivery_id FOR UPDATE",
        addresses,
        &administrators
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM mail_recipients WHERE delivery_id = ANY ($1) AND address = ANY ($2)", &ids, addresses)
        .execute(&mut *conn)
        .await?;
    // With payload, attempts and dead letter. A mail that somebody else gets too stays theirs.
    sqlx::query!(
        "DELETE FROM mail_deliveries d
          WHERE d.delivery_id = ANY ($1) AND NOT EXISTS (SELECT FROM mail_recipients r WHERE r.delivery_id = d.delivery_id)",
        &ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Mails to others that name the user are those of their invites, which ended with them: those that are not sent yet go,
/// and of the others only that there was one stays.
async fn remove_words_to_others(conn: &mut PgConnection, user_id: UserId) -> Result<(), Error> {
    let ids = sqlx::query_scalar!(
        "SELECT d.delivery_id FROM invites i
           JOIN notifications n ON n.kind = $2 AND n.idempotency_key = i.invite_id::text
           JOIN notification_routes r ON r.notification_id = n.notification_id AND r.channel = 'email'
           JOIN mail_deliveries d ON d.template_id = $2 AND d.idempotency_key = r.route_id::text
          WHERE i.inviter_user_id = $1 ORDER BY d.delivery_id FOR UPDATE OF d",
        user_id as UserId,
        Kind::LobbyInviteReceived.as_str()
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM mail_deliveries WHERE delivery_id = ANY ($1) AND status IN ('pending', 'retrying', 'sending')",
        &ids
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE mail_payloads SET subject = NULL, body_text = NULL, body_html = NULL, wiped_at = clock_timestamp()
          WHERE delivery_id = ANY ($1) AND wiped_at IS NULL",
        &ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the person out of the notifications that name them, and the words about them out of those that were theirs
/// alone. The rows stay: others may be waiting behind them.
async fn scrub_notifications(conn: &mut PgConnection, user_id: UserId) -> Result<(), Error> {
    let ids = sqlx::query_scalar!(
        "SELECT notification_id FROM notifications WHERE audience = 'users' AND user_ids @> ARRAY[$1::uuid]
          ORDER BY notification_id FOR NO KEY UPDATE",
        user_id as UserId
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!(
        r#"UPDATE notifications
              SET user_ids = array_remove(user_ids, $2),
                  payload = CASE WHEN user_ids <@ ARRAY[$2::uuid]
                                 THEN payload || CASE WHEN payload ? 'race_name' THEN '{"race_name": ""}'::jsonb ELSE '{}' END
                                              || CASE WHEN payload ? 'reason' THEN '{"reason": ""}'::jsonb ELSE '{}' END
                                 ELSE payload END
            WHERE notification_id = ANY ($1)"#,
        &ids as &[Uuid],
        user_id as UserId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Where the user called from, keys of their devices, keys of their requests, and what administrators wrote about them.
async fn scrub_own_rows(conn: &mut PgConnection, user_id: UserId) -> Result<(), Error> {
    super::countries::erase(&mut *conn, user_id).await?;
    sqlx::query!(
        "UPDATE device_sessions SET client_public_key = NULL WHERE user_id = $1 AND client_public_key IS NOT NULL",
        user_id as UserId
    )
    .execute(&mut *conn)
    .await?;
    let owner = user_id.to_string();
    sqlx::query!(
        "UPDATE games SET idempotency_owner = NULL, idempotency_key = NULL, idempotency_hash = NULL WHERE idempotency_owner = $1",
        owner
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE applications SET idempotency_owner = NULL, idempotency_key = NULL, idempotency_hash = NULL WHERE idempotency_owner = $1",
        owner
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE invites SET idempotency_owner = NULL, idempotency_key = NULL, idempotency_hash = NULL WHERE idempotency_owner = $1",
        owner
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("DELETE FROM notes WHERE user_id = $1", user_id as UserId).execute(&mut *conn).await?;
    sqlx::query!("UPDATE sanctions SET reason = '' WHERE user_id = $1 AND reason <> ''", user_id as UserId)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("UPDATE entitlements SET reason = NULL WHERE user_id = $1 AND reason IS NOT NULL", user_id as UserId)
        .execute(&mut *conn)
        .await?;
    // A public game goes on under the administrators; a private one must have an owner, and keeps one who is nobody now.
    sqlx::query!(
        "UPDATE games SET owner_user_id = NULL, updated_at = clock_timestamp()
          WHERE owner_user_id = $1 AND visibility = 'public' AND status NOT IN ('finished', 'cancelled')",
        user_id as UserId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What administrators did to the account stays in the trail; free words about the person do not.
async fn scrub_trail(conn: &mut PgConnection, user_id: UserId) -> Result<(), Error> {
    // As the function's owner: whoever runs this may append to the trail and not change it.
    sqlx::query!("SELECT scrub_trail($1)", user_id as UserId).fetch_one(conn).await?;
    Ok(())
}
