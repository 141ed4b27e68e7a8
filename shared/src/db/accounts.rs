//! Accounts, identities, entitlements and sanctions (SPEC §6).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::InTransaction;
use super::lists::below;
use super::sanctions::Sanction;
use crate::domain::account::{IdentityKind, SanctionKind, canonical_user_name};
use crate::domain::email::Address;
use crate::domain::plan::Plan;
use crate::ids::{IdentityId, UserId};
use crate::postgres::Error;

/// An account with what every reader wants beside it, read in one statement.
#[derive(Debug, Clone)]
pub struct Account {
    /// The account's id.
    pub user_id: UserId,
    /// Unique handle.
    pub user_name: String,
    /// Free name, if set.
    pub display_name: Option<String>,
    /// The e-mail identity's address, if there is one.
    pub email: Option<String>,
    /// BCP 47.
    pub preferred_language: String,
    /// IANA.
    pub time_zone: String,
    /// ISO 3166-1 alpha-2.
    pub declared_country: Option<String>,
    /// Registration.
    pub created_at: DateTime<Utc>,
    /// Soft deletion.
    pub deleted_at: Option<DateTime<Utc>>,
    /// The plan in force; `None` is free since registration.
    pub entitlement: Option<Entitlement>,
    /// Sanctions in force.
    pub sanctions: Vec<Sanction>,
}

/// A granted plan.
#[derive(Debug, Clone)]
pub struct Entitlement {
    /// Which.
    pub plan: Plan,
    /// Who or what granted it.
    pub source: String,
    /// The moment from which it is in force.
    pub starts_at: DateTime<Utc>,
    /// Until when; never, if `None`.
    pub ends_at: Option<DateTime<Utc>>,
}

/// A row of the statement below, flat.
struct Row {
    user_id: UserId,
    user_name: String,
    display_name: Option<String>,
    preferred_language: String,
    time_zone: String,
    declared_country: Option<String>,
    created_at: DateTime<Utc>,
    deleted_at: Option<DateTime<Utc>>,
    email: Option<String>,
    plan: Option<Plan>,
    source: Option<String>,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    sanctions: sqlx::types::Json<Vec<Sanction>>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Self {
        Self {
            user_id: row.user_id,
            user_name: row.user_name,
            display_name: row.display_name,
            email: row.email,
            preferred_language: row.preferred_language,
            time_zone: row.time_zone,
            declared_country: row.declared_country,
            created_at: row.created_at,
            deleted_at: row.deleted_at,
            entitlement: match (row.plan, row.source, row.starts_at) {
                (Some(plan), Some(source), Some(starts_at)) => {
                    Some(Entitlement { plan, source, starts_at, ends_at: row.ends_at })
                }
                _ => None,
            },
            sanctions: row.sanctions.0,
        }
    }
}

/// Whole accounts that a condition chooses, newest first.
macro_rules! accounts {
    ($condition:literal $(+ $more:literal)*; $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            r#"SELECT a.user_id AS "user_id: UserId", a.user_name, a.display_name, a.preferred_language, a.time_zone, a.declared_country,
                      a.created_at, a.deleted_at,
                      (SELECT external_id FROM identities WHERE user_id = a.user_id AND kind = 'email' ORDER BY identity_id LIMIT 1)
                      AS email,
                      e.plan AS "plan?", e.source AS "source?", e.starts_at AS "starts_at?", e.ends_at AS "ends_at?",
                      array_to_json(ARRAY(SELECT s FROM sanctions s
                        WHERE s.user_id = a.user_id AND s.lifted_at IS NULL AND s.starts_at <= statement_timestamp()
                          AND (s.ends_at IS NULL OR s.ends_at > statement_timestamp()) ORDER BY s.sanction_id))
                      AS "sanctions!: sqlx::types::Json<Vec<Sanction>>"
                 FROM accounts a
                 LEFT JOIN entitlements e ON e.user_id = a.user_id AND e.superseded_at IS NULL AND e.starts_at <= statement_timestamp()
                       AND (e.ends_at IS NULL OR e.ends_at > statement_timestamp())
                WHERE "# + $condition $(+ $more)* + " ORDER BY a.user_id DESC",
            $($argument),*
        )
    };
}

/// The account, deleted or not.
pub async fn get(conn: &mut PgConnection, user_id: UserId) -> Result<Option<Account>, Error> {
    let row = accounts!("a.user_id = $1"; user_id as UserId).fetch_optional(conn).await?;
    Ok(row.map(Into::into))
}

/// What administrators look for; `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Search<'a> {
    /// The address of an e-mail identity, normalised.
    pub email: Option<&'a str>,
    /// The least and the greatest user name, or display name in any case, in the order of bytes.
    pub name: Option<(&'a str, &'a str)>,
    /// The kind of a sanction in force.
    pub sanction: Option<SanctionKind>,
    /// The plan in force.
    pub plan: Option<Plan>,
}

/// Accounts, deleted ones too, newest first, from below `before`: one statement, led by the index of the rarest condition.
pub async fn list(
    conn: &mut PgConnection,
    search: &Search<'_>,
    before: Option<UserId>,
    limit: i64,
) -> Result<Vec<Account>, Error> {
    let (from, to) = search.name.unzip();
    let email = search.email.map(|address| spellings(IdentityKind::Email, address));
    // The conditions that do not lead filter what the leading one found. What stands beside an account is looked up for the page
    // alone: as an array it is few rows to the planner, whatever it thinks of a limit that it does not know.
    macro_rules! led_by {
        ($lead:literal) => {
            accounts!(
                "a.user_id = ANY (ARRAY("
                + $lead
                + " AND a.user_id < $6
                  AND ($1::text[] IS NULL OR EXISTS (SELECT FROM identities i WHERE i.user_id = a.user_id
                      AND i.kind = 'email' AND i.external_id = ANY ($1)))
                  AND ($2::text IS NULL OR a.user_name COLLATE \"C\" BETWEEN $2 AND $3
                       OR lower(a.display_name) COLLATE \"C\" BETWEEN lower($2) AND lower($3))
                  AND ($4::text IS NULL OR EXISTS (SELECT FROM sanctions s WHERE s.user_id = a.user_id AND s.kind = $4
                      AND s.lifted_at IS NULL
                       AND s.starts_at <= statement_timestamp() AND (s.ends_at IS NULL OR s.ends_at > statement_timestamp())))
                  AND ($5::text IS NULL
                      OR $5 = coalesce((SELECT e.plan FROM entitlements e WHERE e.user_id = a.user_id AND e.superseded_at IS NULL
                       AND e.starts_at <= statement_timestamp() AND (e.ends_at IS NULL OR e.ends_at > statement_timestamp())), 'free'))
                ORDER BY a.user_id DESC LIMIT $7))";
                email.as_deref(), from, to, search.sanction.map(SanctionKind::as_str), search.plan.map(Plan::as_str), below(before), limit
            )
            .fetch_all(conn)
            .await
        };
    }
    let rows = if search.email.is_some() {
        led_by!(
            "SELECT a.user_id FROM identities d JOIN accounts a USING (user_id) WHERE d.kind = 'email' AND d.external_id = ANY ($1)"
        )
    } else if search.name.is_some() {
        led_by!(
            // Gathered whole before the rest is asked of it, or a plan for any values gathers all accounts below $6 too.
            "SELECT a.user_id FROM (SELECT user_id, user_name, display_name FROM accounts
                WHERE user_name COLLATE \"C\" BETWEEN $2 AND $3 OR lower(display_name) COLLATE \"C\" BETWEEN lower($2) AND lower($3)
                OFFSET 0) a WHERE true"
        )
    } else if search.sanction.is_some() {
        led_by!(
            "SELECT a.user_id FROM (SELECT DISTINCT user_id FROM sanctions WHERE kind = $4 AND lifted_at IS NULL AND user_id < $6
                                     ORDER BY user_id DESC) d
               JOIN accounts a USING (user_id) WHERE true"
        )
    } else if search.plan.is_some_and(|plan| plan != Plan::Free) {
        led_by!(
            "SELECT a.user_id FROM entitlements d JOIN accounts a USING (user_id) WHERE d.plan = $5 AND d.superseded_at IS NULL
                AND d.user_id < $6"
        )
    } else {
        led_by!("SELECT a.user_id FROM accounts a WHERE true")
    };
    Ok(rows?.into_iter().map(Into::into).collect())
}

/// The kinds of the sanctions in force on an existing account; `None` where there is no such account (any more).
/// Read on every request of the user group (SPEC §15).
pub async fn standing(conn: &mut PgConnection, user_id: UserId) -> Result<Option<Vec<SanctionKind>>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT ARRAY(SELECT kind FROM sanctions s
                         WHERE s.user_id = a.user_id AND s.lifted_at IS NULL AND s.starts_at <= statement_timestamp()
                           AND (s.ends_at IS NULL OR s.ends_at > statement_timestamp())) AS "kinds!: Vec<SanctionKind>"
             FROM accounts a WHERE a.user_id = $1 AND a.deleted_at IS NULL"#,
        user_id as UserId
    )
    .fetch_optional(conn)
    .await?)
}

/// Keeps an existing account from being deleted or sanctioned until the transaction ends, and answers as [`standing`]: what
/// was committed before is seen, what comes later waits. Any number of transactions may hold an account at once.
pub async fn hold(tx: &mut impl InTransaction, user_id: UserId) -> Result<Option<Vec<SanctionKind>>, Error> {
    let conn = &mut **tx;
    let there = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM accounts WHERE user_id = $1 AND deleted_at IS NULL FOR SHARE"#,
        user_id as UserId
    )
    .fetch_optional(&mut *conn)
    .await?;
    // Read by a statement of its own: a statement that waits for a lock does not see what was committed meanwhile.
    if there.is_some() { standing(conn, user_id).await } else { Ok(None) }
}

/// Keeps existing accounts from being deleted until the transaction ends, and answers which of these are there. For who is
/// about to write down something that a deletion would erase. Before any other lock, as a deletion takes the account's first.
pub async fn hold_all(conn: &mut PgConnection, users: &[UserId]) -> Result<Vec<UserId>, Error> {
    let users: Vec<uuid::Uuid> = users.iter().map(|user| user.uuid()).collect();
    Ok(sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id: UserId" FROM accounts WHERE user_id = ANY ($1) AND deleted_at IS NULL ORDER BY user_id FOR SHARE"#,
        &users
    )
    .fetch_all(conn)
    .await?)
}

/// Locks an existing account until the transaction ends; false where there is none (any more). For who changes it, or counts
/// what it has. The lock order is games by id, account, everything else.
pub async fn lock(tx: &mut impl InTransaction, user_id: UserId) -> Result<bool, Error> {
    let there = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM accounts WHERE user_id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE"#,
        user_id as UserId
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(there.is_some())
}

/// An account to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewAccount<'a> {
    /// The account's id.
    pub user_id: UserId,
    /// Unique handle.
    pub user_name: &'a str,
    /// Free name.
    pub display_name: Option<&'a str>,
    /// BCP 47.
    pub preferred_language: &'a str,
    /// IANA.
    pub time_zone: &'a str,
    /// ISO 3166-1 alpha-2.
    pub declared_country: Option<&'a str>,
}

/// The identity of an account to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewIdentity<'a> {
    /// Where it is from.
    pub kind: IdentityKind,
    /// Normalised.
    pub external_id: &'a str,
    /// Under which hashes sanctions of a former account of this identity may wait ([`super::sanctions::carry`]).
    pub hashes: &'a [Vec<u8>],
}

/// Makes an account and gives it an identity, if there is one, and the sanctions that wait for the identity, in one statement, which is a
/// transaction of its own where there is none; false when its `user_name`, or one that looks like it, is taken. An identity that is owned
/// already is the constraint `identities_kind_external_id_key`: nothing is made then.
///
/// Who calls has looked for the identity and found it free: a deletion that freed it was committed before this statement began, and what
/// waits is seen.
pub async fn insert(
    conn: &mut PgConnection,
    account: &NewAccount<'_>,
    identity: Option<&NewIdentity<'_>>,
) -> Result<bool, Error> {
    Ok(sqlx::query_scalar!(
        r#"WITH account AS (
             INSERT INTO accounts (user_id, user_name, canonical_user_name, display_name, preferred_language, time_zone, declared_country)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING user_id),
           identity AS (
             INSERT INTO identities (identity_id, user_id, kind, external_id)
             SELECT $8, user_id, $9, $10 FROM account WHERE $9::text IS NOT NULL),
           carried AS (
             DELETE FROM carried_sanctions WHERE identity_hash = ANY ($11) AND EXISTS (SELECT FROM account)
             RETURNING sanction_id, kind, actor, starts_at, ends_at),
           sanction AS (
             INSERT INTO sanctions (sanction_id, user_id, kind, reason, actor, starts_at, ends_at)
             SELECT c.sanction_id, a.user_id, c.kind, $12, c.actor, c.starts_at, c.ends_at FROM carried c CROSS JOIN account a
              WHERE c.ends_at IS NULL OR c.ends_at > statement_timestamp())
           SELECT EXISTS (SELECT FROM account) AS "made!""#,
        account.user_id as UserId,
        account.user_name,
        canonical_user_name(account.user_name),
        account.display_name,
        account.preferred_language,
        account.time_zone,
        account.declared_country,
        IdentityId::new() as IdentityId,
        identity.map(|identity| identity.kind.as_str()),
        identity.map(|identity| identity.external_id),
        identity.map_or(&[][..], |identity| identity.hashes),
        super::sanctions::CARRIED
    )
    .fetch_one(conn)
    .await?)
}

/// The identities of an account.
pub async fn identities(conn: &mut PgConnection, user_id: UserId) -> Result<Vec<(IdentityKind, String)>, Error> {
    let rows = sqlx::query!("SELECT kind, external_id FROM identities WHERE user_id = $1", user_id as UserId)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.external_id)).collect())
}

/// The account that owns an identity. An address is looked for in the spellings of former times as well; where two accounts
/// were made for two of them, the one with the normal form is the answer.
pub async fn by_identity(
    conn: &mut PgConnection,
    kind: IdentityKind,
    external_id: &str,
) -> Result<Option<UserId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id: UserId" FROM identities WHERE kind = $1 AND external_id = ANY ($2)
            ORDER BY array_position($2, external_id) LIMIT 1"#,
        kind.as_str(),
        &spellings(kind, external_id)
    )
    .fetch_optional(conn)
    .await?)
}

/// The IANA time zone of the account that owns an identity.
pub async fn time_zone_of(
    conn: &mut PgConnection,
    kind: IdentityKind,
    external_id: &str,
) -> Result<Option<String>, Error> {
    Ok(sqlx::query_scalar!(
        "SELECT a.time_zone FROM identities i JOIN accounts a USING (user_id)
         WHERE i.kind = $1 AND i.external_id = ANY($2) ORDER BY array_position($2, i.external_id) LIMIT 1",
        kind.as_str(),
        &spellings(kind, external_id)
    )
    .fetch_optional(conn)
    .await?)
}

/// Under which ids an identity may be kept.
fn spellings(kind: IdentityKind, external_id: &str) -> Vec<String> {
    match Address::parse(external_id) {
        Ok(address) if kind == IdentityKind::Email => address.spellings(),
        _ => vec![external_id.to_owned()],
    }
}

/// The account with a user name, if it was not deleted.
pub async fn user_named(conn: &mut PgConnection, user_name: &str) -> Result<Option<UserId>, Error> {
    Ok(sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id: UserId" FROM accounts WHERE user_name = $1 AND deleted_at IS NULL"#,
        user_name
    )
    .fetch_optional(conn)
    .await?)
}

/// Keeps accounts' addresses from being freed until the transaction ends, and answers those that are there: one that is
/// missing was freed before. For who is about to write them down somewhere else.
pub async fn hold_addresses(conn: &mut PgConnection, holders: &[(UserId, &str)]) -> Result<Vec<String>, Error> {
    let users: Vec<uuid::Uuid> = holders.iter().map(|(user, _)| user.uuid()).collect();
    let addresses: Vec<String> = holders.iter().map(|(_, address)| (*address).to_owned()).collect();
    Ok(sqlx::query_scalar!(
        "SELECT i.external_id FROM unnest($1::uuid[], $2::text[]) AS h (user_id, address)
           JOIN identities i ON i.kind = 'email' AND i.external_id = h.address AND i.user_id = h.user_id
          FOR KEY SHARE OF i",
        &users,
        &addresses
    )
    .fetch_all(conn)
    .await?)
}

/// A change of profile or settings: `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct ProfileChange<'a> {
    /// New handle.
    pub user_name: Option<&'a str>,
    /// New free name; `Some(None)` clears it.
    pub display_name: Option<Option<&'a str>>,
    /// New language.
    pub preferred_language: Option<&'a str>,
    /// New zone.
    pub time_zone: Option<&'a str>,
}

/// Applies a change; false where there is no such account (any more). A taken `user_name` is the constraint
/// `accounts_user_name_key`, one that looks like another's `accounts_canonical_user_name_key`.
pub async fn change_profile(
    conn: &mut PgConnection,
    user_id: UserId,
    change: &ProfileChange<'_>,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "UPDATE accounts SET user_name = coalesce($2, user_name),
                canonical_user_name = CASE WHEN $2::text IS NULL THEN canonical_user_name ELSE $7 END,
                display_name = CASE WHEN $3 THEN $4 ELSE display_name END,
                preferred_language = coalesce($5, preferred_language),
                time_zone = coalesce($6, time_zone),
                updated_at = clock_timestamp()
          WHERE user_id = $1 AND deleted_at IS NULL",
        user_id as UserId,
        change.user_name,
        change.display_name.is_some(),
        change.display_name.flatten(),
        change.preferred_language,
        change.time_zone,
        change.user_name.and_then(canonical_user_name)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
