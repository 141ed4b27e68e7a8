//! A backup that is put back (docs/operations.md): the database by `pg_dump` and `pg_restore`, state directories by `tar`. In the
//! middle of the demo one game's directory is copied well before the dump, and the other's well after it: afterwards the database is
//! ahead of one engine, and behind the other.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use galaxy_e2e::demo::Options;
use galaxy_e2e::gateway::{Journal, News, Rest, Subscriber};
use galaxy_e2e::mailbox::Mailbox;
use galaxy_e2e::sign_in;
use serde_json::Value;
use shared::domain::notification::Payload;
use shared::proto::push::push_client::PushClient;
use shared::proto::push::push_event::Kind;
use shared::proto::push::resume_gap::Reason;
use shared::proto::push::{GatewaySubscribeRequest, Hello, PushEvent, ResumeGap};
use sqlx::{Connection as _, PgConnection};
use testkit::eventually;
use testkit::mail::Mail;
use testkit::process::{Proc, ProcConfig, bin_path};
use testkit::stack::{Driver, Stack, StackConfig, Summary, clean_engines, engines};
use tokio::process::Command;
use uuid::Uuid;

use crate::logs;
use crate::world::{config, play, report, start, stop};

const SOON: Duration = Duration::from_secs(120);

/// Somebody who signs up when the dump is written already.
const LATE: &str = "late.comer@players.example";

/// What was saved, and what was seen meanwhile.
struct Backup {
    dir: PathBuf,
    /// The game whose directory was copied after the dump.
    ahead: Uuid,
    /// The game whose directory was copied before the dump.
    behind: Uuid,
    /// The cursor that a gateway held at the end.
    cursor: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_put_back_whether_database_or_engine_is_ahead() {
    let mut stack = start(StackConfig { own_roles: true, ..config("restore", 1, Driver::Process) }).await;
    let summary = stack.summary().clone();
    let backup = back_up(&stack, &summary).await;
    let mailbox = Mailbox::new(&summary).unwrap();
    let newest = mailbox.newest(None).await.unwrap();
    put_back(&mut stack, &summary, &backup).await;
    cursors_of_before_are_told_of_the_gap(&summary, &backup.cursor).await;

    let watcher = Subscriber::open(&summary, "after", SOON).await.unwrap();
    let (recorded, engine) = goes_on(&summary, &mailbox, newest, backup.ahead).await;
    assert!(engine > recorded + 1, "the engine's turn {engine} is not ahead of {recorded}");
    let (recorded, engine) = goes_on(&summary, &mailbox, newest, backup.behind).await;
    assert!(engine < recorded, "the engine's turn {engine} is not behind {recorded}");
    for game in [backup.ahead, backup.behind] {
        let over = watcher.wait("the end of a game that was put back", SOON, |journal| {
            told(journal).any(|payload| ended(payload, game)).then_some(())
        });
        over.await.unwrap();
    }
    assert!(sign_up(&summary).await, "an account that is younger than the dump is gone");
    // Nothing else is: a whole game is played on what was put back.
    let report = report(play(&summary, Options::default()).await);
    assert!(report.players >= 4 && report.turns() > 10);
    stop(stack).await;
}

/// In the middle of the demo, whose players are then sent home.
async fn back_up(stack: &Stack, summary: &Summary) -> Backup {
    let dir = stack.config().dir.join("backup");
    std::fs::create_dir_all(&dir).unwrap();
    let watcher = Subscriber::open(summary, "before", SOON).await.unwrap();
    let demo = play(summary, Options { schedule: "@every 2s".to_owned(), patience: SOON, ..Options::default() });
    // The public game starts first, and lasts longer.
    let games = watcher.wait("both games", SOON, |journal| match started(journal).as_slice() {
        [open, duel] => Some((*open, *duel)),
        _ => None,
    });
    let (ahead, behind) = games.await.unwrap();
    turn_comes(&watcher, behind, 1).await;
    copy(stack, behind, &dir).await;
    turn_comes(&watcher, behind, 3).await;
    let (_, plain) = server_and_dsn(summary);
    let dump = dir.join("galaxy.dump");
    ran(postgres("pg_dump").arg("--format=custom").arg("--file").arg(&dump).arg("--dbname").arg(plain), &[0]).await;
    // The dump may know of one more turn than was told by then.
    let dumped = watcher.look(|journal| turn(journal, ahead)) + 1;
    assert!(sign_up(summary).await, "nobody had that address");
    turn_comes(&watcher, ahead, dumped + 2).await;
    copy(stack, ahead, &dir).await;
    let cursor = watcher.look(Journal::cursor);
    demo.abort();
    match demo.await {
        Err(error) if error.is_cancelled() => {}
        outcome => drop(report(outcome)),
    }
    Backup { dir, ahead, behind, cursor }
}

/// As docs/operations.md says, step by step.
async fn put_back(stack: &mut Stack, summary: &Summary, backup: &Backup) {
    let config = stack.config().clone();
    for member in stack.members() {
        member.terminate();
    }
    for member in stack.members() {
        member.wait_stopped(SOON).await.unwrap();
    }
    clean_engines(&config);
    eventually(SOON, "every engine has ended", || async { engines(&config).unwrap().is_empty() }).await;

    let (server, plain) = server_and_dsn(summary);
    let mut conn = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    // One after the other: neither can be done in a transaction.
    for statement in ["DROP DATABASE galaxy", "CREATE DATABASE galaxy"] {
        sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
    let dump = backup.dir.join("galaxy.dump");
    let mut restore = postgres("pg_restore");
    restore.args(["--exit-on-error", "--no-owner", "--no-privileges", "--dbname"]).arg(plain).arg(dump);
    ran(&mut restore, &[0]).await;
    migrate(summary, &[]).await;
    migrate(summary, &["roles"]).await;

    let games = config.dir.join("games");
    for game in [backup.ahead, backup.behind] {
        // Whatever is there is of another time. The engine of a game that is over may have left nothing.
        let state = games.join(game.to_string());
        if state.exists() {
            std::fs::remove_dir_all(&state).unwrap();
        }
        let mut extract = Command::new("tar");
        extract.args(["--extract", "--same-owner", "--file"]).arg(archive(&backup.dir, game));
        ran(extract.arg("--directory").arg(&games), &[0]).await;
    }
    for member in stack.members() {
        member.launch().unwrap();
    }
    for member in stack.members() {
        member.wait_ready(SOON).await.unwrap();
    }
}

async fn cursors_of_before_are_told_of_the_gap(summary: &Summary, cursor: &str) {
    let (hello, gap) = subscribed(summary, cursor).await;
    assert_eq!(gap.reason(), Reason::Epoch, "{gap:?}");
    assert!(hello.head.as_str() > cursor, "{} is no cursor of a later epoch than that of {cursor}", hello.head);
    // One of this epoch that nobody gave out: from a future that another restore undid.
    let (epoch, number) = hello.head.split_at(5);
    let beyond = format!("{epoch}{:015}", number.parse::<u64>().unwrap() + 1_000_000);
    let (_, gap) = subscribed(summary, &beyond).await;
    assert_eq!(gap.reason(), Reason::Ahead, "{gap:?}");
}

/// The first two frames of a stream from this cursor on, which must tell of a gap.
async fn subscribed(summary: &Summary, cursor: &str) -> (Hello, ResumeGap) {
    let mut client = PushClient::connect(summary.grpc[0].clone()).await.unwrap();
    let mut request = tonic::Request::new(GatewaySubscribeRequest {
        gateway_client_id: "late-gateway".to_owned(),
        cursor: cursor.to_owned(),
    });
    request.metadata_mut().insert("authorization", format!("Bearer {}", summary.gateway_token).parse().unwrap());
    let mut stream = client.subscribe_push(request).await.unwrap().into_inner();
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let frame: PushEvent = tokio::time::timeout(SOON, stream.message()).await.unwrap().unwrap().unwrap();
        kinds.push(frame.kind);
    }
    match (kinds.remove(0), kinds.remove(0)) {
        (Some(Kind::Hello(hello)), Some(Kind::ResumeGap(gap))) => (hello, gap),
        other => panic!("{cursor} was resumed with {other:?}"),
    }
}

/// The game's turn fails and the administrators are told; they take the engine's turn, and let the game go on. Answers the turn that
/// was recorded, and the engine's.
async fn goes_on(summary: &Summary, mailbox: &Mailbox, newest: u64, game: Uuid) -> (u32, u32) {
    let id = game.to_string();
    let is_told = |mail: &Mail| words(mail).contains(&id);
    let mail = mailbox.wait(&summary.admin_email, newest, "a turn that failed", SOON, is_told).await.unwrap();
    let said = words(&mail);
    let (engine, recorded) = (number_behind(&said, "the engine is at turn "), number_behind(&said, ", not at "));
    println!("        ── {id} is recorded at turn {recorded}, its engine is at {engine}");
    let shown = done(galaxyctl(summary, &["games", "show", &id, "--output", "json"]).await);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert!(shown["status"] == "paused" && shown["pause_reason"] == "generation_failed", "{shown}");
    let paused = done(galaxyctl(summary, &["games", "list", "--status", "paused"]).await);
    assert!(paused.contains(&id), "{paused}");

    let (right, wrong) = (engine.to_string(), (engine + 90).to_string());
    let refused = galaxyctl(summary, &["runtimes", "accept-turn", &id, "--turn", &wrong]).await;
    let expected = format!("The engine is at turn {engine}, not at turn {wrong}.");
    assert_eq!(refused.status.code(), Some(6), "{}", told_by(&refused));
    assert!(told_by(&refused).contains(&expected), "{}", told_by(&refused));
    done(galaxyctl(summary, &["runtimes", "accept-turn", &id, "--turn", &right]).await);
    done(galaxyctl(summary, &["games", "resume", &id]).await);
    (recorded, engine)
}

/// A mail's text in one line, without the signs of a quotation.
fn words(mail: &Mail) -> String {
    let text = mail.text.as_deref().unwrap_or_default();
    text.split_whitespace().filter(|word| *word != ">").collect::<Vec<_>>().join(" ")
}

fn number_behind(text: &str, words: &str) -> u32 {
    let (_, behind) = text.split_once(words).unwrap_or_else(|| panic!("{text:?} has no {words:?}"));
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
fn a_turn_is_read_from_what_is_said_of_it() {
    let said = "Reason: the engine is at turn 15, not at 8 or the next";
    assert_eq!((number_behind(said, "at turn "), number_behind(said, ", not at ")), (15, 8));
}

/// Signs the late comer in: whether that made an account.
async fn sign_up(summary: &Summary) -> bool {
    let (rest, mailbox) = (Rest::new(summary, SOON).unwrap(), Mailbox::new(summary).unwrap());
    let address = Ipv4Addr::new(203, 0, 113, 77);
    let signed_in = sign_in::by_code(&rest, &mailbox, SOON, LATE, address, None).await.unwrap();
    logs::remember(&[signed_in.token]);
    signed_in.new
}

/// What users were told.
fn told(journal: &Journal) -> impl Iterator<Item = &Payload> {
    journal.entries.iter().filter_map(|entry| match &entry.news {
        News::Event { payload, .. } => Some(payload),
        News::Invalidation { .. } => None,
    })
}

/// The games that have started, in that order.
fn started(journal: &Journal) -> Vec<Uuid> {
    let mut games: Vec<Uuid> = Vec::new();
    for payload in told(journal) {
        if let Payload::GameStarted { game_id, .. } = payload
            && !games.contains(&game_id.uuid())
        {
            games.push(game_id.uuid());
        }
    }
    games
}

/// A game's newest turn.
fn turn(journal: &Journal, game: Uuid) -> u32 {
    let turns = told(journal).filter_map(|payload| match payload {
        Payload::GameTurnReady { game_id, turn } if game_id.uuid() == game => Some(*turn),
        _ => None,
    });
    turns.max().unwrap_or(0)
}

fn ended(payload: &Payload, game: Uuid) -> bool {
    matches!(payload, Payload::GameFinished { game_id, .. } if game_id.uuid() == game)
}

async fn turn_comes(watcher: &Subscriber, game: Uuid, wanted: u32) {
    let what = format!("turn {wanted} of {game}");
    watcher.wait(&what, SOON, |journal| (turn(journal, game) >= wanted).then_some(())).await.unwrap();
}

fn archive(dir: &Path, game: Uuid) -> PathBuf {
    dir.join(format!("{game}.tar"))
}

/// Copies a game's state directory while its engine runs.
async fn copy(stack: &Stack, game: Uuid, dir: &Path) {
    let mut create = Command::new("tar");
    create.arg("--create").arg("--file").arg(archive(dir, game));
    create.arg("--directory").arg(stack.config().dir.join("games")).arg(game.to_string());
    // With 1 it says that a file changed meanwhile: another took its place, and either is whole.
    ran(&mut create, &[0, 1]).await;
}

/// The superuser's DSN without a database, and that of the platform's database without settings.
fn server_and_dsn(summary: &Summary) -> (&str, &str) {
    let plain = summary.postgres_dsn.split('?').next().unwrap();
    let (server, _) = plain.rsplit_once('/').unwrap();
    (server, plain)
}

/// A program of the Postgres that runs.
fn postgres(program: &str) -> Command {
    let (_, programs) = testkit::postgres::programs().unwrap();
    Command::new(programs.join(program))
}

async fn migrate(summary: &Summary, arguments: &[&str]) {
    let program = ProcConfig::bin("migrate").env("BACKEND_POSTGRES_DSN", &summary.postgres_dsn);
    let program = arguments.iter().fold(program, |program, argument| program.arg(argument));
    let mut migrate = Proc::start(program).unwrap();
    let status = migrate.wait_exit(SOON).await.unwrap();
    assert!(status.success(), "migrate {arguments:?}: {}", migrate.tail(20));
}

async fn galaxyctl(summary: &Summary, arguments: &[&str]) -> Output {
    let mut command = Command::new(bin_path("galaxyctl"));
    command.args(arguments).env("GALAXYCTL_URL", &summary.rest[0]).env("GALAXYCTL_USER", &summary.admin_user);
    command.env("GALAXYCTL_PASSWORD", &summary.admin_password).output().await.unwrap()
}

/// What it printed, if it did what it was asked for.
fn done(output: Output) -> String {
    assert!(output.status.success(), "{}", told_by(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn told_by(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// Runs it; it must end with one of these codes.
async fn ran(command: &mut Command, codes: &[i32]) {
    let output = command.output().await.unwrap();
    let ended = output.status.code().is_some_and(|code| codes.contains(&code));
    assert!(ended, "{} of {command:?}: {}", output.status, told_by(&output));
}
