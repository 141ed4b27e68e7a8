//! An upgrade of a running platform, the way back, and the upgrade once more (docs/upgrading.md): binaries of two releases, two replicas
//! of each process, one database. In the middle of each step a whole game is played.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use testkit::process::{Proc, ProcConfig};
use testkit::stack::{Stack, Summary};
use tokio::task::JoinHandle;

use crate::demo::{self, Options, Report, Story};
use crate::gateway::{Journal, Subscriber};

/// How many of each process: one is still of the former release while the other is of the next.
pub const REPLICAS: usize = 2;

/// The order in which processes are replaced: what reads new kinds of notifications before what makes them.
const ORDER: [&str; 4] = ["notify-worker", "mail-worker", "runtime-controller", "api-server"];

/// How long a process may take to end, and to be ready.
const IN_TIME: Duration = Duration::from_secs(90);

/// How many entries further the push stream is before the next process is replaced.
const FURTHER: usize = 5;

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where the binaries of two releases are.
#[derive(Debug, Clone)]
pub struct Releases {
    /// Those that a stack was started with.
    pub former: PathBuf,
    /// Those that come after them.
    pub next: PathBuf,
}

/// A call of `migrate`: whose, and its arguments.
type Migration<'a> = (&'a Path, &'a [&'a str]);

/// What is done while one game is played.
struct Step<'a> {
    title: &'a str,
    /// Before any process is replaced.
    first: &'a [Migration<'a>],
    /// Which replicas of each process are replaced.
    replicas: &'a [usize],
    /// By those in here.
    by: &'a Path,
    /// After all are.
    last: &'a [Migration<'a>],
}

/// Upgrades a stack of the former release, which has [`REPLICAS`] of each process under roles of their own, takes it back, and upgrades
/// it again; tells `story` each step. Answers a report of each game. Needs a runtime of several threads.
///
/// # Errors
/// The first expectation that did not hold.
pub async fn run(stack: &mut Stack, releases: &Releases, story: &Story) -> Result<Vec<Report>> {
    let replicas = stack.config().replicas;
    ensure!(replicas == REPLICAS, "expected {REPLICAS} of each process, and there are {replicas}");
    let (former, next) = (releases.former.as_path(), releases.next.as_path());
    let up: &[&str] = &["up"];
    let keep: &[&str] = &["roles", "--keep"];
    let revoke: &[&str] = &["roles"];
    let steps = [
        Step {
            title: "The next release comes beside the former",
            first: &[(next, up), (next, keep)],
            replicas: &[0],
            by: next,
            last: &[],
        },
        Step { title: "The former release goes", first: &[], replicas: &[1], by: next, last: &[(next, revoke)] },
        Step {
            title: "Back to the former release, on the schema of the next",
            first: &[(former, up), (former, keep)],
            replicas: &[0, 1],
            by: former,
            last: &[],
        },
        Step {
            title: "To the next release once more",
            first: &[(next, up), (next, keep)],
            replicas: &[0, 1],
            by: next,
            last: &[(next, revoke)],
        },
    ];
    let summary = stack.summary().clone();
    let watcher = Subscriber::open(&summary, "upgrade-watcher", IN_TIME).await?;
    let mut upgrade = Upgrade { stack, story, summary, watcher };
    let mut reports = Vec::new();
    for step in &steps {
        reports.push(upgrade.step(step).await.with_context(|| format!("\"{}\"", step.title))?);
    }
    Ok(reports)
}

/// An upgrade under way.
struct Upgrade<'a> {
    stack: &'a mut Stack,
    story: &'a Story,
    summary: Summary,
    /// Follows the push stream over all replicas, from the first step to the last.
    watcher: Subscriber,
}

impl Upgrade<'_> {
    async fn step(&mut self, step: &Step<'_>) -> Result<Report> {
        self.story.chapter(step.title);
        let game = self.play();
        self.further(&game).await?;
        self.migrate(step.first).await?;
        let mut replaced = 0;
        for name in ORDER {
            for &replica in step.replicas {
                // A game that is over by then has seen less than it should.
                replaced += usize::from(!game.is_finished());
                self.replace(name, replica, step.by).await?;
                self.further(&game).await?;
            }
        }
        self.migrate(step.last).await?;
        let report = game.await.context("the game")??;
        ensure!(replaced >= ORDER.len(), "the game was over when {replaced} processes were replaced");
        if let Some(fallen) = self.stack.fallen() {
            bail!("{fallen}");
        }
        let (turns, calls) = (report.turns(), report.retries.len());
        self.story.say(format!("The games are over after {turns} turns; {calls} calls were repeated"));
        Ok(report)
    }

    /// A whole game, whose calls may have to be repeated.
    fn play(&self) -> JoinHandle<Result<Report>> {
        let summary = self.summary.clone();
        let options = Options { schedule: "@every 2s".into(), patience: Duration::from_secs(120), disturbed: true };
        tokio::spawn(async move { demo::play(&summary, &options, Story::new(|_| {})).await })
    }

    /// Ends a process in order, and starts the other release's in its place.
    async fn replace(&mut self, name: &str, replica: usize, by: &Path) -> Result<()> {
        let member = self.stack.member(name, replica);
        let began = Instant::now();
        member.terminate();
        member.wait_stopped(IN_TIME).await?;
        member.take_from(by);
        member.launch()?;
        member.wait_ready(IN_TIME).await?;
        let took = began.elapsed().as_secs_f64();
        self.story.say(format!("{} is replaced, and ready after {took:.1} s", member.label()));
        Ok(())
    }

    async fn migrate(&self, migrations: &[Migration<'_>]) -> Result<()> {
        for (binaries, arguments) in migrations {
            let program = ProcConfig::new(binaries.join("migrate"));
            let program = program.env("BACKEND_POSTGRES_DSN", &self.summary.postgres_dsn);
            let program = arguments.iter().fold(program, |program, argument| program.arg(argument));
            let mut migrate = Proc::start(program)?;
            let status = migrate.wait_exit(IN_TIME).await?;
            ensure!(status.success(), "migrate {arguments:?} failed ({status}):\n{}", migrate.tail(40));
            self.story.say(format!("migrate {}", arguments.join(" ")));
        }
        Ok(())
    }

    /// Waits until the game has come somewhat further, which its players are told, or is over.
    async fn further(&self, game: &JoinHandle<Result<Report>>) -> Result<()> {
        let told = |journal: &Journal| journal.entries.len();
        let before = self.watcher.look(told);
        let end = Instant::now() + IN_TIME;
        while !game.is_finished() {
            let (now, fault) = self.watcher.look(|journal| (told(journal), journal.fault.clone()));
            if let Some(fault) = fault {
                bail!("the push stream broke its contract: {fault}");
            }
            if now >= before + FURTHER {
                return Ok(());
            }
            ensure!(Instant::now() < end, "expected the game to go on within {IN_TIME:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
}
