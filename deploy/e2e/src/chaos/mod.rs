//! Chaos: a whole stack under load, of which one part after the other is killed, frozen, ended or cut off, as a seed decides. What must
//! hold all the same is looked at from outside, each time after everything has come to rest (SPEC §10–§13, docs/testing.md).

mod database;
mod engines;
mod events;
mod ledger;
mod load;
mod plan;
mod report;
mod strike;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use sqlx::{Connection as _, PgConnection};
use testkit::stack::{Stack, Summary};

pub use report::Report;

use crate::demo::Story;
use crate::gateway::Subscriber;
use crate::mailbox::Mailbox;
use database::Look;
use ledger::Ledger;
use load::{Crowd, Load};
use plan::{DECK, Round};
use strike::{IN_TIME, Struck, strike};

/// How long the follower stays away when it hangs up.
const AWAY: Duration = Duration::from_millis(500);

/// How often it is asked whether everything has come to rest.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How a run goes.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many blows are struck.
    pub rounds: usize,
    /// What decides them.
    pub seed: u64,
    /// When the games make a turn.
    pub schedule: String,
    /// How long anything that must come is waited for, whatever was done to who brings it.
    pub patience: Duration,
    /// Whether the players' story is told as well.
    pub whole_story: bool,
    /// Whether each process is ended by SIGTERM, once and in turn, in one batch, in place of what the seed decides.
    pub only_ends: bool,
    /// How many newcomers come at once.
    pub doors: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            rounds: DECK.len(),
            seed: 0,
            schedule: "@every 2s".into(),
            patience: Duration::from_secs(180),
            whole_story: false,
            only_ends: false,
            doors: 2,
        }
    }
}

/// Runs it on a stack that nobody else has used, telling `story` each round. After each batch of rounds the load comes to its end, and
/// what must hold is looked at; the first batch after which it does not is the last. The stack is up when it returns without faults.
/// Needs a runtime of several threads.
///
/// # Errors
/// When it cannot begin. What went wrong later is a fault in the report.
pub async fn run(stack: &mut Stack, options: &Options, story: &Story) -> Result<Report> {
    let began = Instant::now();
    let replicas = stack.config().replicas;
    let (rounds, batch) = match options.only_ends {
        true => (plan::ends(replicas), usize::MAX),
        false => (plan::plan(options.seed, options.rounds, replicas), DECK.len()),
    };
    let mut chaos = Chaos::prepare(stack, options, story).await?;
    let batches: Vec<&[Round]> = rounds.chunks(batch).collect();
    for (number, batch) in batches.iter().enumerate() {
        // It keeps only so many, and what was judged stands in the ledger. What the batches before found is told all the same.
        if number > 0
            && let Err(fault) = chaos.mailbox.clear().await
        {
            chaos.report.faults.push(format!("between two batches: {fault:#}"));
            break;
        }
        if let Err(fault) = chaos.batch(batch).await {
            chaos.report.faults.push(format!("{fault:#}"));
        }
        if !chaos.report.faults.is_empty() {
            break;
        }
    }
    let mut report = chaos.report;
    let book = chaos.crowd.book();
    (report.codes, report.invites) = (book.codes.len(), book.invites.len());
    report.secrets.extend(book.secrets);
    report.retries = chaos.crowd.retries();
    report.mails = chaos.ledger.len();
    (report.events, report.resumes) = chaos.follower.look(|journal| (journal.entries.len(), journal.resumes));
    report.took = began.elapsed();
    Ok(report)
}

/// So many newcomers come in, one after the other: each signs in by a mailed code, opens a game, and invites who came just before.
///
/// # Errors
/// The first step that did not go as it must.
pub async fn newcomers(summary: &Summary, patience: Duration, how_many: u32) -> Result<()> {
    Crowd::gather(summary, patience).await?.welcome(how_many).await
}

/// A run under way.
struct Chaos<'a> {
    stack: &'a mut Stack,
    options: &'a Options,
    story: &'a Story,
    summary: Summary,
    /// Follows the push stream over all replicas, from before the first event to the end.
    follower: Subscriber,
    mailbox: Mailbox,
    crowd: Arc<Crowd>,
    ledger: Ledger,
    struck: Vec<Struck>,
    report: Report,
}

impl<'a> Chaos<'a> {
    async fn prepare(stack: &'a mut Stack, options: &'a Options, story: &'a Story) -> Result<Chaos<'a>> {
        let summary = stack.summary().clone();
        let follower = Subscriber::open(&summary, "chaos-follower", options.patience).await?;
        let crowd = Arc::new(Crowd::gather(&summary, options.patience).await?);
        let mailbox = Mailbox::new(&summary)?;
        let report = Report { seed: options.seed, ..Report::default() };
        let (ledger, struck) = (Ledger::default(), Vec::new());
        Ok(Chaos { stack, options, story, summary, follower, mailbox, crowd, ledger, struck, report })
    }

    /// The rounds of a batch under load, then rest, then the reckoning.
    async fn batch(&mut self, rounds: &[Round]) -> Result<()> {
        let load = Load::start(&self.summary, self.options, &self.crowd, self.story);
        for round in rounds {
            tokio::time::sleep(round.after).await;
            self.round(round).await?;
        }
        self.story.say("Nothing new begins, and what was begun comes to its end");
        for played in load.end().await? {
            self.report.played(&played);
        }
        for member in self.stack.members() {
            member.wait_ready(IN_TIME).await?;
        }
        self.reckon().await
    }

    async fn round(&mut self, round: &Round) -> Result<()> {
        self.report.struck(&round.blow);
        let number = self.report.rounds();
        self.story.say(format!("Round {number}: {}", round.blow));
        if round.hangs_up {
            self.report.hang_ups += 1;
            self.follower.hang_up(AWAY);
        }
        let struck = strike(self.stack, round.blow).await?;
        if let Some(took) = struck.ending() {
            self.story.say(format!("It ended with 0 after {took:.1?}"));
            self.report.slowest_end = self.report.slowest_end.max(took);
        }
        self.struck.push(struck);
        Ok(())
    }

    /// Everything that must hold, and the faults where it does not.
    async fn reckon(&mut self) -> Result<()> {
        let mut conn = database::connect(&self.summary).await?;
        let Look { given_up, outbox, head, published, revoked, games } = self.rest(&mut conn).await?;
        conn.close().await?;
        let mut faults = given_up;
        faults.extend(self.stack.fallen());
        let book = self.crowd.book();

        // A cursor is digits of one length: text is in their order.
        let newest = head.to_string();
        let caught_up = self
            .follower
            .wait("the head of the log", self.options.patience, |journal| (journal.cursor() >= newest).then_some(()));
        if let Err(fault) = caught_up.await {
            faults.push(format!("{fault:#}"));
        }
        faults.extend(self.follower.look(|journal| events::judge(journal, head, &published, &revoked, &book)));

        let kept = self.stack.config().dir.join("games");
        for game in &games {
            if let Err(fault) = engines::judge(&kept, game) {
                faults.push(format!("the engine of game {}: {fault:#}", game.id));
            }
        }
        self.report.games = games.len();
        self.report.turns = games.iter().map(|game| i64::from(game.turn)).sum();

        // Last of all: a zombie's copy may come late, and what comes after this look is thrown away. The next one finds the gap.
        let arrived = self.mailbox.mails(None, self.ledger.newest()).await?;
        faults.extend(self.ledger.enter(arrived));
        let reckoning = self.ledger.reckon(&outbox, &book, &self.struck);
        faults.extend(reckoning.faults);
        self.report.copies = reckoning.copies;

        let (mails, copies) = (self.ledger.len(), self.report.copies.values().sum::<usize>());
        let (turns, events) = (self.report.turns, self.follower.look(|journal| journal.entries.len()));
        self.story.say(format!("At rest: {mails} mails and {copies} copies, {events} events, {turns} turns"));
        self.report.faults.extend(faults);
        Ok(())
    }

    /// Waits until no row of a queue is due, to be due, or in anybody's hands: whatever is then still there is stuck. Answers what the
    /// rows say in that moment.
    async fn rest(&self, conn: &mut PgConnection) -> Result<Look> {
        let end = Instant::now() + self.options.patience;
        loop {
            let rows = match database::look(conn).await? {
                Ok(look) => return Ok(look),
                Err(rows) => rows,
            };
            if Instant::now() > end {
                bail!("stuck for {:?}: {}", self.options.patience, rows.join("; "));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
