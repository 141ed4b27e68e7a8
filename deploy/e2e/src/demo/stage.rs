//! What all scenes share: the gateway, two push streams, the mailboxes, and the book of what everybody is owed.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::domain::notification::Payload;
use testkit::stack::Summary;
use uuid::Uuid;

use super::cast::{Player, word};
use super::measure::{Latencies, between};
use super::{Options, Story};
pub(super) use crate::fields::{id, number, text};
use crate::gateway::{Entry, Rest, Subscriber};
use crate::mailbox::Mailbox;

/// Everything that the scenes act with.
pub struct Stage {
    pub(super) summary: Summary,
    pub(super) options: Options,
    pub(super) story: Story,
    /// What sets this run apart.
    pub(super) run: String,
    pub(super) rest: Rest,
    /// The gateway's stream, which is interrupted now and then.
    pub(super) push: Subscriber,
    /// A second gateway's stream, which must have seen the same at the end.
    pub(super) observer: Subscriber,
    pub(super) mailbox: Mailbox,
    /// The newest mail before the story began.
    pub(super) first_mail: u64,
    pub(super) latencies: Latencies,
    /// Mails that must have come, but for sign-in codes: address and subject.
    pub(super) mails_due: Vec<(String, String)>,
    /// Events that must have come: user and what it says, as far as it is known before.
    pub(super) events_due: Vec<(Uuid, Due)>,
    pub(super) codes_asked: usize,
    /// Tokens and keys of the sessions that were opened.
    pub(super) secrets: Vec<String>,
}

/// What an owed event must say: its kind, and the game that it is about, if any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    pub(super) kind: &'static str,
    pub(super) game: Option<Uuid>,
}

impl Due {
    pub(super) fn of(payload: &Payload) -> Due {
        let fields = payload.to_json();
        let game = fields.get("game_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        Due { kind: payload.kind().as_str(), game }
    }
}

impl Stage {
    pub(super) async fn set(summary: &Summary, options: &Options, story: Story) -> Result<Stage> {
        let run = word();
        let rest = Rest::new(summary, options.patience)?;
        let mailbox = Mailbox::new(summary)?;
        let lower = run.to_lowercase();
        let push = Subscriber::open(summary, &format!("gateway-{lower}"), options.patience).await?;
        let observer = Subscriber::open(summary, &format!("observer-{lower}"), options.patience).await?;
        let first_mail = mailbox.newest(None).await?;
        story.say(format!("This run is called {run}. Two gateways follow the push stream; no player sees more than their clients would."));
        Ok(Stage {
            summary: summary.clone(),
            options: options.clone(),
            story,
            run,
            rest,
            push,
            observer,
            mailbox,
            first_mail,
            latencies: Latencies::default(),
            mails_due: Vec::new(),
            events_due: Vec::new(),
            codes_asked: 0,
            secrets: Vec::new(),
        })
    }

    pub(super) fn patience(&self) -> Duration {
        self.options.patience
    }

    /// Enters into the book that this user must be told so, and by mail under this subject where one is given.
    pub(super) fn owe(&mut self, player: &Player, kind: &'static str, game: Option<Uuid>, subject: Option<String>) {
        self.events_due.push((player.user_id, Due { kind, game }));
        if let Some(subject) = subject {
            self.mails_due.push((player.email.clone(), subject));
        }
    }

    /// Waits until the gateway was told this for that user.
    pub(super) async fn told(&self, player: &Player, kind: &str, game: Option<Uuid>) -> Result<Entry> {
        let what = format!("{kind} for {}", player.name);
        let found = |entry: &&Entry| {
            entry.told(player.user_id).map(Due::of).is_some_and(|due| due.kind == kind && due.game == game)
        };
        self.push.wait(&what, self.patience(), |journal| journal.entries.iter().find(found).cloned()).await
    }

    /// Takes the time of an event whose intent was committed before `since`.
    pub(super) fn time_push(&mut self, since: DateTime<Utc>, entry: &Entry) -> String {
        let took = between(since, entry.at);
        self.latencies.push.push(took);
        millis(took)
    }
}

/// A time for people.
pub(super) fn millis(took: Duration) -> String {
    format!("{:.0} ms", took.as_secs_f64() * 1000.0)
}
