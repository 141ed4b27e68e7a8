//! Whom a mail goes to, and what the relay said about each.

use shared::db::mail::{Decision, Letter};
use shared::domain::delivery::RecipientStatus;

use crate::smtp::{Path, Reply, Step};

/// What the relay said about a recipient in this attempt.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Not asked yet.
    None,
    /// 2xx to `RCPT`; means something only if the message was taken as well.
    Accepted(Reply),
    /// 4xx.
    PutOff(Reply),
    /// 5xx, or no relay could take it.
    Refused(Reply),
}

/// A recipient that was undecided before this attempt.
pub struct Asked {
    /// The address, as enqueued.
    pub address: String,
    /// The same as the envelope holds it.
    pub path: Path,
    /// What the relay said.
    pub answer: Answer,
}

/// All recipients of a mail.
pub struct Recipients {
    asked: Vec<Asked>,
    /// Undecided before, and no addresses at all.
    impossible: Vec<(String, Reply)>,
    /// Everybody with a usable address, decided or not, in the letter's order: the `To` header of every copy.
    header: Vec<Path>,
    /// Somebody accepted in an earlier attempt.
    pub accepted_before: bool,
}

impl Recipients {
    /// Sorts a letter's recipients.
    pub fn of(letter: &Letter) -> Self {
        let mut all = Self { asked: Vec::new(), impossible: Vec::new(), header: Vec::new(), accepted_before: false };
        for recipient in &letter.recipients {
            all.accepted_before |= recipient.status == RecipientStatus::Accepted;
            let undecided = recipient.status == RecipientStatus::Undecided;
            match Path::parse(&recipient.address) {
                Ok(path) => {
                    all.header.push(path.clone());
                    if undecided {
                        let address = recipient.address.clone();
                        all.asked.push(Asked { address, path, answer: Answer::None });
                    }
                }
                Err(why) if undecided => {
                    let reply = Reply::new(Step::RcptTo, None, &format!("not a mail address: {why}"));
                    all.impossible.push((recipient.address.clone(), reply));
                }
                Err(_) => {}
            }
        }
        all
    }

    /// Those whom to ask.
    pub fn open(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|r| matches!(r.answer, Answer::None))
    }

    /// Those whom to ask.
    pub fn open_mut(&mut self) -> impl Iterator<Item = &mut Asked> {
        self.asked.iter_mut().filter(|r| matches!(r.answer, Answer::None))
    }

    /// Forgets all answers: the dialogue starts again.
    pub fn ask_again(&mut self) {
        self.asked.iter_mut().for_each(|r| r.answer = Answer::None);
    }

    /// Forgets the acceptances: the dialogue starts again with those whom nothing final was said about.
    pub fn ask_the_others(&mut self) {
        let accepted = self.asked.iter_mut().filter(|r| matches!(r.answer, Answer::Accepted(_)));
        accepted.for_each(|r| r.answer = Answer::None);
    }

    /// Whether the relay would take the message for anybody.
    pub fn any_accepted(&self) -> bool {
        self.asked.iter().any(|r| matches!(r.answer, Answer::Accepted(_)))
    }

    /// Refuses those whom only SMTPUTF8 could reach.
    pub fn refuse_non_ascii(&mut self, why: &str) {
        for recipient in self.open_mut().filter(|r| !r.path.is_ascii()) {
            recipient.answer = Answer::Refused(Reply::new(Step::RcptTo, None, why));
        }
    }

    /// The addresses for the `To` header.
    pub fn for_header(&self, utf8: bool) -> impl Iterator<Item = &Path> {
        self.header.iter().filter(move |path| utf8 || path.is_ascii())
    }

    /// Gives everybody who has no final answer of their own this one: the message itself was turned away.
    pub fn all_unsettled(&mut self, answer: &Answer) {
        for recipient in &mut self.asked {
            if matches!(recipient.answer, Answer::None | Answer::Accepted(_)) {
                recipient.answer = answer.clone();
            }
        }
    }

    /// What the relay said to one who was put off: to whom it asked for the longest delay.
    pub fn put_off(&self) -> Option<&Reply> {
        let said = self.asked.iter().filter_map(|r| match &r.answer {
            Answer::PutOff(reply) => Some(reply),
            _ => None,
        });
        // Of several the first: `max_by_key` alone would take the last.
        said.rev().max_by_key(|reply| reply.asked)
    }

    /// The first thing that was said about anybody.
    pub fn first_reply(&self) -> Reply {
        let said = self.asked.iter().find_map(|r| match &r.answer {
            Answer::None => None,
            Answer::Accepted(reply) | Answer::PutOff(reply) | Answer::Refused(reply) => Some(reply),
        });
        let said = said.or(self.impossible.first().map(|(_, reply)| reply));
        said.cloned().unwrap_or_else(|| Reply::new(Step::RcptTo, None, "nobody is left to send it to"))
    }

    /// What is to be written down. `sent`: the relay took the message, or finally answered; else acceptance of a
    /// recipient means nothing.
    pub fn decisions(&self, sent: bool) -> Vec<Decision> {
        let decision = |address: &str, status, reply: &Reply| Decision {
            address: address.to_owned(),
            status,
            smtp_code: reply.smtp_code(),
            detail: reply.text.clone(),
        };
        let asked = self.asked.iter().filter_map(|r| match &r.answer {
            Answer::Accepted(reply) if sent => Some(decision(&r.address, RecipientStatus::Accepted, reply)),
            Answer::PutOff(reply) => Some(decision(&r.address, RecipientStatus::Undecided, reply)),
            Answer::Refused(reply) => Some(decision(&r.address, RecipientStatus::Refused, reply)),
            Answer::None | Answer::Accepted(_) => None,
        });
        let impossible = self.impossible.iter().map(|(a, reply)| decision(a, RecipientStatus::Refused, reply));
        asked.chain(impossible).collect()
    }
}
