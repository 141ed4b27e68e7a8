//! `galaxy-bench`: measurements that decisions rest on. Each prints its figures and the ratio that matters; run them built with
//! `--release`, on a machine that does nothing else.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a tool for the terminal, which wants the real clock"
)]

mod caches;
mod churn;
mod fan_out;
mod game;
mod http;
mod hub;
mod mail;
mod peers;
mod pgbench;
mod queue;
mod reconcile;
mod replica;
mod served;
mod shares;
mod soak;
mod spread;
mod standing;
mod starts;
mod turns;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measurements of the Galaxy backend
#[derive(Debug, Parser)]
#[command(name = "galaxy-bench", version)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// What a cache in front of Postgres could save at most, for each read that could have one (docs/adr/0009)
    Caches(caches::Args),
    /// Ten minutes of rows that come and go through all four processes: removal keeps up, memory stays (docs/queue.md)
    Churn(churn::Args),
    /// One notification to everybody: how long to the gateway, and what others wait meanwhile (docs/notifications.md)
    FanOut(fan_out::Args),
    /// Requests a second and their p99, beside the same statements by pgbench
    Http(http::Args),
    /// Events a second to one gateway and to a thousand, beside memory and JetStream; their lateness; resuming (docs/push.md)
    Hub(hub::Args),
    /// What streams from memory, for `hub`
    #[command(hide = true)]
    RawHub(hub::RawArgs),
    /// Mails a second beside bare lettre, the same after an outage, and how long a code takes while reminders drain (docs/mail.md)
    Mail(mail::Args),
    /// What callers feel of a peer that holds all it can (docs/shares.md)
    Shares(shares::Args),
    /// The attacker of `shares`
    #[command(hide = true)]
    Attack(shares::AttackArgs),
    /// Rows a second through the queue engine, beside pgbench and others' queues; how soon a row is picked up (docs/queue.md)
    Queue(queue::Args),
    /// A pass of the reconciler over many containers, and what it asks of the daemon (docs/reconciler.md)
    Reconcile(reconcile::Args),
    /// Many connections for long, at half of what the API can do: flat memory, no error (docs/capacity.md)
    Soak(soak::Args),
    /// Games started through jobs, against the same containers by the bare Docker API (docs/containers.md)
    Starts(starts::Args),
    /// How late turns are: many games over a minute, beside engines that hang, and all at once (docs/turns.md)
    Turns(turns::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::parse().bench {
        Bench::Caches(args) => caches::run(&args).await,
        Bench::Churn(args) => churn::run(&args).await,
        Bench::FanOut(args) => fan_out::run(&args).await,
        Bench::Http(args) => http::run(&args).await,
        Bench::Hub(args) => hub::run(&args).await,
        Bench::RawHub(args) => hub::serve_raw(&args).await,
        Bench::Mail(args) => mail::run(&args).await,
        Bench::Shares(args) => shares::run(&args).await,
        Bench::Attack(args) => shares::attack(args).await,
        Bench::Queue(args) => queue::run(&args).await,
        Bench::Reconcile(args) => reconcile::run(&args).await,
        Bench::Soak(args) => soak::run(&args).await,
        Bench::Starts(args) => starts::run(&args).await,
        Bench::Turns(args) => turns::run(&args).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("galaxy-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
