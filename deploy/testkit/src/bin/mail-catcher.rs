//! The mail catcher as a process: an SMTP server that delivers nothing, and a page to read what it got.
#![expect(clippy::print_stdout, reason = "a tool for the terminal")]

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};
use testkit::mail::{MailCatcher, MailCatcherConfig, TlsMode};
use tokio::signal::unix::{SignalKind, signal};

/// Takes every mail, delivers none, and shows them on a web page.
#[derive(Debug, Parser)]
#[command(name = "mail-catcher", version)]
struct Args {
    #[command(subcommand)]
    task: Option<Task>,
    /// Where SMTP listens
    #[arg(long, default_value = "127.0.0.1:1025")]
    smtp: SocketAddr,
    /// Where the page and its JSON API listen
    #[arg(long, default_value = "127.0.0.1:8025")]
    http: SocketAddr,
    /// How SMTP connections are encrypted
    #[arg(long, value_enum, default_value = "none")]
    tls_mode: Mode,
    /// Write the certificate that clients must trust to this file, as PEM (it is new at every start, unless --identity keeps it)
    #[arg(long)]
    ca_out: Option<PathBuf>,
    /// Keep the certificate and its key in this file over restarts
    #[arg(long)]
    identity: Option<PathBuf>,
    /// A name of the server's certificate beside localhost; may be given several times
    #[arg(long = "name")]
    names: Vec<String>,
    /// How many mails to keep
    #[arg(long, default_value_t = 10_000)]
    max_messages: usize,
    /// Keep the mails in this file over restarts
    #[arg(long)]
    store: Option<PathBuf>,
    /// Demand this user name (AUTH PLAIN or LOGIN)
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// Demand this password
    #[arg(long, requires = "user")]
    password: Option<String>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Task {
    /// Ask the catcher that runs on this machine, at the port of --http, whether it serves; exit with 0 if it does, else 1
    Healthcheck,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    None,
    Starttls,
    Tls,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    if matches!(args.task, Some(Task::Healthcheck)) {
        return healthcheck(args.http).await;
    }
    // Before anything is announced: a signal that comes early must not find us deaf.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let catcher = MailCatcher::start(MailCatcherConfig {
        smtp_addr: args.smtp,
        tls: match args.tls_mode {
            Mode::None => TlsMode::None,
            Mode::Starttls => TlsMode::StartTls,
            Mode::Tls => TlsMode::Tls,
        },
        credentials: args.user.zip(args.password),
        max_messages: args.max_messages,
        store: args.store,
        names: args.names,
        identity: args.identity,
        ..MailCatcherConfig::default()
    })
    .await?;
    let page = catcher.serve_page(args.http).await?;
    if let Some(path) = &args.ca_out {
        std::fs::write(path, catcher.ca_pem()).with_context(|| format!("write {}", path.display()))?;
    }
    println!("mail-catcher: smtp://{} page http://{page}/", catcher.smtp_addr());

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    catcher.stop().await;
    Ok(())
}

/// For an image without a shell. All interfaces are asked by way of loopback.
async fn healthcheck(page: SocketAddr) -> Result<()> {
    let limit = std::time::Duration::from_secs(2);
    let client = reqwest::Client::builder().no_proxy().timeout(limit).build()?;
    // No mail has this number: the answer is short, however many there are.
    let url = format!("http://127.0.0.1:{}/api/messages?since={}", page.port(), u64::MAX);
    client.get(url).send().await?.error_for_status()?;
    Ok(())
}
