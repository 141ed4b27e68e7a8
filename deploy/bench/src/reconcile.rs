//! What a pass of the reconciler costs where many games run and all is well: its time, and what it asks of the Docker daemon. The engines
//! are real containers, started through jobs; the pass is asked for as `POST /admin/runtimes/reconcile?dry_run=true` asks for it. The
//! controller talks to the daemon through a relay that counts requests.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bollard::Docker;
use serde_json::{Value, json};
use shared::db::runtime::questions::{self, NewQuestion};
use shared::domain::runtime::QuestionKind;
use shared::ids::GameId;
use shared::queue::Topic;
use testkit::TestDb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use crate::spread::Spread;
use crate::starts::{self, Host};

/// The bar for a pass, in seconds (issue 8).
const BAR: f64 = 5.0;

/// Settings of the bench.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Games, each with a container that runs.
    #[arg(long, default_value_t = 1000)]
    games: usize,
    /// Passes; the median counts.
    #[arg(long, default_value_t = 9)]
    passes: usize,
    /// Starts at once.
    #[arg(long, default_value_t = 8)]
    at_once: usize,
    /// The daemon's socket.
    #[arg(long, default_value = "/var/run/docker.sock")]
    socket: String,
    /// An engine's image that the daemon has.
    #[arg(long, default_value = testkit::stack::ENGINE_IMAGE)]
    image: String,
}

/// Runs it.
///
/// # Errors
/// When a part does not start, a game does not, or a pass finds something to do.
pub async fn run(args: &Args) -> Result<()> {
    let docker = Docker::connect_with_unix(&args.socket, 120, bollard::API_DEFAULT_VERSION)?;
    let docker = docker.negotiate_version().await.context("the Docker daemon")?;
    let instance = format!("bench-{}", GameId::new());
    let network = format!("galaxy-{instance}");
    // A bridge holds about a thousand ports, and its usual address range 65 534 hosts.
    let internal = json!({ "Name": network, "Internal": true });
    docker.create_network(serde_json::from_value::<bollard::models::NetworkCreateRequest>(internal)?).await?;
    let done = passes(args, &instance, &network).await;
    for id in starts::containers(&docker, &instance).await.unwrap_or_default() {
        let _ = starts::remove(&docker, &id).await;
    }
    let _ = docker.remove_network(&network).await;
    done
}

async fn passes(args: &Args, instance: &str, network: &str) -> Result<()> {
    let db = TestDb::try_new().await?;
    let root = tempfile::tempdir()?;
    let asked = Arc::new(AtomicU64::new(0));
    let socket = root.path().join("docker.sock");
    let relay = tokio::spawn(relay(UnixListener::bind(&socket)?, args.socket.clone(), Arc::clone(&asked)));
    let docker_host = format!("unix://{}", socket.display());
    let host = Host { docker_host: &docker_host, instance, network, at_once: args.at_once };
    let _controller = host.controller(&db, root.path())?;
    let took = starts::by_jobs(args.games, &args.image, starts::SCHEDULE, &db).await?;
    println!("{} games started in {:.1} s, {} at once", args.games, took.as_secs_f64(), args.at_once);
    let (mut seconds, mut requests) = (Vec::new(), Vec::new());
    for pass in 0..args.passes.max(1) {
        let before = asked.load(Ordering::Relaxed);
        let began = Instant::now();
        let deeds = ask(&db).await?;
        seconds.push(began.elapsed().as_secs_f64());
        requests.push(asked.load(Ordering::Relaxed) - before);
        if let Some(deed) = deeds.iter().find(|deed| deed.get("action").and_then(Value::as_str) != Some("probe")) {
            bail!("pass {pass} finds something to do where all is well: {deed}");
        }
    }
    relay.abort();
    let (seconds, most) = (Spread::of(seconds), requests.iter().max().copied().unwrap_or_default());
    let verdict = if seconds.median <= BAR { "within" } else { "OVER" };
    println!(
        "a pass over {} containers: {:.0} ms (median of {}), {verdict} the bar of {BAR} s; at most {most} requests to the daemon meanwhile",
        args.games,
        seconds.median * 1000.0,
        args.passes
    );
    Ok(())
}

/// A pass of the controller that only looks.
async fn ask(db: &TestDb) -> Result<Vec<Value>> {
    let pool = db.pool();
    let daemon: String = sqlx::query_scalar("SELECT max(daemon_id) FROM runtime_records").fetch_one(&pool).await?;
    let mut tx = pool.begin().await?;
    let question = NewQuestion {
        daemon_id: &daemon,
        kind: QuestionKind::Reconcile,
        game_id: None,
        payload: json!({ "dry_run": true }),
        patience: Duration::from_secs(60),
    };
    let question = questions::ask(&mut tx, question).await?;
    tx.commit().await?;
    sqlx::query("SELECT pg_notify($1, '')").bind(Topic::Questions.channel()).execute(&pool).await?;
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let mut conn = pool.acquire().await?;
        if let Some(answer) = questions::answer(&mut conn, question).await? {
            let answer = answer.map_err(anyhow::Error::msg)?;
            return Ok(answer.get("actions").and_then(Value::as_array).cloned().unwrap_or_default());
        }
        if Instant::now() > limit {
            bail!("the controller does not answer");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Hands every connection on to the daemon, and counts the heads of requests.
async fn relay(listener: UnixListener, socket: String, asked: Arc<AtomicU64>) -> Result<()> {
    loop {
        let (client, _) = listener.accept().await?;
        let daemon = UnixStream::connect(Path::new(&socket)).await?;
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_daemon, mut to_daemon) = daemon.into_split();
        let asked = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut piece = vec![0; 16 * 1024];
            while let Ok(read @ 1..) = from_client.read(&mut piece).await {
                let text = piece.get(..read).unwrap_or_default();
                let heads = text.windows(10).filter(|window| window == b" HTTP/1.1\r").count();
                asked.fetch_add(u64::try_from(heads).unwrap_or_default(), Ordering::Relaxed);
                if to_daemon.write_all(text).await.is_err() {
                    break;
                }
            }
        });
        tokio::spawn(async move { tokio::io::copy(&mut from_daemon, &mut to_client).await });
    }
}
