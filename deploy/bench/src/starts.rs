//! What the platform adds to a container's start. Games are started through jobs, as the API enqueues them, by the real controller;
//! then the very same containers are made, started, waited for and initialised by the bare Docker API, as many at once. The
//! second list is read off the first, so that limits, mounts and labels are equal.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, ContainerInspectResponse};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;
use shared::db::runtime::{NewJob, enqueue_job};
use shared::domain::runtime::JobKind;
use shared::ids::{GameId, MembershipId, UserId};
use testkit::TestDb;
use testkit::process::{Proc, ProcConfig};

/// What the bar is (issue 8).
const BAR: f64 = 1.10;
/// When turns are due where nobody wants any.
pub const SCHEDULE: &str = "@every 24h";

/// Settings of the bench.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Games, and containers, a round.
    #[arg(long, default_value_t = 20)]
    games: usize,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Starts at once, by the controller and by the bare API alike.
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// The daemon.
    #[arg(long, default_value = "unix:///var/run/docker.sock")]
    docker_host: String,
    /// An engine's image that the daemon has.
    #[arg(long, default_value = testkit::stack::ENGINE_IMAGE)]
    image: String,
}

/// Runs it.
///
/// # Errors
/// When a part does not start, or a game does not.
pub async fn run(args: &Args) -> Result<()> {
    let docker = Docker::connect_with_unix(&args.docker_host, 120, bollard::API_DEFAULT_VERSION)?;
    let docker = docker.negotiate_version().await.context("the Docker daemon")?;
    let instance = format!("bench-{}", GameId::new());
    let network = format!("galaxy-{instance}");
    let internal = json!({ "Name": network, "Internal": true });
    docker.create_network(serde_json::from_value::<bollard::models::NetworkCreateRequest>(internal)?).await?;
    let done = rounds(args, &docker, &instance, &network).await;
    for id in containers(&docker, &instance).await.unwrap_or_default() {
        let _ = remove(&docker, &id).await;
    }
    let _ = docker.remove_network(&network).await;
    done
}

async fn rounds(args: &Args, docker: &Docker, instance: &str, network: &str) -> Result<()> {
    let db = TestDb::try_new().await?;
    let root = tempfile::tempdir()?;
    let host = Host { docker_host: &args.docker_host, instance, network, at_once: args.at_once };
    let _controller = host.controller(&db, root.path())?;
    println!("{} games a round, {} at once", args.games, args.at_once);
    let mut ratios = Vec::new();
    // The first round warms up: the image's layers, the controller's connections.
    for round in 0..=args.rounds {
        let jobs = by_jobs(args.games, &args.image, SCHEDULE, &db).await?;
        let mut made = Vec::new();
        for id in containers(docker, instance).await? {
            made.push(docker.inspect_container(&id, None).await?);
        }
        if made.len() != args.games {
            bail!("{} containers for {} games", made.len(), args.games);
        }
        // The games end before theirs go, so that nobody brings them back.
        sqlx::query("UPDATE games SET status = 'cancelled'").execute(&db.pool()).await?;
        sqlx::query("UPDATE runtime_turns SET status = 'idle'").execute(&db.pool()).await?;
        for container in &made {
            remove(docker, container.id.as_deref().unwrap_or_default()).await?;
        }
        let bare = by_hand(args, docker, network, made, &root.path().join(format!("bare-{round}"))).await?;
        if round == 0 {
            continue;
        }
        let ratio = jobs.as_secs_f64() / bare.as_secs_f64();
        println!("round {round}: jobs {jobs:?}, bare Docker {bare:?}, ratio {ratio:.3}");
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
    let verdict = if median <= BAR { "within" } else { "OVER" };
    println!("start through jobs / bare Docker: {median:.3}, {verdict} the bar of {BAR:.2}");
    Ok(())
}

/// Where a bench's engines run.
pub struct Host<'a> {
    /// The daemon.
    pub docker_host: &'a str,
    /// The controller's instance.
    pub instance: &'a str,
    /// The engines' network.
    pub network: &'a str,
    /// Starts at once.
    pub at_once: usize,
}

impl Host<'_> {
    /// A real controller on the daemon; its log and the engines' state lie below `root`.
    ///
    /// # Errors
    /// When the process does not start.
    pub fn controller(&self, db: &TestDb, root: &Path) -> Result<Proc> {
        let games = root.join("games");
        Proc::start(
            ProcConfig::bin("runtime-controller")
                .env("BACKEND_POSTGRES_DSN", db.dsn())
                .env("BACKEND_OPS_LISTEN_ADDR", "127.0.0.1:0")
                .env("BACKEND_OTEL_TRACES_EXPORTER", "none")
                .env("BACKEND_OTEL_METRICS_EXPORTER", "none")
                .env("BACKEND_GAME_STATE_ROOT", games.display())
                .env("BACKEND_DOCKER_HOST", self.docker_host)
                .env("BACKEND_DOCKER_NETWORK", self.network)
                .env("BACKEND_ENGINE_ADDRESSING", "ip")
                .env("BACKEND_INSTANCE_ID", self.instance)
                .env("BACKEND_RUNTIME_WORKER_POOL_SIZE", self.at_once)
                .log(root.join("controller.log")),
        )
    }
}

/// Starts games through jobs, with turns by this schedule, and answers the time from the commit of all jobs to the last game
/// that runs.
///
/// # Errors
/// When a game does not start.
pub async fn by_jobs(games: usize, image: &str, schedule: &str, db: &TestDb) -> Result<Duration> {
    let mut tx = db.pool().begin().await?;
    let version = format!("1.0.0-{}", GameId::new());
    sqlx::query("INSERT INTO engine_versions (version, image) VALUES ($1, $2)")
        .bind(&version)
        .bind(image)
        .execute(&mut *tx)
        .await?;
    for _ in 0..games {
        let (game_id, user_id) = (GameId::new(), UserId::new());
        sqlx::query(
            "INSERT INTO games (game_id, name, visibility, status, min_players, max_players, approved_count,
                 enrollment_ends_at, turn_schedule, target_engine_version)
             VALUES ($1, 'Bench', 'public', 'starting', 1, 10, 1, now(), $3, $2)",
        )
        .bind(game_id.uuid())
        .bind(&version)
        .bind(schedule)
        .execute(&mut *tx)
        .await?;
        sqlx::query("INSERT INTO accounts (user_id, user_name, preferred_language, time_zone) VALUES ($1, $1::text, 'en', 'UTC')")
            .bind(user_id.uuid())
            .execute(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO memberships (membership_id, game_id, user_id, race_name, canonical_key)
            VALUES ($1, $2, $3, 'Ants', 'ants')",
        )
        .bind(MembershipId::new().uuid())
        .bind(game_id.uuid())
        .bind(user_id.uuid())
        .execute(&mut *tx)
        .await?;
        let job = NewJob { game_id, kind: JobKind::Start, payload: json!({}), request_id: None, traceparent: None };
        enqueue_job(&mut tx, job).await?;
    }
    let begun = Instant::now();
    tx.commit().await?;
    sqlx::query("SELECT pg_notify($1, '')")
        .bind(shared::queue::Topic::RuntimeJobs.channel())
        .execute(&db.pool())
        .await?;
    loop {
        let (running, failed): (i64, i64) = sqlx::query_as(
            "SELECT count(*) FILTER (WHERE status = 'running'), count(*) FILTER (WHERE status = 'start_failed')
             FROM games WHERE target_engine_version = $1",
        )
        .bind(&version)
        .fetch_one(&db.pool())
        .await?;
        if failed > 0 {
            let why: Option<String> =
                sqlx::query_scalar("SELECT max(last_error) FROM runtime_jobs").fetch_one(&db.pool()).await?;
            bail!("a game does not start: {}", why.unwrap_or_default());
        }
        if usize::try_from(running)? == games {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > Duration::from_secs(600) {
            bail!("{running} of {games} games run after ten minutes");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The same containers by the bare API: made, started, waited for, initialised.
async fn by_hand(
    args: &Args,
    docker: &Docker,
    network: &str,
    made: Vec<ContainerInspectResponse>,
    root: &Path,
) -> Result<Duration> {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
    let mut wanted = Vec::new();
    for (n, container) in made.into_iter().enumerate() {
        let mut host = container.host_config.unwrap_or_default();
        let state = root.join(n.to_string());
        std::fs::create_dir_all(&state)?;
        std::os::unix::fs::chown(&state, Some(10_001), Some(10_001))?;
        if let Some(mount) = host.mounts.as_mut().and_then(|mounts| mounts.first_mut()) {
            mount.source = Some(state.to_string_lossy().into_owned());
        }
        // What is inspected has the members of what is asked for, but for the host's part beside them.
        let body: ContainerCreateBody = serde_json::from_value(serde_json::to_value(container.config)?)?;
        let body = ContainerCreateBody { host_config: Some(host), ..body };
        wanted.push((container.name.unwrap_or_default().trim_start_matches('/').to_owned(), body));
    }
    let begun = Instant::now();
    let starts = stream::iter(wanted).map(|(name, body)| one(docker, &http, network, name, body));
    let ids: Vec<String> = starts.buffer_unordered(args.at_once).try_collect().await?;
    let took = begun.elapsed();
    for id in ids {
        remove(docker, &id).await?;
    }
    Ok(took)
}

async fn one(
    docker: &Docker,
    http: &reqwest::Client,
    network: &str,
    name: String,
    body: ContainerCreateBody,
) -> Result<String> {
    let env = body.env.clone().unwrap_or_default();
    let var = |name: &str| {
        env.iter().find_map(|var| var.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().to_owned()
    };
    let (token, game_id) = (var("GALAXY_ENGINE_TOKEN"), var("GALAXY_GAME_ID"));
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let id = docker.create_container(Some(options), body).await?.id;
    docker.start_container(&id, None).await?;
    let found = docker.inspect_container(&id, None).await?;
    let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    let address = networks.get(network).and_then(|endpoint| endpoint.ip_address.clone()).context("no address")?;
    let base = format!("http://{address}:8080");
    let limit = Instant::now() + Duration::from_secs(60);
    while !http.get(format!("{base}/healthz")).send().await.is_ok_and(|answer| answer.status().is_success()) {
        if Instant::now() > limit {
            bail!("{name} does not answer");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let init = json!({ "game_id": game_id, "races": [{ "race_name": "Ants" }] });
    let asked = http.post(format!("{base}/api/v1/admin/init")).bearer_auth(token);
    asked.header("content-type", "application/json").body(init.to_string()).send().await?.error_for_status()?;
    Ok(id)
}

/// The ids of the containers of this instance.
///
/// # Errors
/// What the daemon answers.
pub async fn containers(docker: &Docker, instance: &str) -> Result<Vec<String>> {
    let filters = HashMap::from([("label".to_owned(), vec![format!("galaxy.instance={instance}")])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let found = docker.list_containers(Some(options)).await?;
    Ok(found.into_iter().filter_map(|container| container.id).collect())
}

/// Removes a container, if it is there.
///
/// # Errors
/// What the daemon answers.
pub async fn remove(docker: &Docker, id: &str) -> Result<()> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    match docker.remove_container(id, Some(options)).await {
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404 | 409, .. }) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
