//! The mails that arrived, over the whole run, and the reckoning: each that was promised came, none came that was not, and whatever
//! came again came again for a reason.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::{DateTime, Utc};
use testkit::mail::Mail;
use uuid::Uuid;

use super::database::Delivery;
use super::load::{Book, Code};
use super::plan::Kind;
use super::strike::Struck;
use crate::mailbox::{CODE_SUBJECT, INVITE_SUBJECT};

/// A mail, by its `Message-ID`.
#[derive(Debug)]
struct Taken {
    to: String,
    subject: String,
    /// Of its bytes: each copy has the same.
    content: u64,
    /// When each copy came.
    at: Vec<DateTime<Utc>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    newest: u64,
    mails: BTreeMap<String, Taken>,
}

/// What the reckoning found.
#[derive(Debug, Default)]
pub(super) struct Reckoning {
    pub(super) faults: Vec<String>,
    /// Copies beyond the first of each mail, by what explains them.
    pub(super) copies: BTreeMap<Kind, usize>,
}

impl Ledger {
    /// The number of the newest mail that was entered.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// How many mails there are, copies not counted.
    pub(super) fn len(&self) -> usize {
        self.mails.len()
    }

    /// Enters what has come since; answers what is wrong with it.
    pub(super) fn enter(&mut self, mails: Vec<Mail>) -> Vec<String> {
        let mut faults = Vec::new();
        for mail in mails {
            // The catcher counts on when it is cleared, and drops the oldest when it has too many.
            if mail.number != self.newest + 1 {
                let (last, next) = (self.newest, mail.number);
                faults.push(format!("the mails between number {last} and number {next} were thrown away unseen"));
            }
            self.newest = self.newest.max(mail.number);
            let mut content = DefaultHasher::new();
            mail.raw.hash(&mut content);
            let content = content.finish();
            let to = mail.envelope_to.join(" ").to_lowercase();
            let taken = self.mails.entry(mail.message_id.clone()).or_insert_with(|| Taken {
                to: to.clone(),
                subject: mail.subject.clone(),
                content,
                at: Vec::new(),
            });
            if (&taken.to, taken.content) != (&to, content) {
                faults.push(format!("two mails share {}, and are not the same: {}", mail.message_id, mail.subject));
            }
            taken.at.push(mail.received_at);
        }
        faults
    }

    /// Holds what came against the outbox, against what people were answered, and against what was done to the platform.
    pub(super) fn reckon(&self, outbox: &[Delivery], book: &Book, struck: &[Struck]) -> Reckoning {
        let mut reckoning = Reckoning::default();
        let known: HashMap<Uuid, &Delivery> = outbox.iter().map(|delivery| (delivery.id, delivery)).collect();
        let mut arrived = HashSet::new();
        for (message_id, taken) in &self.mails {
            let id = message_id.split('@').next().and_then(|id| id.parse::<Uuid>().ok());
            let Some(delivery) = id.and_then(|id| known.get(&id)) else {
                reckoning
                    .faults
                    .push(format!("the mail {message_id} came, and stands in no outbox: {}", taken.subject));
                continue;
            };
            arrived.insert(delivery.id);
            reckoning.copies_of(message_id, taken, delivery, struck);
        }
        for delivery in outbox {
            let (id, template, status) = (delivery.id, &delivery.template, &delivery.status);
            if status != "sent" {
                reckoning.faults.push(format!("the mail {id} ({template}) ended as {status}"));
            } else if !arrived.contains(&id) {
                reckoning.faults.push(format!("the mail {id} ({template}) is said to be sent, and never came"));
            }
        }
        self.promised(book, &mut reckoning.faults);
        reckoning
    }

    /// What was answered 2xx came as often as it was answered.
    fn promised(&self, book: &Book, faults: &mut Vec<String>) {
        let mut came: HashMap<(&str, bool), usize> = HashMap::new();
        for taken in self.mails.values() {
            let is_code = taken.subject.starts_with(CODE_SUBJECT);
            if is_code || taken.subject == INVITE_SUBJECT {
                *came.entry((taken.to.as_str(), is_code)).or_default() += 1;
            }
        }
        for code in &book.codes {
            let found = came.get(&(code.email.as_str(), true)).copied().unwrap_or(0);
            // Whoever had to ask again may have been heard twice; each that was heard has a mail of its own, or the newest code's.
            let right = if code.tries == code.asked { found == code.asked } else { (1..=code.tries).contains(&found) };
            if !right {
                let Code { email, asked, tries, .. } = code;
                faults.push(format!("{asked} codes were promised to {email}, of {tries} tries, and {found} came"));
            }
        }
        // Of whom nobody was told that they invited them, nothing may have come either.
        let mut invited: BTreeMap<&str, usize> = book.codes.iter().map(|code| (code.email.as_str(), 0)).collect();
        for invite in &book.invites {
            *invited.entry(invite.email.as_str()).or_default() += 1;
        }
        for (email, promised) in invited {
            let found = came.get(&(email, false)).copied().unwrap_or(0);
            if found != promised {
                faults.push(format!("{promised} invites were promised to {email}, and {found} came"));
            }
        }
    }
}

impl Reckoning {
    /// Each copy beyond the first has an attempt whose end nobody knows, and a blow that came in between.
    fn copies_of(&mut self, message_id: &str, taken: &Taken, delivery: &Delivery, struck: &[Struck]) {
        let again = taken.at.len().saturating_sub(1);
        if again > usize::try_from(delivery.unknown).unwrap_or(0) {
            let unknown = delivery.unknown;
            self.faults.push(format!("{message_id} came {again} times again, with {unknown} attempts of unknown end"));
        }
        for pair in taken.at.windows(2) {
            let [first, next] = pair else { continue };
            let reasons = struck.iter().filter(|struck| struck.explains(*first, *next));
            match reasons.map(|struck| struck.blow.kind).min() {
                Some(kind) => *self.copies.entry(kind).or_default() += 1,
                None => self.faults.push(format!("{message_id} came at {first} and again at {next}, for no reason")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::Invite;
    use super::super::strike::tests::{at, struck};
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn ledger(subject: &str, at: Vec<DateTime<Utc>>) -> Ledger {
        let taken = Taken { to: "ada@players.example".into(), subject: subject.into(), content: 0, at };
        Ledger { newest: 1, mails: BTreeMap::from([(format!("{ID}@galaxy.example"), taken)]) }
    }

    fn sent(unknown: i64) -> Vec<Delivery> {
        vec![Delivery { id: ID, template: "t".into(), status: "sent".into(), unknown }]
    }

    fn faults(ledger: &Ledger, outbox: &[Delivery], book: &Book, struck: &[Struck]) -> usize {
        ledger.reckon(outbox, book, struck).faults.len()
    }

    #[test]
    fn a_copy_needs_an_attempt_of_unknown_end_and_a_reason() {
        let (once, twice) = (ledger("s", vec![at(9)]), ledger("s", vec![at(9), at(16)]));
        let kill = [struck(Kind::Kill, "mail-worker", 10, 10)];
        let book = Book::default();
        assert_eq!(faults(&once, &sent(0), &book, &[]), 0);
        assert_eq!(faults(&twice, &sent(1), &book, &[]), 1);
        assert_eq!(faults(&twice, &sent(0), &book, &kill), 1);
        let reckoning = twice.reckon(&sent(1), &book, &kill);
        assert_eq!((reckoning.faults.len(), reckoning.copies), (0, BTreeMap::from([(Kind::Kill, 1)])));
    }

    #[test]
    fn a_mail_that_was_thrown_away_unseen_is_missed() {
        let mail = |number: u64| Mail {
            number,
            received_at: at(1),
            envelope_from: String::new(),
            envelope_to: vec!["ada@players.example".into()],
            encrypted: false,
            acknowledged: true,
            message_id: number.to_string(),
            subject: "s".into(),
            headers: Vec::new(),
            text: None,
            html: None,
            raw: Vec::new(),
        };
        let mut ledger = Ledger::default();
        assert_eq!(ledger.enter(vec![mail(1), mail(2)]), Vec::<String>::new());
        assert_eq!(ledger.enter(vec![mail(3)]), Vec::<String>::new());
        assert_eq!(ledger.enter(vec![mail(5), mail(6)]).len(), 1);
    }

    #[test]
    fn what_was_promised_came_and_nothing_else() {
        let code = |asked, tries| Code { email: "ada@players.example".into(), user_id: ID, asked, tries };
        let codes = |code| Book { codes: vec![code], ..Book::default() };
        let came = ledger(&format!("{CODE_SUBJECT}10:00"), vec![at(1)]);
        assert_eq!(faults(&came, &sent(0), &codes(code(1, 1)), &[]), 0);
        assert_eq!(faults(&came, &sent(0), &codes(code(2, 2)), &[]), 1);
        assert_eq!(faults(&came, &sent(0), &codes(code(1, 2)), &[]), 0);
        assert_eq!(faults(&came, &sent(0), &codes(code(2, 3)), &[]), 0);
        assert_eq!(faults(&came, &sent(0), &codes(code(0, 0)), &[]), 1, "nobody asked for it");
        assert_eq!(faults(&Ledger::default(), &[], &codes(code(1, 2)), &[]), 1, "none came of two tries");
        let invite = Invite { email: "ada@players.example".into(), user_id: ID, game_id: ID };
        let invited = Book { invites: vec![invite], ..Book::default() };
        assert_eq!(faults(&came, &sent(0), &invited, &[]), 1);
        let invite = ledger(INVITE_SUBJECT, vec![at(1)]);
        assert_eq!(faults(&invite, &sent(0), &invited, &[]), 0);
        assert_eq!(faults(&invite, &sent(0), &codes(code(0, 0)), &[]), 1, "nobody invited the newcomer");
        assert_eq!(faults(&came, &[], &Book::default(), &[]), 1, "it stands in no outbox");
        assert_eq!(faults(&Ledger::default(), &sent(0), &Book::default(), &[]), 1, "it never came");
    }
}
