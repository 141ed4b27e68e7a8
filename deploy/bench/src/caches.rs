//! What a cache could save at most: each read that could have one is measured against the same request without it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use shared::db;
use shared::ids::{DeviceSessionId, UserId};

use crate::replica::{ADMIN, GATEWAY_TOKEN, Replica};

/// How long, and how many at once
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Calls under way at once
    #[arg(long, default_value_t = 16)]
    callers: usize,
    /// Accounts, with a session each, in the database
    #[arg(long, default_value_t = 100_000)]
    accounts: i32,
}

/// A game that can be made.
const GAME: &str = concat!(
    r#"{"name":"Bench","min_players":1,"max_players":4,"enrollment_ends_at":"2099-01-01T00:00:00Z","#,
    r#""turn_schedule":"@every 1h","target_engine_version":"1.0.0"}"#,
);

/// What one measurement found.
#[derive(Debug, Clone, Copy)]
struct Rate {
    per_second: f64,
    median: Duration,
}

/// Measures all of it and prints a table.
///
/// # Errors
/// When the replica does not start, or a call does not answer as it must.
pub async fn run(args: &Args) -> Result<()> {
    let replica = Replica::start().await?;
    seed(&replica, args.accounts).await?;
    let sessions: Arc<[DeviceSessionId]> = sessions(&replica).await?.into();
    let users: Arc<[UserId]> = users(&replica).await?.into();
    let game = game(&replica).await?;
    println!("{} accounts, {} callers, {} s each\n", args.accounts, args.callers, args.seconds);
    println!("{:<66} {:>9} {:>11}", "", "calls/s", "median");

    let http = reqwest::Client::builder().no_proxy().build()?;
    let gateway = |method: Method, path: String| http.request(method, replica.url(&path)).bearer_auth(GATEWAY_TOKEN);
    let get = |path: String, user: Option<UserId>, expected: StatusCode| {
        let mut request = gateway(Method::GET, path);
        if let Some(user) = user {
            request = request.header("X-User-ID", user.to_string());
        }
        async move {
            let answer = request.send().await?;
            ensure!(answer.status() == expected, "{}: {}", answer.url(), answer.status());
            answer.bytes().await?;
            Ok(())
        }
    };
    let some = |ids: &Arc<[UserId]>, n: usize| ids.get(n * 7919 % ids.len().max(1)).copied();

    // The gateway's hot path. The other call goes through the same frame, the same guard, and answers without a read.
    let session = |n: usize| {
        let id = sessions.get(n * 7919 % sessions.len().max(1)).map(ToString::to_string).unwrap_or_default();
        get(format!("/internal/sessions/{id}"), None, StatusCode::OK)
    };
    let with = measure(args, "GET /internal/sessions/{id}", session).await?;
    let without = measure(args, "  the same request, with nothing to read", |_| {
        get("/internal/nothing".to_owned(), None, StatusCode::NOT_FOUND)
    })
    .await?;
    let pool = replica.pool.clone();
    let alone = measure(args, "  its statement alone, from the pool", |n| {
        let (pool, id) = (pool.clone(), sessions.get(n * 7919 % sessions.len().max(1)).copied());
        async move {
            let mut conn = pool.acquire().await?;
            db::sessions::get(&mut conn, id.context("no sessions")?).await?.context("no such session")?;
            Ok(())
        }
    })
    .await?;
    ratio("a cache of sessions", with, without, Some(alone));

    // A read-mostly object behind the guard of the user group, whose own read stays.
    let read = |n: usize| get(format!("/user/lobby/games/{game}"), some(&users, n), StatusCode::OK);
    let with = measure(args, "GET /user/lobby/games/{game_id}", read).await?;
    let nothing = |n: usize| get("/user/nothing".to_owned(), some(&users, n), StatusCode::NOT_FOUND);
    let without = measure(args, "  the same request, with the guard's read alone", nothing).await?;
    ratio("a cache of games", with, without, None);

    // What is looked up in passing by a call that writes.
    let owners = users.clone();
    let create = |n: usize| {
        let owner = some(&owners, n).map(|u| u.to_string()).unwrap_or_default();
        let request = gateway(Method::POST, "/user/lobby/games".to_owned())
            .header("X-User-ID", owner)
            .header("content-type", "application/json")
            .body(GAME);
        async move {
            let status = request.send().await?.status();
            // Some owners have as many games as they may have; the version was looked up for them too.
            ensure!(status == StatusCode::CREATED || status == StatusCode::CONFLICT, "create: {status}");
            Ok(())
        }
    };
    let with = measure(args, "POST /user/lobby/games", create).await?;
    let pool = replica.pool.clone();
    let alone = measure(args, "  its look-up of the engine version alone", |_| {
        let pool = pool.clone();
        async move {
            let mut conn = pool.acquire().await?;
            db::engine_versions::get(&mut conn, "1.0.0").await?.context("no version")?;
            Ok(())
        }
    })
    .await?;
    let left = (with.median.as_secs_f64() - alone.median.as_secs_f64()).max(f64::EPSILON);
    println!("  → a cache of engine versions: at most ×{:.2} (by medians)\n", with.median.as_secs_f64() / left);
    Ok(())
}

fn ratio(what: &str, with: Rate, without: Rate, alone: Option<Rate>) {
    print!("  → {what}: at most ×{:.2} calls/s", without.per_second / with.per_second);
    print!(", {:.0} µs of the median", with.median.saturating_sub(without.median).as_secs_f64() * 1e6);
    match alone {
        Some(alone) => println!("; Postgres itself gives {:.0} a second\n", alone.per_second),
        None => println!("\n"),
    }
}

/// Makes calls, so many at once, until the time is up.
async fn measure<F>(args: &Args, what: &str, call: impl Fn(usize) -> F) -> Result<Rate>
where
    F: Future<Output = Result<()>>,
{
    let next = AtomicUsize::new(0);
    for _ in 0..50 {
        call(next.fetch_add(1, Ordering::Relaxed)).await?;
    }
    let began = Instant::now();
    let until = began + Duration::from_secs(args.seconds);
    let caller = || async {
        let mut took = Vec::new();
        while Instant::now() < until {
            let started = Instant::now();
            call(next.fetch_add(1, Ordering::Relaxed)).await?;
            took.push(started.elapsed());
        }
        Ok::<_, anyhow::Error>(took)
    };
    let mut callers = Vec::new();
    for _ in 0..args.callers.max(1) {
        callers.push(caller());
    }
    let mut took: Vec<Duration> = futures::future::try_join_all(callers).await?.concat();
    let elapsed = began.elapsed().as_secs_f64();
    took.sort_unstable();
    let rate = Rate {
        per_second: u32::try_from(took.len()).map(f64::from).unwrap_or(f64::INFINITY) / elapsed,
        median: took.get(took.len() / 2).copied().unwrap_or_default(),
    };
    println!("{what:<66} {:>9.0} {:>8.0} µs", rate.per_second, rate.median.as_secs_f64() * 1e6);
    Ok(rate)
}

async fn seed(replica: &Replica, accounts: i32) -> Result<()> {
    let pool = replica.db.pool();
    sqlx::query(
        "INSERT INTO accounts (user_id, user_name, preferred_language, time_zone)
         SELECT gen_random_uuid(), 'bench-' || n, 'en', 'UTC' FROM generate_series(1, $1) AS n",
    )
    .bind(accounts)
    .execute(&pool)
    .await?;
    sqlx::raw_sql(
        "INSERT INTO device_sessions (device_session_id, user_id, client_public_key, token_hash)
           SELECT gen_random_uuid(), user_id, sha256(user_name::bytea), sha256(user_id::text::bytea) FROM accounts;
         INSERT INTO engine_versions (version, image) VALUES ('1.0.0', 'galaxy-engine:1.0.0');
         ANALYZE accounts, device_sessions",
    )
    .execute(&pool)
    .await?;
    Ok(())
}

async fn sessions(replica: &Replica) -> Result<Vec<DeviceSessionId>> {
    let all = "SELECT device_session_id FROM device_sessions ORDER BY token_hash LIMIT 10007";
    Ok(sqlx::query_scalar(all).fetch_all(&replica.db.pool()).await?)
}

async fn users(replica: &Replica) -> Result<Vec<UserId>> {
    Ok(sqlx::query_scalar("SELECT user_id FROM accounts ORDER BY user_id LIMIT 10007")
        .fetch_all(&replica.db.pool())
        .await?)
}

/// A public game that everybody sees.
async fn game(replica: &Replica) -> Result<String> {
    let admin = |path: &str| {
        reqwest::Client::new()
            .post(replica.url(path))
            .basic_auth(ADMIN.0, Some(ADMIN.1))
            .header("content-type", "application/json")
    };
    let answer = admin("/admin/games").body(GAME).send().await?.error_for_status()?;
    let location = answer.headers().get("location").context("no Location")?.to_str()?.to_owned();
    let id = location.rsplit('/').next().unwrap_or_default().to_owned();
    admin(&format!("/admin/games/{id}/open-enrollment")).send().await?.error_for_status()?;
    Ok(id)
}
