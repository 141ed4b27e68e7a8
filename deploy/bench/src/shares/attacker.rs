//! The attacker: a process of its own, so that what it costs is not the replica's.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use testkit::hostile::{self, NETWORKS};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::kinds::{CODE, Kind, To};
use crate::game::Game;
use crate::replica::{ADMIN, GATEWAY_TOKEN, Replica};

/// Connections that it tries to hold from each network: more than half of what a replica takes from all.
const HELD: usize = 400;
/// Before it asks again, where it was told to wait.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_enum)]
    kind: Kind,
    #[arg(long)]
    rest: SocketAddr,
    #[arg(long)]
    grpc: SocketAddr,
    #[arg(long)]
    ops: SocketAddr,
    /// A game whose engine sleeps
    #[arg(long)]
    game: String,
    /// Its members
    #[arg(long)]
    member: Vec<String>,
}

/// Attacks until standard input ends; says so once all is held.
///
/// # Errors
/// When standard input cannot be read.
pub async fn run(args: Args) -> Result<()> {
    let mut tasks = JoinSet::new();
    match args.kind.words() {
        Some((to, words)) => {
            let to = match to {
                To::Rest => args.rest,
                To::Grpc => args.grpc,
            };
            let mut held = Vec::new();
            for from in NETWORKS.into_iter().take(args.kind.networks()) {
                held.push((from, hostile::hold_from(from, to, HELD, &words).await));
            }
            for (from, mut held) in held {
                let words = words.clone();
                tasks.spawn(async move {
                    // Another one for each that is ended.
                    loop {
                        held.retain(|peer: &TcpStream| !matches!(peer.try_read(&mut [0; 4096]), Ok(0)));
                        held.extend(hostile::hold_from(from, to, (HELD - held.len()).min(5), &words).await);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                });
            }
        }
        None => ask(&args, &mut tasks)?,
    }
    // A moment for it to be felt.
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("held");
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    tasks.shutdown().await;
    Ok(())
}

fn ask(args: &Args, tasks: &mut JoinSet<()>) -> Result<()> {
    let http = reqwest::Client::builder().no_proxy().local_address(IpAddr::V4(NETWORKS[0])).build()?;
    let url = |path: &str| format!("http://{}{path}", args.rest);
    match args.kind {
        Kind::Probes => {
            for _ in 0..64 {
                let ops = args.ops;
                tasks.spawn(for_ever(move || async move {
                    if let Some(mut peer) = hostile::connect(ops, b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await {
                        let _ = peer.read(&mut [0; 4096]).await;
                        // It would like to keep the connection, and asks again over it.
                        tokio::time::sleep(PAUSE).await;
                        let _ = peer.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await;
                    }
                }));
            }
        }
        Kind::Asleep => {
            for n in 0..16 {
                let member = args.member.get(n % 2).context("two members")?;
                let call = http
                    .post(url(&format!("/api/v1/user/games/{}/commands", args.game)))
                    .bearer_auth(GATEWAY_TOKEN)
                    .header("x-user-id", member)
                    .header("content-type", "application/json")
                    .body(r#"{"commands":[]}"#);
                tasks.spawn(for_ever(move || again(call.try_clone())));
            }
        }
        Kind::Guesses => {
            for n in 0..40 {
                let call = http.get(url("/api/v1/admin/users")).basic_auth(ADMIN.0, Some(format!("guess number {n}")));
                tasks.spawn(for_ever(move || again(call.try_clone())));
            }
        }
        _ => {
            let fields: Vec<String> = (0..90_000).map(|n| format!("\"{n:06}\":0")).collect();
            let body = format!("{{{}}}", fields.join(","));
            for _ in 0..2 {
                let call = http.post(url(CODE)).header("content-type", "application/json").body(body.clone());
                tasks.spawn(for_ever(move || {
                    let call = call.try_clone();
                    async move {
                        again(call).await;
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }));
            }
        }
    }
    Ok(())
}

async fn for_ever<F: Future<Output = ()>>(work: impl Fn() -> F) {
    loop {
        work().await;
    }
}

async fn again(call: Option<reqwest::RequestBuilder>) {
    let Some(call) = call else { return };
    match call.send().await {
        Ok(answer) if answer.status().is_success() || answer.status().as_u16() < 429 => {}
        _ => tokio::time::sleep(PAUSE).await,
    }
}

/// An attack under way.
pub struct Attack(Child);

impl Attack {
    /// Starts it, and waits until it holds what it can.
    ///
    /// # Errors
    /// When the process does not start, or ends at once.
    pub async fn start(kind: Kind, replica: &Replica, game: &Game) -> Result<Self> {
        let name = clap::ValueEnum::to_possible_value(&kind).context("a kind has a name")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["attack", name.get_name(), "--game", &game.id])
            .args(["--rest", &replica.rest.to_string(), "--grpc", &replica.grpc.to_string()])
            .args(["--ops", &replica.ops.to_string()])
            .args(game.members.iter().flat_map(|member| ["--member", member]))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut said = String::new();
        let stdout = child.stdout.take().context("its output")?;
        BufReader::new(stdout).read_line(&mut said).await?;
        if said.trim() != "held" {
            bail!("the attacker of {name:?} ended: {said:?}", name = name.get_name());
        }
        Ok(Self(child))
    }

    /// Ends it, and waits until what it held is gone.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub async fn end(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        self.0.wait().await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}
