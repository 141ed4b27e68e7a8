//! One mail, from a claimed row to a verdict. The table in `docs/mail.md` says what each failure leads to.

use std::time::{Duration, Instant};

use shared::db::Db;
use shared::db::mail::{Attempt, Decision, Letter, data_begins};
use shared::domain::delivery::{AttemptOutcome, DeliveryStatus, RecipientStatus};
use shared::mail::Priority;
use shared::queue::{Claim, Lost, Outcome, Settings, Verdict, WorkContext, backoff};
use shared::random::Random;

use crate::circuit::Circuit;
use crate::lines::{Line, Lines};
use crate::marks::Marks;
use crate::message::Composer;
use crate::pace::Pace;
use crate::recipients::{Answer, Recipients};
use crate::smtp::{Failure, Pool, Pooled, Reply, Session, Step};

/// How soon a mail that met a dead relay is due again: the circuit, not the row, waits for the relay.
const RELAY_DOWN: Duration = Duration::from_millis(500);
/// How soon a mail is due again for which the relay had no connection left, while it serves others.
const RELAY_FULL: Duration = Duration::from_secs(2);
/// The least that the life of a mail which expires allows between two tries.
const LIFE_STEP: Duration = Duration::from_secs(30);

/// What is to be written about a mail beside its status.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// The try, if one was made.
    pub attempt: Option<Attempt>,
    /// What was learned about recipients.
    pub decisions: Vec<Decision>,
}

/// Sends mails.
pub struct Mailer {
    /// For the moment before `DATA` of a mail whose row somebody has locked.
    pub db: Db,
    /// For the moment before `DATA`.
    pub marks: Marks,
    /// Whose turn it is with the relay.
    pub lines: Lines,
    /// How fast mails may follow each other.
    pub pace: std::sync::Arc<Pace>,
    /// How long a mail waits for its turn. Then it is given back: whatever holds the connections up, its attempt must not
    /// end by its time limit, which counts.
    pub patience: Duration,
    /// The relay.
    pub pool: std::sync::Arc<Pool>,
    /// Whether the relay is there.
    pub circuit: std::sync::Arc<Circuit>,
    /// Writes messages.
    pub composer: Composer,
    /// How retries are spread.
    pub settings: Settings,
    /// Jitter.
    pub random: Random,
}

/// How a dialogue ended.
enum End {
    /// The relay took the message for those who are [`Answer::Accepted`].
    Sent(Reply),
    /// Nobody who was asked would have it now.
    Nobody,
    /// It did not come to a message, or the relay refused it, or may have taken it.
    Failed(Failure),
    /// The connection went at a recipient, who is put off; others are to be asked over another one.
    Parted,
    /// Its time passed meanwhile.
    Expired,
    /// It did not come to `DATA`, for our own sake.
    Unmarked(Unmarked),
}

/// Why `DATA` may not begin.
enum Unmarked {
    /// The row is not ours any more, or may not be.
    NotOurs,
    /// Nobody can say whether the mark was written.
    Unknown(String),
}

impl From<Lost> for Unmarked {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Lease | Lost::Row => Self::NotOurs,
            Lost::Database(error) => Self::Unknown(error.to_string()),
        }
    }
}

/// What becomes of the connection.
enum After {
    Drop,
    Keep { mid_dialogue: bool },
}

impl Mailer {
    /// Delivers one mail, as far as it goes now.
    pub async fn deliver(&self, cx: &WorkContext, claim: &Claim, letter: &Letter) -> Verdict<Note> {
        if letter.expired {
            return verdict(Outcome::Done(DeliveryStatus::Expired.as_str()), Note::default());
        }
        let read = Instant::now();
        // Held until the connection is given back.
        let Some(_line) = self.line(cx, claim).await else { return verdict(Outcome::Release, Note::default()) };
        let life = letter.life.map(|life| life.saturating_sub(read.elapsed()));
        let begun = Instant::now();
        let mut recipients = Recipients::of(letter);
        let end = self.converse(cx, claim, letter, &mut recipients).await;
        self.judge(claim, life, end, recipients, begun.elapsed())
    }

    /// The mail's turn with the relay; `None`: it is to be given back as if it had never been claimed.
    async fn line(&self, cx: &WorkContext, claim: &Claim) -> Option<Line<'_>> {
        let urgent = claim.priority == Priority::Urgent.as_i16();
        let turn = async {
            let line = self.lines.take(urgent).await?;
            self.pace.turn(urgent).await;
            Some(line)
        };
        tokio::select! {
            biased;
            () = self.circuit.opened() => None,
            line = turn => line,
            // What has not begun is for others, or for later.
            () = cx.stopping().cancelled() => None,
            () = tokio::time::sleep(self.patience) => None,
        }
    }

    /// The dialogue, over a new connection if one from the pool turns out dead.
    #[tracing::instrument(name = "smtp", skip_all, fields(otel.kind = "client"))]
    async fn converse(&self, cx: &WorkContext, claim: &Claim, letter: &Letter, recipients: &mut Recipients) -> End {
        if recipients.open().next().is_none() {
            return End::Nobody;
        }
        let mut pooled = self.pool.get().await;
        loop {
            let Pooled { mut session, reused } = match pooled {
                Ok(pooled) => pooled,
                Err(failure) => return End::Failed(failure),
            };
            let (end, after) = self.dialogue(cx, claim, letter, recipients, &mut session).await;
            if let After::Keep { mid_dialogue } = after {
                self.pool.give_back(session, mid_dialogue).await;
                return end;
            }
            match &end {
                // It may have died while it lay idle, or have served its time: nothing is known about the relay yet. What may
                // have been taken is not sent again so soon.
                End::Failed(failure) if reused && !matches!(failure, Failure::Unknown(_)) => recipients.ask_again(),
                End::Parted if reused => recipients.ask_again(),
                End::Parted => recipients.ask_the_others(),
                _ => return end,
            }
            if recipients.open().next().is_none() {
                return end;
            }
            pooled = self.pool.connect().await;
        }
    }

    async fn dialogue(
        &self,
        cx: &WorkContext,
        claim: &Claim,
        letter: &Letter,
        recipients: &mut Recipients,
        session: &mut Session,
    ) -> (End, After) {
        if !session.smtp_utf8() {
            recipients.refuse_non_ascii("the relay does not take non-ASCII addresses (SMTPUTF8, RFC 6531)");
        }
        if recipients.open().next().is_none() {
            return (End::Nobody, After::Keep { mid_dialogue: false });
        }
        let message = self.composer.compose(letter, recipients.for_header(session.smtp_utf8()));
        if let Err(failure) = session.mail(self.composer.sender(), !message.is_ascii()).await {
            return failed(failure);
        }
        for recipient in recipients.open_mut() {
            recipient.answer = match session.rcpt(&recipient.path).await {
                Ok(reply) => Answer::Accepted(reply),
                Err(Failure::Transient(reply)) => Answer::PutOff(reply),
                Err(Failure::Permanent(reply)) => Answer::Refused(reply),
                Err(Failure::Closing(reply) | Failure::Broken(reply)) => {
                    recipient.answer = Answer::PutOff(reply);
                    return (End::Parted, After::Drop);
                }
                Err(failure) => return failed(failure),
            };
            if session.is_spent() {
                // The answer broke off behind its digits.
                return (End::Parted, After::Drop);
            }
        }
        if !recipients.any_accepted() {
            return (End::Nobody, After::Keep { mid_dialogue: true });
        }
        match self.data_begins(cx, claim, letter).await {
            Ok(true) => {}
            Ok(false) => return (End::Expired, After::Keep { mid_dialogue: true }),
            Err(unmarked) => return (End::Unmarked(unmarked), After::Keep { mid_dialogue: true }),
        }
        if let Err(failure) = session.data().await {
            return failed(failure);
        }
        match session.message(&message).await {
            // A connection that broke off behind the relay's yes is not asked anything any more; the mail is sent.
            Ok(reply) => (End::Sent(reply), After::Keep { mid_dialogue: false }),
            Err(failure) => failed(failure),
        }
    }

    /// The fenced mark right before `DATA`: the row is still ours, its time has not passed, and whoever finds it after our
    /// death knows that the relay may have the mail.
    async fn data_begins(&self, cx: &WorkContext, claim: &Claim, letter: &Letter) -> Result<bool, Unmarked> {
        if !cx.lease_valid() {
            return Err(Unmarked::NotOurs);
        }
        let begun = match self.marks.set(claim.id, claim.token).await {
            Ok(Some(begun)) => begun,
            Ok(None) => self.marked_alone(cx, claim, letter).await?,
            Err(error) => return Err(Unmarked::Unknown(error.to_string())),
        };
        if cx.lease_valid() { Ok(begun) } else { Err(Unmarked::NotOurs) }
    }

    /// The mark in a transaction of its own, which waits for whoever has the row.
    async fn marked_alone(&self, cx: &WorkContext, claim: &Claim, letter: &Letter) -> Result<bool, Lost> {
        let mut tx = self.db.begin().await?;
        cx.hold(&mut tx, claim).await?;
        let begun = data_begins(&mut tx, letter.delivery_id).await?;
        tx.commit().await?;
        Ok(begun)
    }

    fn judge(
        &self,
        claim: &Claim,
        life: Option<Duration>,
        end: End,
        mut recipients: Recipients,
        took: Duration,
    ) -> Verdict<Note> {
        let note = |outcome, reply: &Reply, decisions| Note {
            attempt: Some(Attempt { outcome, smtp_code: reply.smtp_code(), detail: reply.to_string(), took }),
            decisions,
        };
        let retry = |reply: &Reply| {
            let after = self.pause(claim, life.map(|life| life.saturating_sub(took)), reply.asked);
            Outcome::Retry { error: reply.to_string(), after: Some(after), counts: true }
        };
        let reply = match end {
            End::Expired => return verdict(Outcome::Done(DeliveryStatus::Expired.as_str()), Note::default()),
            End::Unmarked(Unmarked::Unknown(why)) => {
                let error = format!("before DATA: {why}");
                let outcome = Outcome::Retry { error, after: Some(RELAY_DOWN), counts: false };
                return verdict(outcome, Note::default());
            }
            // Whoever has it now writes its history; the engine will find that our token is an old one.
            End::Unmarked(Unmarked::NotOurs) => return verdict(Outcome::Release, Note::default()),
            End::Failed(Failure::Relay(reply)) => {
                let outcome = self.turned_away(&reply).unwrap_or_else(|| retry(&reply));
                // Whoever was refused before it is not asked again.
                return verdict(outcome, note(AttemptOutcome::Retry, &reply, recipients.decisions(false)));
            }
            End::Failed(Failure::Broken(reply)) => {
                return verdict(retry(&reply), note(AttemptOutcome::Retry, &reply, recipients.decisions(false)));
            }
            End::Failed(Failure::Unknown(reply)) => {
                return verdict(retry(&reply), note(AttemptOutcome::Unknown, &reply, recipients.decisions(false)));
            }
            End::Failed(Failure::Transient(reply) | Failure::Closing(reply)) => {
                recipients.all_unsettled(&Answer::PutOff(reply.clone()));
                reply
            }
            End::Failed(Failure::Permanent(reply)) => {
                recipients.all_unsettled(&Answer::Refused(reply.clone()));
                reply
            }
            End::Nobody | End::Parted => recipients.first_reply(),
            End::Sent(reply) => reply,
        };
        if reply.code.is_some() {
            self.circuit.served();
        }
        let decisions = recipients.decisions(true);
        let sent_now = decisions.iter().any(|d| d.status == RecipientStatus::Accepted);
        if let Some(put_off) = recipients.put_off() {
            return verdict(retry(put_off), note(AttemptOutcome::Retry, put_off, decisions));
        }
        let outcome = if sent_now { AttemptOutcome::Sent } else { AttemptOutcome::Permanent };
        if sent_now || recipients.accepted_before {
            verdict(Outcome::Done(DeliveryStatus::Sent.as_str()), note(outcome, &reply, decisions))
        } else {
            verdict(Outcome::Dead { error: reply.to_string() }, note(outcome, &reply, decisions))
        }
    }

    /// What becomes of a mail that the relay would not hear of, without being asked about it. `None`: it is this mail's own
    /// trouble after all, since others are served.
    fn turned_away(&self, reply: &Reply) -> Option<Outcome> {
        let serves = self.circuit.served_recently();
        let after = match reply.step {
            // It answers, and has no connection left for us, as relays that limit them say.
            Step::Greeting | Step::Hello if serves && reply.code.is_some() => RELAY_FULL,
            step if step >= Step::MailFrom && serves => return None,
            _ => {
                self.circuit.open(reply);
                RELAY_DOWN
            }
        };
        Some(Outcome::Retry { error: reply.to_string(), after: Some(after), counts: false })
    }

    /// How long a mail waits that is tried again: as its place in the schedule says, and as the relay asks if that is longer.
    /// A mail that expires is tried several times while it has its sense, and put to rest when it has none any more.
    fn pause(&self, claim: &Claim, life: Option<Duration>, asked: Option<Duration>) -> Duration {
        let failures = u32::try_from(claim.failures).unwrap_or(0).saturating_add(1);
        let own = backoff::delay(&self.random, &self.settings, failures);
        waits(own, life, asked.unwrap_or_default())
    }
}

/// Of its own pause and the one that the relay asks for the longer one. A mail that expires waits no longer than a third of the
/// life that it has left, unless the relay asks for more and leaves it a try; what would outlast its life is not waited for: a
/// try that is turned away costs nothing, and none costs the mail.
fn waits(own: Duration, life: Option<Duration>, asked: Duration) -> Duration {
    let Some(life) = life else { return own.max(asked) };
    let own = own.min((life / 3).max(LIFE_STEP)).min(life);
    if asked < life { own.max(asked) } else { own }
}

fn verdict(outcome: Outcome, note: Note) -> Verdict<Note> {
    Verdict { outcome, note }
}

fn failed(failure: Failure) -> (End, After) {
    let after = if failure.ends_connection() { After::Drop } else { After::Keep { mid_dialogue: true } };
    (End::Failed(failure), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_that_expires_gets_another_try_whatever_the_relay_asks_for() {
        for (own, life, asked, waits_for) in [
            (30, None, 900, 900),
            (30, None, 0, 30),
            (30, Some(600), 0, 30),
            (1920, Some(600), 0, 200),
            (30, Some(600), 300, 300),
            (30, Some(600), 599, 599),
            // It would be dead by then.
            (30, Some(600), 600, 30),
            (30, Some(600), 900, 30),
            (1920, Some(600), 900, 200),
            (1920, Some(20), 900, 20),
        ] {
            let found = waits(Duration::from_secs(own), life.map(Duration::from_secs), Duration::from_secs(asked));
            assert_eq!(found, Duration::from_secs(waits_for), "{own} {life:?} {asked}");
        }
    }
}
