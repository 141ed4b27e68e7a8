//! Every shape of a reply at every step of the dialogue, and what comes of the mail: its state, its attempts, and how many
//! copies the relay got. The table in docs/mail.md says the same in words.
//!
//! One relay, one worker, one mail after the other: a row that upsets the worker for the next is found too. Rows that end by silence
//! alone have a worker of their own, which waits for less: to that one a busy machine may be silent anywhere.

use shared::ids::DeliveryId;
use testkit::eventually;
use testkit::mail::{At, Say, ScriptedRelay};

use crate::replies::{bytes, fragments, is_silent, last, long, nothings, shapes, stuck};
use crate::stage::{InProcess, SOON, Stage, started};

/// How long a worker waits where it must be answered: as the product does, and longer than a machine is busy.
const PATIENT: &str = "30s";
/// And where it is not answered.
const BRIEF: &str = "500ms";
/// More often than any row is tried.
const EVERY_TIME: usize = 100;

const fn patience(silent: bool) -> &'static str {
    if silent { BRIEF } else { PATIENT }
}

/// What must come of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    /// The first try sent it.
    Sent,
    /// It was dead at once, with this code.
    Dead(i16),
    /// The first try failed and counts, with this code; the second sent it.
    Retried(Option<i16>),
    /// The first try failed, does not count, and the second sent it: the relay itself could not be used.
    RelayDown,
    /// Nobody knows whether the first copy was taken; the second was.
    Unknown,
}

/// An attempt, as far as it is judged.
type Attempt = (String, Option<i16>);

impl Comes {
    /// Whether the mail is done when this has come.
    fn is_the_end(self) -> bool {
        matches!(self, Self::Sent | Self::Dead(_))
    }

    /// Whether an attempt came to it.
    fn is_seen_in(self, (outcome, code): &Attempt) -> bool {
        match self {
            Self::Sent => outcome == "sent",
            Self::Dead(dead) => outcome == "permanent" && *code == Some(dead),
            Self::Retried(said) => outcome == "retry" && *code == said,
            Self::RelayDown => outcome == "retry",
            Self::Unknown => outcome == "unknown",
        }
    }

    /// The one mail of a worker that was answered in time.
    fn exactly(self, attempts: &[Attempt], failures: i32, copies: usize, seen: &str) {
        let outcomes: Vec<&str> = attempts.iter().map(|(outcome, _)| outcome.as_str()).collect();
        let (expected, counted) = match self {
            Self::Sent => (&["sent"][..], 0),
            Self::Dead(_) => (&["permanent"][..], failures),
            Self::Retried(_) => (&["retry", "sent"][..], 1),
            Self::RelayDown => (&["retry", "sent"][..], 0),
            Self::Unknown => (&["unknown", "sent"][..], 1),
        };
        assert_eq!((outcomes.as_slice(), failures), (expected, counted), "{seen}");
        assert!(self.is_seen_in(&attempts[0]), "{seen}");
        match self {
            Self::Sent => assert_eq!(copies, 1, "{seen}"),
            Self::Unknown => assert_eq!(copies, 2, "{seen}"),
            _ => {}
        }
    }

    /// The same where other attempts may have ended in silence too.
    fn at_least(self, attempts: &[Attempt], failures: i32, copies: usize, seen: &str) {
        let (end, before) = attempts.split_last().expect("an attempt");
        let unknown = before.iter().filter(|(outcome, _)| outcome == "unknown").count();
        assert!(before.iter().all(|(outcome, _)| ["retry", "unknown"].contains(&outcome.as_str())), "{seen}");
        assert!(attempts.iter().any(|attempt| self.is_seen_in(attempt)), "{seen}");
        let last = if matches!(self, Self::Dead(_)) { "permanent" } else { "sent" };
        assert_eq!(end.0, last, "{seen}");
        match self {
            // It is sent again where nobody knows what became of it, and for no other reason.
            Self::Sent => assert!((1..=1 + unknown).contains(&copies), "{seen}"),
            Self::Unknown => assert!((1..=1 + unknown).contains(&copies) && failures > 0, "{seen}"),
            Self::Retried(_) => assert!(failures > 0, "{seen}"),
            Self::RelayDown => assert_eq!(failures, 0, "{seen}"),
            Self::Dead(_) => {}
        }
    }
}

struct Hostile {
    stage: Stage,
    relay: ScriptedRelay,
    worker: Option<InProcess>,
    env: Vec<(String, String)>,
    /// Whether the worker is the one for silence.
    brief: bool,
    rows: usize,
}

impl Hostile {
    async fn new(env: &[(&str, &str)]) -> Self {
        let stage = Stage::new().await;
        let relay = ScriptedRelay::start().await.unwrap();
        let mut vars = vec![("BACKEND_SMTP_PORT".to_owned(), relay.addr().port().to_string())];
        vars.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut hostile = Self { stage, relay, worker: None, env: vars, brief: false, rows: 0 };
        hostile.work(false);
        hostile
    }

    fn work(&mut self, brief: bool) {
        let mut vars = vec![("BACKEND_SMTP_TIMEOUT", patience(brief))];
        vars.extend(self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        self.brief = brief;
        self.worker = Some(self.stage.worker_with(&vars, |_| {}));
    }

    async fn rest(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop().await;
        }
    }

    /// Sends one mail past what the relay says there once, and judges.
    async fn row(&mut self, at: At, name: &str, say: Say, comes: Comes) {
        self.fresh(&say).await;
        self.told(at, name, say, comes).await;
    }

    async fn told(&mut self, at: At, name: &str, say: Say, comes: Comes) {
        let name = format!("{at:?}: {name}");
        self.say(at, &say);
        if !self.brief {
            return self.judged(&name, comes).await;
        }
        let id = self.enqueue().await;
        eventually(SOON, &name, || async {
            let attempts = self.attempts(id).await;
            if attempts.iter().any(|attempt| comes.is_seen_in(attempt)) { Ok(()) } else { Err(attempts) }
        })
        .await;
        if !comes.is_the_end() {
            // What comes next must be answered.
            self.rest().await;
            self.relay.unsay(at);
            self.work(false);
        }
        self.ends(&name, id, comes, true).await;
    }

    /// To a worker that may not have waited for it, every time.
    fn say(&self, at: At, say: &Say) {
        let times = if self.brief { EVERY_TIME } else { 1 };
        for _ in 0..times {
            self.relay.say(at, say.clone());
        }
    }

    /// No connection of the row before is left, and nothing of its script; the worker is the one for what will be said.
    async fn fresh(&mut self, say: &Say) {
        self.relay.clear();
        self.rows += 1;
        if self.brief != is_silent(say) {
            self.rest().await;
            self.work(is_silent(say));
        }
    }

    async fn enqueue(&self) -> DeliveryId {
        let key = format!("row-{}", self.rows);
        self.stage.enqueue(&started("Rim"), &key, &["ann@example.org"]).await
    }

    async fn attempts(&self, id: DeliveryId) -> Vec<Attempt> {
        self.stage.attempts(id).await.into_iter().map(|a| (a.outcome, a.smtp_code)).collect()
    }

    async fn judged(&self, name: &str, comes: Comes) {
        let id = self.enqueue().await;
        self.ends(name, id, comes, self.brief).await;
    }

    async fn ends(&self, name: &str, id: DeliveryId, comes: Comes, silent: bool) {
        let state = if matches!(comes, Comes::Dead(_)) { "dead_lettered" } else { "sent" };
        let delivery = eventually(SOON, format!("{name}: {state}"), || async {
            let delivery = self.stage.delivery(id).await;
            let over = ["sent", "dead_lettered"].contains(&delivery.status.as_str());
            if over { Ok(delivery) } else { Err(delivery) }
        })
        .await;
        let attempts = self.attempts(id).await;
        let copies = self.relay.messages().len();
        let seen = format!("{name}: {delivery:?} {attempts:?}, {copies} copies, asked {:?}", self.relay.asked());
        assert_eq!(delivery.status, state, "{seen}");
        if silent {
            comes.at_least(&attempts, delivery.failures, copies, &seen);
        } else {
            comes.exactly(&attempts, delivery.failures, copies, &seen);
        }
    }

    async fn end(mut self) {
        self.rest().await;
        self.stage.end().await;
    }
}

#[tokio::test]
async fn an_accepted_message_is_sent_once_however_the_relay_says_so() {
    let mut hostile = Hostile::new(&[]).await;
    for (name, say) in shapes("250").into_iter().chain(shapes("200")).chain(fragments("250")) {
        hostile.row(At::Dot, &name, say, Comes::Sent).await;
    }
    hostile.row(At::Dot, "a second 354 before it", bytes("354 go on\r\n250 ok\r\n"), Comes::Sent).await;
    hostile.row(At::Dot, "more behind it", bytes("250 ok\r\n550 no\r\n"), Comes::Sent).await;
    hostile.row(At::Dot, "another code in its first line", bytes("550-hm\r\n250 ok\r\n"), Comes::Sent).await;
    hostile.end().await;
}

#[tokio::test]
async fn every_shape_of_a_yes_leads_on_at_every_step() {
    let mut hostile = Hostile::new(&[]).await;
    for (at, code) in [(At::Banner, "220"), (At::Ehlo, "250"), (At::Mail, "250"), (At::Rcpt, "251"), (At::Data, "354")]
    {
        for (name, say) in shapes(code) {
            hostile.row(at, &name, say, Comes::Sent).await;
        }
    }
    hostile.end().await;
}

#[tokio::test]
async fn what_is_said_to_a_reset_is_nothing_to_the_next_mail() {
    let mut hostile = Hostile::new(&[]).await;
    for (name, say) in nothings().into_iter().chain(shapes("550")).chain(fragments("421")) {
        hostile.fresh(&say).await;
        hostile.say(At::Rcpt, &bytes("550 no\r\n"));
        hostile.say(At::Rset, &say);
        hostile.judged(&format!("before {name}"), Comes::Dead(550)).await;
        hostile.relay.unsay(At::Rcpt);
        hostile.rows += 1;
        hostile.judged(&format!("behind {name}"), Comes::Sent).await;
    }
    hostile.end().await;
}

#[tokio::test]
async fn what_is_said_to_a_farewell_is_nothing_to_the_mail() {
    for (name, say) in nothings().into_iter().chain(fragments("421")) {
        let mut hostile = Hostile::new(&[]).await;
        hostile.row(At::Quit, &name, say, Comes::Sent).await;
        hostile.end().await;
    }
}

/// Refused: dead at once. Deferred: sent with the second try.
async fn turned_away(at: At) {
    let mut hostile = Hostile::new(&[]).await;
    for (name, say) in shapes("550").into_iter().chain(fragments("550")) {
        hostile.row(at, &name, say, Comes::Dead(550)).await;
    }
    for (name, say) in shapes("451").into_iter().chain(fragments("451")) {
        hostile.row(at, &name, say, Comes::Retried(Some(451))).await;
    }
    hostile.end().await;
}

#[tokio::test]
async fn a_no_at_mail_is_what_its_digits_say() {
    turned_away(At::Mail).await;
}

#[tokio::test]
async fn a_no_at_rcpt_is_what_its_digits_say() {
    turned_away(At::Rcpt).await;
}

#[tokio::test]
async fn a_no_at_data_is_what_its_digits_say() {
    turned_away(At::Data).await;
}

#[tokio::test]
async fn a_no_to_the_message_is_what_its_digits_say() {
    turned_away(At::Dot).await;
}

#[tokio::test]
async fn a_421_or_a_wish_for_a_login_about_one_mail_is_that_mails_own() {
    let mut hostile = Hostile::new(&[]).await;
    hostile.row(At::Quit, "nothing", bytes(""), Comes::Sent).await;
    // At MAIL too, since the relay serves others.
    for at in [At::Mail, At::Rcpt, At::Data, At::Dot] {
        for code in ["421", "530"] {
            let number = code.parse().unwrap();
            hostile.row(at, code, bytes(&format!("{code} not now\r\n")), Comes::Retried(Some(number))).await;
            hostile.row(at, "and closed", last(&format!("{code} not now\r\n")), Comes::Retried(Some(number))).await;
        }
    }
    hostile.end().await;
}

#[tokio::test]
async fn without_an_answer_only_the_final_dot_leaves_anything_open() {
    let mut hostile = Hostile::new(&[]).await;
    for (name, say) in nothings() {
        for at in [At::Mail, At::Rcpt, At::Data] {
            hostile.row(at, &name, say.clone(), Comes::Retried(None)).await;
        }
        hostile.row(At::Dot, &name, say, Comes::Unknown).await;
    }
    for (at, name, say) in [
        // Yes, and nothing to go on with.
        (At::Mail, "250 and closed", last("250 o")),
        (At::Rcpt, "250 and closed", last("250 o")),
        (At::Data, "354 and stuck", stuck("354 g")),
        // A yes that the step does not know.
        (At::Mail, "354", bytes("354 go on\r\n")),
        (At::Rcpt, "354", bytes("354 go on\r\n")),
        (At::Data, "250", bytes("250 ok\r\n")),
        // Answers to what was not asked yet.
        (At::Mail, "two replies", bytes("250 ok\r\n250 ok\r\n")),
        (At::Rcpt, "two replies", bytes("250 ok\r\n354 go on\r\n")),
        (At::Data, "two replies", bytes("354 go on\r\n250 ok\r\n")),
        (At::Data, "a hundred replies", bytes(&("354 go on\r\n".to_owned() + &"250 ok\r\n".repeat(100)))),
    ] {
        hostile.row(at, name, say, Comes::Retried(None)).await;
    }
    hostile.end().await;
}

/// A step before any mail: whatever goes wrong there is the relay's, and costs the mail nothing.
async fn unusable(at: At, code: &str, some: usize, more: Vec<(&str, Say)>) {
    let mut hostile = Hostile::new(&[("BACKEND_SMTP_USERNAME", "u"), ("BACKEND_SMTP_PASSWORD", "p")]).await;
    // Where it answers and serves others, the next try is two seconds later: a few shapes must do.
    for (name, say) in shapes(code).into_iter().chain(fragments(code)).step_by(some) {
        hostile.relay_down(at, &name, say).await;
    }
    for (name, say) in nothings() {
        hostile.relay_down(at, &name, say).await;
    }
    for (name, say) in more {
        hostile.relay_down(at, name, say).await;
    }
    hostile.end().await;
}

#[tokio::test]
async fn a_greeting_that_is_none_costs_no_attempt() {
    let more = vec![
        ("220 and closed", last("220 x")),
        ("220 with CR alone", stuck("220 x\r")),
        ("a huge banner", long("220", 200_000)),
        ("a banner and more", bytes("220 x\r\n250 ok\r\n")),
        ("421", bytes("421 too many connections\r\n")),
    ];
    unusable(At::Banner, "554", 8, more).await;
}

#[tokio::test]
async fn an_introduction_that_fails_costs_no_attempt() {
    let more = vec![
        ("250 and closed", last("250-x\r\n250 AUTH PLA")),
        ("two replies", bytes("250-x\r\n250 AUTH PLAIN\r\n235 welcome\r\n")),
    ];
    unusable(At::Ehlo, "550", 8, more).await;
}

#[tokio::test]
async fn a_login_that_fails_costs_no_attempt() {
    unusable(At::Auth, "535", 3, vec![("334", bytes("334 more\r\n"))]).await;
}

impl Hostile {
    async fn relay_down(&mut self, at: At, name: &str, say: Say) {
        self.fresh(&say).await;
        self.relay.always(At::Ehlo, bytes("250-scripted.test\r\n250 AUTH PLAIN\r\n"));
        self.told(at, name, say, Comes::RelayDown).await;
    }
}

#[tokio::test]
async fn half_a_tls_is_no_relay() {
    let broken = [
        ("starttls", bytes("220 go\r\n250 smuggled\r\n")),
        ("starttls", last("220 go\r\n")),
        ("starttls", stuck("220")),
        ("starttls", bytes("454 not now\r\n")),
        ("starttls", last("")),
        // The greeting comes in clear where a handshake is expected.
        ("tls", bytes("")),
    ];
    for (mode, say) in broken {
        let stage = Stage::new().await;
        let relay = ScriptedRelay::start().await.unwrap();
        let port = relay.addr().port().to_string();
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), stage.relay.ca_pem()).unwrap();
        let vars = [
            ("BACKEND_SMTP_PORT", port.as_str()),
            ("BACKEND_SMTP_TIMEOUT", patience(is_silent(&say))),
            ("BACKEND_SMTP_TLS_MODE", mode),
            ("BACKEND_SMTP_TLS_CA_FILE", ca.path().to_str().unwrap()),
        ];
        relay.always(At::Ehlo, bytes("250-scripted.test\r\n250 STARTTLS\r\n"));
        relay.always(At::StartTls, say);
        let worker = stage.worker_with(&vars, |_| {});
        let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
        eventually(SOON, "degraded", || async { worker.smtp_degraded() }).await;
        assert!(relay.messages().is_empty() && !relay.asked().contains(&At::Mail), "{:?}", relay.commands());
        assert_eq!(stage.delivery(id).await.failures, 0);
        worker.stop().await;
        stage.end().await;
    }
}

#[tokio::test]
async fn a_recipient_who_ends_the_connection_keeps_nobody_from_their_mail() {
    for say in [bytes("421 not for this one\r\n"), last("421 not for this one\r\n"), last(""), last("550 n")] {
        let hostile = Hostile::new(&[]).await;
        hostile.relay.say_to("bob@", say.clone());
        let together = hostile
            .stage
            .enqueue(&started("Rim"), "k", &["ann@example.org", "bob@example.org", "cid@example.org"])
            .await;
        eventually(SOON, "the others have it", || async {
            let seen: Vec<_> =
                hostile.stage.recipients(together).await.into_iter().map(|(_, status, _)| status).collect();
            let bob =
                if matches!(&say, Say::Last(bytes) if bytes.starts_with(b"550")) { "refused" } else { "undecided" };
            if seen == ["accepted", bob, "accepted"] { Ok(()) } else { Err(seen) }
        })
        .await;
        assert_eq!(hostile.relay.messages().len(), 1);
        let alone = hostile.stage.enqueue(&started("Rim"), "alone", &["eve@example.org"]).await;
        assert_eq!(hostile.stage.reaches(alone, "sent").await.failures, 0);
        assert!(hostile.worker.as_ref().is_some_and(|worker| !worker.smtp_degraded()), "the relay answers");
        hostile.end().await;
    }
}

#[tokio::test]
async fn a_421_to_one_recipient_counts_for_that_mail_and_others_do_not_wait() {
    let stage = Stage::new().await;
    let relay = ScriptedRelay::start().await.unwrap();
    relay.say_to("bob@", last("421 4.7.0 not for this one\r\n"));
    let port = relay.addr().port().to_string();
    let worker = stage.worker_with(&[("BACKEND_SMTP_PORT", &port), ("BACKEND_MAIL_MAX_ATTEMPTS", "3")], |_| {});
    // Each is the first that this relay sees of us, or comes amid refusals: the circuit stays closed all the same.
    let bob = stage.enqueue(&started("Rim"), "bob", &["bob@example.org"]).await;
    let delivery = stage.reaches(bob, "dead_lettered").await;
    assert_eq!(delivery.failures, 3);
    assert!(!worker.smtp_degraded());
    let outcomes: Vec<_> = stage.attempts(bob).await.into_iter().map(|a| (a.outcome, a.smtp_code)).collect();
    assert_eq!(outcomes, vec![("retry".to_owned(), Some(421)); 3]);
    let ann = stage.enqueue(&started("Rim"), "ann", &["ann@example.org"]).await;
    let sent = stage.reaches(ann, "sent").await;
    assert_eq!((sent.attempt_no, sent.failures), (1, 0));
    worker.stop().await;
    stage.end().await;
}
