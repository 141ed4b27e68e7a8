//! The calls that are measured, what each must be answered with, and what bounds it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use testkit::TestDb;

use crate::game::Game;
use crate::replica::GATEWAY_TOKEN;

/// The request that comes with a number; the numbers run over the accounts.
type Request = Arc<dyn Fn(u32) -> Vec<u8> + Send + Sync>;

/// What a call has to reach.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// It is there to be compared with.
    None,
    /// So many a second, on the machine that issue figures are of.
    PerSecond(f64),
    /// Such a part of what pgbench does.
    OfLimit(f64),
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("–"),
            Self::PerSecond(rate) => write!(f, "≥ {rate:.0}/s"),
            Self::OfLimit(part) => write!(f, "≥ {part:.2} of pgbench"),
        }
    }
}

/// A call.
pub struct Call {
    /// Its name in the table.
    pub name: &'static str,
    /// Makes the requests.
    pub request: Request,
    /// What each is answered with.
    pub status: u16,
    /// The statement that pgbench runs beside it, with `:id` where the id of an account stands.
    pub statements: Option<String>,
    /// The bar.
    pub bar: Bar,
}

/// The ids of accounts, and of the session of each.
pub struct Ids {
    accounts: Arc<[String]>,
    sessions: Arc<[String]>,
}

impl Ids {
    /// As [`seed`] made them.
    pub async fn read(db: &TestDb, accounts: u32) -> Result<Self> {
        let sql = "SELECT (md5('account-' || n)::uuid)::text, (md5('session-' || n)::uuid)::text FROM generate_series(0, $1::int - 1) n";
        let rows: Vec<(String, String)> =
            sqlx::query_as(sql).bind(i32::try_from(accounts)?).fetch_all(&db.pool()).await?;
        let (accounts, sessions): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        Ok(Self { accounts: accounts.into(), sessions: sessions.into() })
    }
}

/// One after the other, but far from the one before.
fn one(ids: &[String], n: u32) -> &str {
    ids.get(n as usize * 7919 % ids.len().max(1)).map_or("", String::as_str)
}

/// The token of the session of account `n`.
fn token(n: u32) -> String {
    format!("{n:043}")
}

/// All of them.
pub fn all(ids: &Ids, game: &Game) -> Vec<Call> {
    // Every round makes new ones.
    let newcomers = Arc::new(AtomicU32::new(0));
    let addresses = newcomers.clone();
    let tokens = u32::try_from(ids.sessions.len()).unwrap_or(u32::MAX).max(1);
    let (sessions, account, player) = (ids.sessions.clone(), ids.accounts.clone(), ids.accounts.clone());
    let get = |path: &str, user: Option<&str>| bytes("GET", path, user, None);
    let post = |path: &str, user: Option<&str>, body: &str| bytes("POST", path, user, Some(body));
    let mut calls = vec![
        Call {
            name: "bare",
            request: Arc::new(move |_| bytes("GET", "/healthz", None, None)),
            status: 200,
            statements: None,
            bar: Bar::None,
        },
        Call {
            name: "session",
            request: Arc::new(move |n| get(&format!("/api/v1/internal/sessions/{}", one(&sessions, n)), None)),
            status: 200,
            statements: statement("FROM device_sessions WHERE device_session_id = $1", "session"),
            bar: Bar::OfLimit(14_000.0 / 34_000.0),
        },
        Call {
            name: "resolve",
            request: Arc::new(move |n| {
                let body = format!(r#"{{"session_token":"{}"}}"#, token(n % tokens));
                post("/api/v1/internal/sessions/resolve", None, &body)
            }),
            status: 200,
            statements: None,
            bar: Bar::None,
        },
        Call {
            name: "account",
            request: Arc::new(move |n| get("/api/v1/user/account", Some(one(&account, n)))),
            status: 200,
            statements: statement("FROM device_sessions WHERE device_session_id = $1", "session"),
            bar: Bar::OfLimit(0.26),
        },
        Call {
            name: "my games",
            request: Arc::new(move |n| get("/api/v1/user/lobby/my/games", Some(one(&player, n)))),
            status: 200,
            statements: None,
            bar: Bar::None,
        },
        Call {
            name: "registration",
            request: Arc::new(move |_| {
                let n = newcomers.fetch_add(1, Ordering::Relaxed);
                let body = format!(r#"{{"kind":"telegram","external_id":"{n}","display_name":"Ada"}}"#);
                post("/api/v1/internal/identities/provision", None, &body)
            }),
            status: 200,
            statements: None,
            bar: Bar::PerSecond(3_000.0),
        },
        Call {
            name: "code request",
            request: Arc::new(move |_| {
                let n = addresses.fetch_add(1, Ordering::Relaxed);
                let body = format!(r#"{{"email":"newcomer-{n}@example.org"}}"#);
                post("/api/v1/public/auth/send-email-code", None, &body)
            }),
            status: 202,
            statements: None,
            bar: Bar::None,
        },
    ];
    let (path, member) = (format!("/api/v1/user/games/{}/orders", game.id), game.members[0].clone());
    calls.push(Call {
        name: "orders",
        request: Arc::new(move |_| post(&path, Some(&member), r#"{"turn":0,"orders":[]}"#)),
        status: 200,
        statements: None,
        bar: Bar::None,
    });
    calls
}

fn bytes(method: &str, path: &str, user: Option<&str>, body: Option<&str>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {GATEWAY_TOKEN}\r\n");
    if let Some(user) = user {
        text.push_str(&format!("x-user-id: {user}\r\n"));
    }
    if let Some(body) = body {
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body.unwrap_or_default());
    text.into_bytes()
}

/// One of the product's own statements, of which `marker` is a part, as pgbench takes it: with the id of the row of `what` that
/// a random number names in the place of its parameter.
fn statement(marker: &str, what: &str) -> Option<String> {
    let dir = testkit::workspace_root().join("shared/.sqlx");
    let found = std::fs::read_dir(dir).ok()?.flatten().find_map(|entry| {
        let text = std::fs::read_to_string(entry.path()).ok()?;
        let query: serde_json::Value = serde_json::from_str(&text).ok()?;
        let sql = query.get("query")?.as_str()?.to_owned();
        sql.trim_end().ends_with(marker).then_some(sql)
    })?;
    Some(found.replace("$1", &format!("md5('{what}-' || :n)::uuid")).replace('\n', " "))
}

/// Accounts with an identity and a session each.
pub async fn seed(db: &TestDb, accounts: u32) -> Result<()> {
    let sql = "
        INSERT INTO accounts (user_id, user_name, preferred_language, time_zone)
          SELECT md5('account-' || n)::uuid, 'bench-' || n, 'en', 'UTC' FROM generate_series(0, $1::int - 1) n";
    let pool = db.pool();
    sqlx::query(sql).bind(i32::try_from(accounts)?).execute(&pool).await.context("accounts")?;
    let sql = "
        INSERT INTO device_sessions (device_session_id, user_id, client_public_key, token_hash)
          SELECT md5('session-' || n)::uuid, md5('account-' || n)::uuid, sha256(n::text::bytea), sha256(lpad(n::text, 43, '0')::bytea)
            FROM generate_series(0, $1::int - 1) n";
    sqlx::query(sql).bind(i32::try_from(accounts)?).execute(&pool).await.context("sessions")?;
    let sql = "
        INSERT INTO identities (identity_id, user_id, kind, external_id)
          SELECT md5('identity-' || n)::uuid, md5('account-' || n)::uuid, 'email', 'bench-' || n || '@example.org'
            FROM generate_series(0, $1::int - 1) n";
    sqlx::query(sql).bind(i32::try_from(accounts)?).execute(&pool).await.context("identities")?;
    // One by one: several statements of one message are one transaction, in which nothing can be vacuumed.
    for sql in ["VACUUM ANALYZE accounts", "VACUUM ANALYZE device_sessions", "VACUUM ANALYZE identities"] {
        sqlx::raw_sql(sql).execute(&pool).await.context("vacuum")?;
    }
    Ok(())
}
