//! From which countries users call (SPEC §14).

use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::country::CountryCode;
use crate::ids::UserId;
use crate::postgres::Error;

/// Requests of a user from a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requests {
    /// The account that made the requests.
    pub user_id: UserId,
    /// The country that they came from.
    pub country: CountryCode,
    /// How many.
    pub count: i64,
}

/// Adds to the counters, in one statement; each user and country stands in `requests` once. Deleted accounts are left out: the
/// others are held, so that a deletion under way is waited for and seen, and one that comes later erases what is written here.
///
/// Rows are written in the order of their key, so that replicas which count the same users wait for each other, and never
/// in a circle.
pub async fn add(conn: &mut PgConnection, requests: &[Requests]) -> Result<(), Error> {
    let users: Vec<Uuid> = requests.iter().map(|r| r.user_id.uuid()).collect();
    let countries: Vec<String> = requests.iter().map(|r| r.country.to_string()).collect();
    let counts: Vec<i64> = requests.iter().map(|r| r.count).collect();
    sqlx::query!(
        "WITH held AS MATERIALIZED (
           SELECT user_id FROM accounts WHERE user_id = ANY ($1) AND deleted_at IS NULL ORDER BY user_id FOR SHARE)
         INSERT INTO user_countries AS c (user_id, country, count)
         SELECT r.user_id, r.country, r.count FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS r(user_id, country, count)
           JOIN held USING (user_id)
          ORDER BY r.user_id, r.country
         ON CONFLICT ON CONSTRAINT user_countries_pkey DO UPDATE SET count = c.count + excluded.count",
        &users,
        &countries,
        &counts
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The countries of a user and their requests from each, most first; `None` where there is no such account.
pub async fn list(conn: &mut PgConnection, user_id: UserId) -> Result<Option<Vec<(String, i64)>>, Error> {
    // The account stands in a row of its own where it has no countries: one statement tells both.
    let rows = sqlx::query!(
        r#"SELECT c.country AS "country?", c.count AS "count?"
             FROM accounts a LEFT JOIN user_countries c ON c.user_id = a.user_id
            WHERE a.user_id = $1 ORDER BY c.count DESC, c.country"#,
        user_id as UserId
    )
    .fetch_all(conn)
    .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(rows.into_iter().filter_map(|r| Some((r.country?, r.count?))).collect()))
}

/// Forgets where a user called from: part of the erasure of their account.
pub async fn erase(conn: &mut PgConnection, user_id: UserId) -> Result<(), Error> {
    sqlx::query!("DELETE FROM user_countries WHERE user_id = $1", user_id as UserId).execute(conn).await?;
    Ok(())
}
