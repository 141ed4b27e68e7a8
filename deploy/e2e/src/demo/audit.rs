//! The reckoning: everybody was told everything that they were owed, in order, once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use serde_json::Value;
use shared::domain::notification::Payload;
use testkit::mail::Mail;
use uuid::Uuid;

use super::cast::Cast;
use super::outcome::{Counted, Finish};
use super::stage::{Due, Stage, text};
use crate::gateway::{As, Call, Entry, Journal, News};
use crate::mailbox::CODE_SUBJECT;

impl Stage {
    pub(super) async fn audit(&mut self, cast: &Cast, finishes: &[Finish]) -> Result<Counted> {
        self.events_arrived(cast).await?;
        let mails = self.mails_arrived(cast).await?;
        // What came too often may come late: the containers' end is the last thing that the platform does for the games.
        for finish in finishes {
            self.engine_is_gone(finish).await?;
        }
        let (events, resumes) = self.push.look(|journal| {
            self.judge_events(cast, journal)?;
            for finish in finishes {
                in_order(cast, finish, journal)?;
            }
            ensure!(
                journal.silences == 0 || self.options.disturbed,
                "expected bookmarks on an idle stream, and it was silent"
            );
            anyhow::Ok((journal.entries.len(), journal.resumes))
        })?;
        self.story.say(format!(
            "{events} events on the push stream: dense cursors, each event once, each player's games in order"
        ));
        self.observer_agrees().await?;
        self.story.say("The second gateway saw the same events under the same cursors");
        let (mails, repeated_mails) = self.judge_mails(cast, mails).await?;
        self.story.say(format!(
            "{mails} mails, each Message-ID {}",
            if repeated_mails == 0 {
                "once".to_owned()
            } else {
                format!("whole, {repeated_mails} of them again after a crash")
            }
        ));
        Ok(Counted { mails, repeated_mails, events, resumes })
    }

    /// Waits until every event that is owed has come.
    async fn events_arrived(&self, cast: &Cast) -> Result<()> {
        let waited = self.push.wait("all events", self.patience(), |journal| {
            cast.0
                .iter()
                .all(|player| missing(&self.owed_to(player.user_id), &heard(journal, player.user_id)).is_none())
                .then_some(())
        });
        let Err(error) = waited.await else { return Ok(()) };
        self.push.look(|journal| self.judge_events(cast, journal))?;
        Err(error)
    }

    fn owed_to(&self, user: Uuid) -> Vec<Due> {
        let mut dues: Vec<Due> =
            self.events_due.iter().filter(|(who, _)| *who == user).map(|(_, due)| due.clone()).collect();
        dues.sort();
        dues
    }

    /// What each player heard is exactly what they were owed.
    fn judge_events(&self, cast: &Cast, journal: &Journal) -> Result<()> {
        for player in &cast.0 {
            let (owed, heard) = (self.owed_to(player.user_id), heard(journal, player.user_id));
            if let Some(due) = missing(&owed, &heard) {
                bail!("expected the event {} of game {:?} for {}, and it never came", due.kind, due.game, player.name);
            }
            if let Some(due) = missing(&heard, &owed) {
                bail!(
                    "the event {} of game {:?} came to {}, who was not owed it (again)",
                    due.kind,
                    due.game,
                    player.name
                );
            }
        }
        Ok(())
    }

    /// Waits until every mail that is owed has come; answers all of this run's.
    async fn mails_arrived(&self, cast: &Cast) -> Result<Vec<Mail>> {
        let end = Instant::now() + self.patience();
        loop {
            let mails = self.players_mails(cast).await?;
            let counts = distinct(&mails);
            let late = owed(&self.mails_due).into_iter().find(|(due, n)| counts.get(due).map_or(0, HashSet::len) < *n);
            let Some(((to, subject), _)) = late else { return Ok(mails) };
            ensure!(
                Instant::now() < end,
                "expected the mail \"{subject}\" to {to} within {:?}, and it did not come",
                self.patience()
            );
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    async fn players_mails(&self, cast: &Cast) -> Result<Vec<Mail>> {
        // Each player's own: others may have hundreds.
        let mut mails = Vec::new();
        for player in &cast.0 {
            mails.extend(self.mailbox.mails(Some(&player.email), self.first_mail).await?);
        }
        mails.sort_by_key(|mail| mail.number);
        mails.dedup_by_key(|mail| mail.number);
        Ok(mails)
    }

    /// No mail but what was owed, none twice, nothing that alarms the administrators. Answers how many, and how many copies.
    async fn judge_mails(&self, cast: &Cast, seen: Vec<Mail>) -> Result<(usize, usize)> {
        let mails = self.players_mails(cast).await?;
        ensure!(mails.len() >= seen.len(), "mails vanished from the catcher");
        let due = owed(&self.mails_due);
        for ((to, subject), ids) in distinct(&mails) {
            let expected = due.get(&(to.clone(), subject.clone())).copied();
            match expected {
                Some(n) => ensure!(ids.len() == n, "expected {n} mails \"{subject}\" to {to}, and {} came", ids.len()),
                None => ensure!(
                    subject.starts_with(CODE_SUBJECT),
                    "the mail \"{subject}\" came to {to}, who was not owed it"
                ),
            }
        }
        let mut first: HashMap<&str, &Mail> = HashMap::new();
        let mut copies = 0;
        for mail in &mails {
            ensure!(!mail.message_id.is_empty(), "a mail without Message-ID: {}", mail.subject);
            ensure!(mail.encrypted, "a mail came in clear: {}", mail.subject);
            let Some(earlier) = first.insert(&mail.message_id, mail) else { continue };
            copies += 1;
            ensure!(self.options.disturbed, "the mail {} came twice: {}", mail.message_id, mail.subject);
            ensure!(earlier.raw == mail.raw, "two mails share {}, and are not the same", mail.message_id);
        }
        let alarms = self.mailbox.mails(Some(&self.summary.admin_email), self.first_mail).await?;
        let ours = alarms.iter().find(|mail| mail.text.as_deref().is_some_and(|text| text.contains(&self.run)));
        ensure!(ours.is_none(), "the administrators were alarmed: {:?}", ours.map(|mail| (&mail.subject, &mail.text)));
        Ok((first.len(), copies))
    }

    async fn engine_is_gone(&self, finish: &Finish) -> Result<()> {
        let end = Instant::now() + self.patience();
        loop {
            let path = format!("/admin/runtimes/{}", finish.table.game_id);
            let runtime = self.rest.call(As::Admin, &Call::get(path)).await?.expect(200)?;
            let gone = runtime.get("container_id").is_none_or(Value::is_null);
            if gone && matches!(text(&runtime, "status")?, "finished" | "removed") {
                self.story.say(format!("The engine of \"{}\" is gone, its last reports are kept", finish.table.name));
                return Ok(());
            }
            ensure!(Instant::now() < end, "expected the engine of {} to be removed, got {runtime}", finish.table.name);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Two gateways that follow one log read the same, whatever interrupted them.
    async fn observer_agrees(&self) -> Result<()> {
        let ours: Vec<Entry> = self.push.look(|journal| journal.entries.clone());
        let Some(last) = ours.last().map(|entry| entry.cursor) else { bail!("expected events") };
        let theirs = self.observer.wait("the second gateway's events", self.patience(), |journal| {
            let there = journal.entries.last().is_some_and(|entry| entry.cursor >= last);
            there.then(|| journal.entries.clone())
        });
        let theirs = theirs.await?;
        let same = |a: &Entry, b: &Entry| a.cursor == b.cursor && a.news == b.news;
        // Whoever subscribed later has seen less of what was before.
        let start = ours.first().map(|e| e.cursor).max(theirs.first().map(|e| e.cursor));
        let ours = ours.iter().filter(|e| Some(e.cursor) >= start);
        let mut theirs = theirs.iter().filter(|e| Some(e.cursor) >= start);
        for entry in ours {
            let other = theirs.next();
            ensure!(other.is_some_and(|other| same(entry, other)), "two gateways disagree: {entry:?} and {other:?}");
        }
        Ok(())
    }
}

fn heard(journal: &Journal, user: Uuid) -> Vec<Due> {
    let mut heard: Vec<Due> = journal.entries.iter().filter_map(|entry| entry.told(user)).map(Due::of).collect();
    heard.sort();
    heard
}

/// The first of `wanted` that `there` has not as often. Both are sorted.
fn missing(wanted: &[Due], there: &[Due]) -> Option<Due> {
    let mut there = there.iter().peekable();
    for due in wanted {
        while there.next_if(|found| *found < due).is_some() {}
        if there.next_if(|found| *found == due).is_none() {
            return Some(due.clone());
        }
    }
    None
}

fn owed(dues: &[(String, String)]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for due in dues {
        *counts.entry(due.clone()).or_default() += 1;
    }
    counts
}

/// The Message-IDs by recipient and subject.
fn distinct(mails: &[Mail]) -> BTreeMap<(String, String), HashSet<String>> {
    let mut found: BTreeMap<_, HashSet<String>> = BTreeMap::new();
    for mail in mails {
        for to in &mail.envelope_to {
            found.entry((to.to_lowercase(), mail.subject.clone())).or_default().insert(mail.message_id.clone());
        }
    }
    found
}

/// Started, then each turn, then finished, for every member.
fn in_order(cast: &Cast, finish: &Finish, journal: &Journal) -> Result<()> {
    for seat in &finish.table.seats {
        let player = cast.get(seat.player)?;
        let mut next = 0;
        let mut over = false;
        for entry in &journal.entries {
            let News::Event { user_id, payload, .. } = &entry.news else { continue };
            if *user_id != player.user_id || Due::of(payload).game != Some(finish.table.game_id) {
                continue;
            }
            ensure!(!over, "{:?} came to {} after the end of {}", payload.kind(), player.name, finish.table.name);
            match payload {
                Payload::GameStarted { .. } => next = 1,
                Payload::GameTurnReady { turn, .. } => {
                    ensure!(
                        *turn == next,
                        "expected turn {next} of {} for {}, got {turn}",
                        finish.table.name,
                        player.name
                    );
                    next += 1;
                }
                Payload::GameFinished { .. } => over = true,
                _ => {}
            }
        }
        let whole = over && next == finish.turns + 1;
        ensure!(whole, "expected {} turns and the end of {} for {}", finish.turns, finish.table.name, player.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_found() {
        let due = |kind| Due { kind, game: None };
        let (a, b) = (due("a"), due("b"));
        assert_eq!(missing(&[a.clone(), a.clone()], std::slice::from_ref(&a)), Some(a.clone()));
        assert_eq!(missing(&[a.clone(), b.clone()], &[a.clone(), a.clone(), b.clone()]), None);
        assert_eq!(missing(std::slice::from_ref(&b), &[a]), Some(b));
    }
}
