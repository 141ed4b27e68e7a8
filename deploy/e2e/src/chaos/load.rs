//! What goes on meanwhile: games that are played, and newcomers who sign up, open games and invite each other. Each writes down what
//! they were answered.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::TimeDelta;
use parking_lot::Mutex;
use serde_json::json;
use shared::clock::Clock;
use testkit::stack::Summary;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Options;
use crate::demo::{self, Story};
use crate::fields::{id, text};
use crate::gateway::{As, Call, Rest};
use crate::mailbox::Mailbox;
use crate::sign_in::{self, SignedIn};

/// How long it takes until the next one comes in by the same door.
const PAUSE: Duration = Duration::from_millis(400);
/// How many of the newest each newcomer invites: less than an inviter may in an hour (SPEC §7).
const GUESTS: usize = 3;

/// Somebody asked for codes, and was answered 2xx.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) email: String,
    /// Whose account it opened.
    pub(super) user_id: Uuid,
    pub(super) asked: usize,
    /// How many requests may have been heard: more than were answered where some had to be repeated.
    pub(super) tries: usize,
}

/// Somebody was invited, and who invited them was answered 2xx.
#[derive(Debug, Clone)]
pub(super) struct Invite {
    pub(super) email: String,
    pub(super) user_id: Uuid,
    pub(super) game_id: Uuid,
}

/// What the newcomers were promised.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    pub(super) codes: Vec<Code>,
    pub(super) invites: Vec<Invite>,
    /// Tokens of their sessions.
    pub(super) secrets: Vec<String>,
}

#[derive(Debug, Clone)]
struct Person {
    user_id: Uuid,
    user_name: String,
    email: String,
}

/// The newcomers of a whole run.
pub(super) struct Crowd {
    rest: Rest,
    mailbox: Mailbox,
    patience: Duration,
    engine_version: String,
    next: AtomicU32,
    book: Mutex<Book>,
    newest: Mutex<VecDeque<Person>>,
}

impl Crowd {
    /// Nobody yet; and the engine that their games name.
    ///
    /// # Errors
    /// When the stack does not take the engine.
    pub(super) async fn gather(summary: &Summary, patience: Duration) -> Result<Crowd> {
        let rest = Rest::new(summary, patience)?;
        let engine = json!({ "version": summary.engine_version, "image": summary.engine_image });
        rest.call(As::Admin, &Call::create("/admin/engine-versions", engine)).await?.expect(201)?;
        Ok(Crowd {
            rest,
            mailbox: Mailbox::new(summary)?,
            patience,
            engine_version: summary.engine_version.clone(),
            next: AtomicU32::new(0),
            book: Mutex::default(),
            newest: Mutex::default(),
        })
    }

    /// What they were promised so far.
    pub(super) fn book(&self) -> Book {
        self.book.lock().clone()
    }

    /// How many of their calls had to be repeated.
    pub(super) fn retries(&self) -> usize {
        self.rest.retries().len()
    }

    /// One after the other, until it is enough.
    async fn come(&self, enough: &CancellationToken) -> Result<()> {
        while !enough.is_cancelled() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            self.newcomer(number).await.with_context(|| format!("newcomer {number}"))?;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// So many, one after the other.
    pub(super) async fn welcome(&self, how_many: u32) -> Result<()> {
        for number in 0..how_many {
            self.newcomer(number).await.with_context(|| format!("newcomer {number}"))?;
        }
        Ok(())
    }

    async fn newcomer(&self, number: u32) -> Result<()> {
        let me = self.sign_up(number).await?;
        let guests = self.guests(&me);
        if guests.is_empty() {
            return Ok(());
        }
        let game = self.open_game(&me, number).await?;
        for guest in guests {
            self.invite(&me, game, guest).await?;
        }
        Ok(())
    }

    async fn sign_up(&self, number: u32) -> Result<Person> {
        let email = format!("newcomer-{number}@players.example");
        // From the block for benchmarks (RFC 2544): nobody shares a network's budget with another.
        let [_, high, middle, low] = number.to_be_bytes();
        let address = Ipv4Addr::new(198, 18 + (high & 1), middle, low);
        let signed_in = sign_in::by_code(&self.rest, &self.mailbox, self.patience, &email, address, None).await?;
        {
            let mut book = self.book.lock();
            let SignedIn { user_id, codes: asked, tries, .. } = signed_in;
            book.codes.push(Code { email: email.clone(), user_id, asked, tries });
            book.secrets.push(signed_in.token);
        }
        let user_id = signed_in.user_id;
        let account = self.rest.call(As::User(user_id), &Call::get("/user/account")).await?.expect(200)?;
        Ok(Person { user_id, user_name: text(&account, "user_name")?.to_owned(), email })
    }

    /// Those who came last; from now on this one is of them.
    fn guests(&self, me: &Person) -> Vec<Person> {
        let mut newest = self.newest.lock();
        let guests = newest.iter().cloned().collect();
        newest.push_back(me.clone());
        if newest.len() > GUESTS {
            newest.pop_front();
        }
        guests
    }

    async fn open_game(&self, me: &Person, number: u32) -> Result<Uuid> {
        let body = json!({
            "name": format!("Gathering {number}"),
            "description": "For friends.",
            "min_players": 2,
            "max_players": 4,
            "enrollment_ends_at": Clock::system().now() + TimeDelta::days(1),
            "turn_schedule": "@every 1h",
            "target_engine_version": self.engine_version,
        });
        let owner = As::User(me.user_id);
        let game = self.rest.call(owner, &Call::create("/user/lobby/games", body)).await?.expect(201)?;
        let game = id(&game, "game_id")?;
        let opened = self.rest.call(owner, &Call::post(format!("/user/lobby/games/{game}/open-enrollment"))).await?;
        // The lost answer was a yes.
        if !(opened.repeated && opened.code() == "game_state_conflict") {
            opened.expect(200)?;
        }
        Ok(game)
    }

    async fn invite(&self, me: &Person, game_id: Uuid, guest: Person) -> Result<()> {
        let body = json!({ "invited_user_name": guest.user_name });
        let call = Call::create(format!("/user/lobby/games/{game_id}/invites"), body);
        self.rest.call(As::User(me.user_id), &call).await?.expect(201)?;
        self.book.lock().invites.push(Invite { email: guest.email, user_id: guest.user_id, game_id });
        Ok(())
    }
}

/// The load of one batch of rounds. Dropped, it breaks off.
pub(super) struct Load {
    tasks: JoinSet<Result<Vec<demo::Report>>>,
    enough: CancellationToken,
}

impl Load {
    /// Begins it.
    pub(super) fn start(summary: &Summary, options: &Options, crowd: &Arc<Crowd>, story: &Story) -> Load {
        let (mut tasks, enough) = (JoinSet::new(), CancellationToken::new());
        for _ in 0..options.doors {
            let (crowd, enough) = (Arc::clone(crowd), enough.clone());
            tasks.spawn(async move { crowd.come(&enough).await.map(|()| Vec::new()) });
        }
        let played = demo::Options { schedule: options.schedule.clone(), patience: options.patience, disturbed: true };
        let (summary, until) = (summary.clone(), enough.clone());
        // The players' own story is long, and another one.
        let story = if options.whole_story { story.clone() } else { Story::new(|_| {}) };
        tasks.spawn(async move {
            let mut reports = Vec::new();
            while !until.is_cancelled() {
                let report = demo::play(&summary, &played, story.clone()).await;
                reports.push(report.context("the games that were played")?);
            }
            Ok(reports)
        });
        Load { tasks, enough }
    }

    /// Begins nothing more, and brings to its end what was begun.
    ///
    /// # Errors
    /// The first of the load that did not go as it must; the rest is broken off.
    pub(super) async fn end(mut self) -> Result<Vec<demo::Report>> {
        self.enough.cancel();
        let mut reports = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            reports.extend(ended.context("a task of the load")??);
        }
        Ok(reports)
    }
}
