//! Verifies administrators (SPEC §6): failures are counted before anything is hashed, hashes are few at a time and off the async
//! threads, and what was verified is remembered for a short time. `docs/administration.md` has the rules as a table.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Counter;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use shared::db::admin_accounts::Credentials;
use shared::domain::network::Network;
use shared::service::telemetry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::brakes::Budget;

/// bcrypt's cost (SPEC §16).
pub const COST: u32 = 12;
/// How long a verified password need not be hashed again. The row itself is read on every request: disabling or rotating
/// an account takes effect at once, since the cache's key contains the stored hash and whether it may be used.
const VERIFIED_FOR: Duration = Duration::from_secs(60);
const VERIFIED_KEPT: u64 = 1000;
/// What unknown names are compared with, so that they take as long as known ones: a hash at [`COST`] of nothing that anybody knows.
const DECOY: &str = "$2b$12$pLqBnRkGdHvXzWmTyUjSeOfAlKgQwErTyUiOpAsDfGhJkLzXcVbN.";
/// Hashes that wait for a place, per line. More would wait longer than anybody wants to.
const WAITING: usize = 8;

/// Failures of a (name, network) at once, and the time in which one more is allowed.
const PAIR: (u32, Duration) = (6, Duration::from_secs(60));
/// The same of a network, over all names.
const NETWORK: (u32, Duration) = (30, Duration::from_secs(10));
/// The same of a (name, network) that signed in before: whoever fails there may be somebody else behind the same address, and
/// must not keep its administrator out. A thousand an hour guess nothing that [`shared::domain::administrator::password`] takes.
const FAMILIAR: (u32, Duration) = (1000, Duration::from_millis(3600));

/// Who tries to come in.
pub struct Attempt<'a> {
    /// The name, as given.
    pub name: &'a str,
    /// The password, as given.
    pub password: &'a str,
    /// The network that the request came from.
    pub network: Network,
    /// The account of that name, if there is one.
    pub stored: Option<&'a Credentials>,
}

/// Why somebody does not come in.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// Wrong name or password, or a disabled account.
    Wrong,
    /// The same, for the same credentials as another request's that was looked at for both: it was counted once.
    WrongAlike,
    /// Too many failures; nothing was looked at.
    Slowed(Duration),
    /// Too many hashes are under way; nothing was looked at.
    Busy,
    /// The hashing task or the stored hash is broken.
    Broken(String),
}

impl Refusal {
    /// The label in metrics and logs.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Wrong | Self::WrongAlike => "wrong",
            Self::Slowed(_) => "slowed",
            Self::Busy => "busy",
            Self::Broken(_) => "broken",
        }
    }

    fn broken(cause: impl fmt::Display) -> Self {
        Self::Broken(cause.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong | Self::WrongAlike => f.write_str("wrong name or password"),
            Self::Slowed(_) => f.write_str("too many failures"),
            Self::Busy => f.write_str("too many hashes are under way"),
            Self::Broken(cause) => f.write_str(cause),
        }
    }
}

impl std::error::Error for Refusal {}

type Pair = (String, Network);

/// Verifies and remembers.
pub struct Admins {
    verified: Cache<[u8; 32], ()>,
    salt: [u8; 32],
    pairs: Budget<Pair>,
    networks: Budget<Network>,
    familiar_pairs: Budget<Pair>,
    /// Of strangers, who may be anybody.
    strangers: Lane,
    /// Of those who signed in from there before, so that no crowd of strangers takes their places, nor one of them another's.
    familiars: Rounds,
    failures: Counter<u64>,
}

impl Admins {
    /// `salt` is random per process: cache keys are worthless elsewhere.
    pub fn new(salt: [u8; 32]) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let failures = telemetry::meter()
            .u64_counter("admin_sign_in_failures_total")
            .with_description(
                "Administrators refused: wrong, slowed, busy, broken, malformed, code, second_factor, no_attempt",
            )
            .build();
        let outcomes = ["wrong", "slowed", "busy", "broken", "malformed", "code", "second_factor", "no_attempt"];
        telemetry::from_nought(&failures, outcomes.map(|outcome| [KeyValue::new("outcome", outcome)]));
        Self {
            verified: Cache::builder().max_capacity(VERIFIED_KEPT).time_to_live(VERIFIED_FOR).build(),
            salt,
            pairs: Budget::new(PAIR.0, PAIR.1),
            networks: Budget::new(NETWORK.0, NETWORK.1),
            familiar_pairs: Budget::new(FAMILIAR.0, FAMILIAR.1),
            strangers: Lane::new((cores / 2).clamp(1, 4)),
            familiars: Rounds::new((cores / 4).clamp(1, 4)),
            failures,
        }
    }

    /// Counts a refusal, for the metric.
    pub fn count(&self, outcome: &'static str) {
        self.failures.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// Whether this is an enabled account's password. Requests with the same credentials at the same time share one hash.
    ///
    /// # Errors
    /// Why not.
    pub async fn verify(&self, attempt: &Attempt<'_>) -> Result<(), Refusal> {
        let pair = (attempt.name.to_owned(), attempt.network);
        let familiar = attempt.stored.is_some_and(|s| s.familiar);
        // First of all: whoever is slowed learns nothing, not even that this password was right a moment ago.
        let wait = if familiar {
            self.familiar_pairs.must_wait(&pair)
        } else {
            self.pairs.must_wait(&pair).max(self.networks.must_wait(&attempt.network))
        };
        if let Some(wait) = wait {
            return Err(Refusal::Slowed(wait));
        }
        let mut looked = false;
        let verifying = async {
            looked = true;
            self.verify_anew(attempt, &pair, familiar).await
        };
        let verified = self.verified.try_get_with(self.key(attempt), verifying).await;
        verified.map_err(|refusal| match Arc::unwrap_or_clone(refusal) {
            Refusal::Wrong if !looked => Refusal::WrongAlike,
            refusal => refusal,
        })
    }

    async fn verify_anew(&self, attempt: &Attempt<'_>, pair: &Pair, familiar: bool) -> Result<(), Refusal> {
        if familiar {
            self.familiar_pairs.take(pair).map_err(Refusal::Slowed)?;
        } else {
            self.pairs.take(pair).map_err(Refusal::Slowed)?;
            if let Err(wait) = self.networks.take(&attempt.network) {
                self.pairs.give_back(pair);
                return Err(Refusal::Slowed(wait));
            }
        }
        let place =
            if familiar { self.familiars.enter(Some(pair.clone())).await } else { self.strangers.enter().await };
        let Some(place) = place else {
            // Nothing was looked at, so a stranger learnt nothing. Where somebody signs in, a refusal tells that the password is
            // not the one that is remembered: it stays counted.
            if !familiar {
                self.pairs.give_back(pair);
                self.networks.give_back(&attempt.network);
            }
            return Err(Refusal::Busy);
        };
        let hash = attempt.stored.map_or(DECOY, |s| &s.password_hash).to_owned();
        let password = attempt.password.to_owned();
        // The place goes along: a hash goes on when the caller has gone.
        let hashing = tokio::task::spawn_blocking(move || {
            let _place = place;
            bcrypt::verify(password, &hash)
        });
        let matches = hashing.await.map_err(Refusal::broken)?.map_err(Refusal::broken)?;
        if !matches || !attempt.stored.is_some_and(|s| s.enabled) {
            return Err(Refusal::Wrong);
        }
        if familiar {
            self.familiar_pairs.give_back(pair);
        } else {
            self.pairs.forgive(pair);
            self.networks.give_back(&attempt.network);
        }
        Ok(())
    }

    /// What a verification is remembered under. The network is part of it, so that who guesses from elsewhere never meets it.
    fn key(&self, attempt: &Attempt<'_>) -> [u8; 32] {
        let (hash, enabled) = attempt.stored.map_or((DECOY, false), |s| (s.password_hash.as_str(), s.enabled));
        let network = attempt.network.to_string();
        let mut digest = Sha256::new();
        for part in
            [&self.salt, attempt.name.as_bytes(), attempt.password.as_bytes(), network.as_bytes(), hash.as_bytes()]
        {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.update([u8::from(enabled)]);
        digest.finalize().into()
    }

    /// Hashes a password for storage, off the async threads, in a place among those of administrators who are in. Of all new
    /// passwords one is hashed at a time.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when too many wait, [`Refusal::Broken`] when bcrypt refuses the password (longer than 71 bytes) or the
    /// task dies.
    pub async fn hash(&self, password: String) -> Result<String, Refusal> {
        let place = self.familiars.enter(None).await.ok_or(Refusal::Busy)?;
        let hashing = tokio::task::spawn_blocking(move || {
            let _place = place;
            bcrypt::non_truncating_hash(password, COST)
        });
        hashing.await.map_err(Refusal::broken)?.map_err(Refusal::broken)
    }
}

/// What a hash holds until it is done: its place, and where it stands in lines.
type Place = Vec<OwnedSemaphorePermit>;

/// Places for hashes, and a short line before them.
struct Lane {
    line: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Lane {
    fn new(places: usize) -> Self {
        Self { line: Arc::new(Semaphore::new(places + WAITING)), running: Arc::new(Semaphore::new(places)) }
    }

    /// A place, after those who came before; `None` when the line is too long.
    async fn enter(&self) -> Option<Place> {
        let in_line = self.line.clone().try_acquire_owned().ok()?;
        let running = self.running.clone().acquire_owned().await.ok()?;
        Some(vec![in_line, running])
    }
}

/// Places that go round: everybody has one hash in them or before them, and waits with their others in a lane of their own. Whoever
/// keeps many under way holds up themselves; the rest wait for one of them.
struct Rounds {
    /// By whose they are; `None`: new passwords. Those who have nothing under way are not kept.
    lanes: Mutex<HashMap<Option<Pair>, Lane>>,
    running: Arc<Semaphore>,
}

impl Rounds {
    fn new(places: usize) -> Self {
        Self { lanes: Mutex::default(), running: Arc::new(Semaphore::new(places)) }
    }

    /// A place, in turn with everybody else; `None` when too many of the same are under way.
    async fn enter(&self, whose: Option<Pair>) -> Option<Place> {
        let (in_line, turn) = {
            let mut lanes = self.lanes.lock();
            lanes.retain(|_, lane| lane.line.available_permits() <= WAITING);
            let lane = lanes.entry(whose).or_insert_with(|| Lane::new(1));
            (lane.line.clone().try_acquire_owned().ok()?, lane.running.clone())
        };
        let turn = turn.acquire_owned().await.ok()?;
        let running = self.running.clone().acquire_owned().await.ok()?;
        Some(vec![running, turn, in_line])
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{join_all, join3};
    use futures::poll;

    use super::*;

    const RIGHT: &str = "the right password";

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    /// An account whose password is checked in no time.
    fn account(familiar: bool) -> Credentials {
        let password_hash = bcrypt::hash(RIGHT, 4).unwrap();
        let roles = vec!["owner".to_owned()];
        Credentials { password_hash, enabled: true, last_used_stale: false, familiar, roles, has_factor: false }
    }

    async fn outcome(admins: &Admins, password: &str, from: &str, stored: Option<&Credentials>) -> &'static str {
        outcome_of(admins, "root", password, from, stored).await
    }

    async fn outcome_of(
        admins: &Admins,
        name: &str,
        password: &str,
        from: &str,
        stored: Option<&Credentials>,
    ) -> &'static str {
        let attempt = Attempt { name, password, network: network(from), stored };
        admins.verify(&attempt).await.map_or_else(|refusal| refusal.outcome(), |()| "right")
    }

    async fn guesses(admins: &Admins, count: usize, from: &str, stored: Option<&Credentials>) -> Vec<&'static str> {
        let guesses: Vec<String> = (0..count).map(|n| format!("guess {n}")).collect();
        join_all(guesses.iter().map(|guess| outcome(admins, guess, from, stored))).await
    }

    fn among(outcomes: &[&str], outcome: &str) -> usize {
        outcomes.iter().filter(|o| **o == outcome).count()
    }

    #[tokio::test]
    async fn the_decoy_is_a_hash_of_the_same_cost_that_no_password_fits() {
        assert_eq!(DECOY.parse::<bcrypt::HashParts>().unwrap().get_cost(), COST);
        assert_eq!(outcome(&Admins::new([7; 32]), "", "192.0.2.1", None).await, "wrong");
    }

    #[tokio::test]
    async fn guesses_at_once_are_counted_before_they_are_hashed() {
        let (admins, account) = (Admins::new([7; 32]), account(false));
        let outcomes = guesses(&admins, 40, "192.0.2.1", Some(&account)).await;
        assert_eq!((among(&outcomes, "wrong"), among(&outcomes, "slowed")), (6, 34), "{outcomes:?}");
        // From there not even the right password is looked at; from elsewhere it is, again and again.
        assert_eq!(outcome(&admins, RIGHT, "192.0.2.1", Some(&account)).await, "slowed");
        for _ in 0..3 {
            assert_eq!(outcome(&admins, RIGHT, "192.0.2.2", Some(&account)).await, "right");
            guesses(&admins, 40, "192.0.2.1", Some(&account)).await;
        }
        // An unknown name is treated alike.
        let attempt = |n: usize| format!("guess {n}");
        let passwords: Vec<String> = (0..7).map(attempt).collect();
        let mut unknown = Vec::new();
        for password in &passwords {
            let attempt = Attempt { name: "nobody", password, network: network("192.0.2.3"), stored: None };
            unknown.push(admins.verify(&attempt).await.unwrap_err().outcome());
        }
        assert_eq!(unknown, ["wrong", "wrong", "wrong", "wrong", "wrong", "wrong", "slowed"]);
    }

    #[tokio::test]
    async fn who_signed_in_from_there_before_is_not_slowed_by_a_neighbour() {
        let (admins, account) = (Admins::new([7; 32]), account(true));
        for _ in 0..5 {
            for n in 0..20 {
                assert_eq!(outcome(&admins, &format!("guess {n}"), "192.0.2.1", Some(&account)).await, "wrong");
            }
            assert_eq!(outcome(&admins, RIGHT, "192.0.2.1", Some(&account)).await, "right");
        }
        // Neither by a spray over all names that slows the network.
        for n in 0..100 {
            let name = format!("nobody-{n}");
            let quick = Credentials { enabled: false, familiar: false, ..account.clone() };
            let attempt = Attempt { name: &name, password: "x", network: network("192.0.2.1"), stored: Some(&quick) };
            let outcome = admins.verify(&attempt).await.unwrap_err().outcome();
            assert_eq!(outcome, if n < 30 { "wrong" } else { "slowed" }, "{n}");
        }
        assert_eq!(outcome(&admins, RIGHT, "192.0.2.1", Some(&account)).await, "right");
    }

    /// Every place of those who signed in before.
    fn all_places(admins: &Admins) -> Vec<OwnedSemaphorePermit> {
        std::iter::from_fn(|| admins.familiars.running.clone().try_acquire_owned().ok()).collect()
    }

    #[tokio::test]
    async fn who_keeps_guessing_where_one_administrator_signed_in_holds_up_no_other_and_nobody_elsewhere() {
        let (admins, account) = (Admins::new([7; 32]), account(true));
        // Nothing is hashed before all have come.
        let places = all_places(&admins);
        assert!(!places.is_empty());
        let attack = guesses(&admins, 40, "192.0.2.1", Some(&account));
        let others = join3(
            outcome(&admins, RIGHT, "192.0.2.2", Some(&account)),
            outcome(&admins, RIGHT, "2001:db8::1", Some(&account)),
            outcome_of(&admins, "ada", RIGHT, "192.0.2.1", Some(&account)),
        );
        let (guessed, others, ()) = join3(attack, others, async { drop(places) }).await;
        assert_eq!(others, ("right", "right", "right"));
        // One is hashed, some wait, and the rest is turned away.
        assert_eq!((among(&guessed, "wrong"), among(&guessed, "busy")), (1 + WAITING, 39 - WAITING), "{guessed:?}");
        assert_eq!(outcome(&admins, RIGHT, "192.0.2.1", Some(&account)).await, "right", "it is over");
        assert!(admins.familiars.lanes.lock().len() <= 1, "who has nothing under way is not kept");
    }

    #[tokio::test]
    async fn of_new_passwords_few_wait_and_who_signs_in_does_not_wait_for_them_all() {
        let (admins, account) = (Admins::new([7; 32]), account(true));
        let places = all_places(&admins);
        let mut made: Vec<_> = (0..=WAITING).map(|_| Box::pin(admins.hash("a new password".to_owned()))).collect();
        for hash in &mut made {
            assert!(poll!(hash.as_mut()).is_pending());
        }
        for _ in 0..2 {
            assert_eq!(admins.hash("one more".to_owned()).await.unwrap_err().outcome(), "busy");
        }
        let mut signing_in = Box::pin(outcome(&admins, RIGHT, "192.0.2.1", Some(&account)));
        assert!(poll!(signing_in.as_mut()).is_pending());
        drop(made);
        drop(places);
        assert_eq!(signing_in.await, "right");
        assert!(admins.hash("a new password".to_owned()).await.is_ok(), "who went away holds no place in the line");
    }

    #[tokio::test]
    async fn a_v6_network_is_one_caller() {
        let (admins, account) = (Admins::new([7; 32]), account(false));
        let mut outcomes = Vec::new();
        for n in 0..20 {
            let from = format!("2001:db8:0:1::{n:x}");
            outcomes.push(outcome(&admins, &format!("guess {n}"), &from, Some(&account)).await);
        }
        assert_eq!((among(&outcomes, "wrong"), among(&outcomes, "slowed")), (6, 14));
        assert_eq!(outcome(&admins, RIGHT, "2001:db8:0:2::1", Some(&account)).await, "right");
    }

    #[tokio::test]
    async fn requests_with_the_same_credentials_share_one_hash_and_cost_nothing() {
        let (admins, account) = (Admins::new([7; 32]), account(false));
        let same = join_all((0..50).map(|_| outcome(&admins, RIGHT, "192.0.2.1", Some(&account)))).await;
        assert_eq!(among(&same, "right"), 50);
        assert_eq!(admins.pairs.must_wait(&("root".to_owned(), network("192.0.2.1"))), None);
        // What is counted once is to be written down once.
        let attempt =
            Attempt { name: "root", password: "a guess", network: network("192.0.2.2"), stored: Some(&account) };
        let wrong = join_all((0..50).map(|_| admins.verify(&attempt))).await;
        assert_eq!(wrong.iter().filter(|outcome| matches!(outcome, Err(Refusal::Wrong))).count(), 1);
        assert_eq!(wrong.iter().filter(|outcome| matches!(outcome, Err(Refusal::WrongAlike))).count(), 49);
    }

    #[tokio::test]
    async fn hashes_are_few_at_a_time_and_strangers_take_no_place_of_familiars() {
        let (admins, account) = (Admins::new([7; 32]), account(true));
        // Every place of strangers and of their line is taken.
        let mut taken = Vec::new();
        while let Ok(place) = admins.strangers.line.clone().try_acquire_owned() {
            taken.push(place);
        }
        assert_eq!(outcome(&admins, RIGHT, "192.0.2.1", None).await, "busy");
        assert_eq!(outcome(&admins, RIGHT, "192.0.2.1", Some(&account)).await, "right");
        // Being turned away is no failure.
        for _ in 0..10 {
            assert_eq!(outcome(&admins, "x", "192.0.2.2", None).await, "busy");
        }
    }

    #[tokio::test]
    async fn a_verified_password_is_forgotten_with_the_account() {
        let (admins, account) = (Admins::new([7; 32]), account(true));
        assert_eq!(outcome(&admins, RIGHT, "192.0.2.1", Some(&account)).await, "right");
        let disabled = Credentials { enabled: false, ..account.clone() };
        assert_eq!(outcome(&admins, RIGHT, "192.0.2.1", Some(&disabled)).await, "wrong");
        let rotated = Credentials { password_hash: bcrypt::hash("another one", 4).unwrap(), ..account };
        assert_eq!(outcome(&admins, RIGHT, "192.0.2.1", Some(&rotated)).await, "wrong");
    }
}
