//! Secrets that callers show, and how users sign in.

use std::num::NonZeroU32;
use std::time::Duration;

use shared::config::credentials::{long_enough, token};
use shared::config::{Group, Reader, parse};
use shared::secret::Tokens;

use super::rate;
use crate::pepper::Peppers;

/// Sign-in by code.
#[derive(Debug)]
pub struct AuthConfig {
    /// Life of a challenge.
    pub challenge_ttl: Duration,
    /// Wrong tries per challenge.
    pub max_attempts: i32,
    /// When an address is guarded.
    pub guard: GuardConfig,
    /// Rolling window of the throttle.
    pub throttle_window: Duration,
    /// Live challenges in the window before the newest is answered again.
    pub throttle_max: i64,
    /// What keys the hashes of codes and of identities.
    pub peppers: Peppers,
    /// Tries for a free placeholder name.
    pub user_name_retries: u32,
    /// Requests for a code a minute, e-mail address and client network.
    pub email_rate: NonZeroU32,
    /// Wrong codes an hour and client network.
    pub wrong_code_rate: NonZeroU32,
}

/// When an address is guarded for a day (SPEC §6).
#[derive(Debug)]
pub struct GuardConfig {
    /// Wrong tries of an address in a UTC day.
    pub wrong_tries: i32,
    /// Code mails to an address within an hour.
    pub mails: usize,
}

/// Rows of that many challenges are read for each request: bounded.
fn guard_mails(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=1000).contains(n)).ok_or_else(|| "expected a whole number from 1 to 1000".into())
}

fn peppers(r: &mut Reader) -> Peppers {
    let name = "BACKEND_AUTH_CODE_PEPPER";
    let doc = "Keys the hashes under which codes, and the sanctions of deleted accounts, are stored, 32 bytes or more; the same on \
        every replica.";
    let pepper = r.required_secret(name, doc);
    long_enough(r, name, &pepper);
    let previous = token(
        r,
        (
            "BACKEND_AUTH_CODE_PEPPER_PREVIOUS",
            "The pepper before. What was stored under it is found as long as this is set: codes that are out, and sanctions that wait \
             for a deleted account's owner (docs/accounts.md).",
        ),
    );
    Peppers::new(pepper, previous)
}

/// The tokens of a role: the one in use, and the one before it while it is being rotated.
pub(super) fn tokens(
    r: &mut Reader,
    (name, doc): (&'static str, &'static str),
    (previous_name, previous_doc): (&'static str, &'static str),
) -> Option<Tokens> {
    let (current, previous) = (token(r, (name, doc)), token(r, (previous_name, previous_doc)));
    if current.is_none() && previous.is_some() {
        r.fault(previous_name, format!("needs {name}"));
    }
    current.map(|current| Tokens::new(current, previous))
}

impl Group for AuthConfig {
    fn read(r: &mut Reader) -> Self {
        r.section("Sign-in");
        Self {
            challenge_ttl: r.optional(
                "BACKEND_AUTH_CHALLENGE_TTL",
                "10m",
                "Life of a mailed code.",
                parse::positive_duration,
            ),
            max_attempts: r.optional(
                "BACKEND_AUTH_CHALLENGE_MAX_ATTEMPTS",
                "5",
                "Tries per code of six digits.",
                parse::positive,
            ),
            guard: GuardConfig {
                wrong_tries: r.optional(
                    "BACKEND_AUTH_GUARD_WRONG_TRIES",
                    "50",
                    "Wrong tries of an e-mail address in a UTC day that guard it for a day: its codes are then \
                     long ones that no number of tries burns, one at a time.",
                    parse::positive,
                ),
                mails: r.optional(
                    "BACKEND_AUTH_GUARD_MAILS",
                    "10",
                    "Code mails to an e-mail address within an hour that guard it for a day.",
                    guard_mails,
                ),
            },
            throttle_window: r.optional(
                "BACKEND_AUTH_CHALLENGE_THROTTLE_WINDOW",
                "60s",
                "Window in which live codes of an address are counted.",
                parse::positive_duration,
            ),
            throttle_max: r.optional(
                "BACKEND_AUTH_CHALLENGE_THROTTLE_MAX",
                "3",
                "Live codes of an address in the window, burnt ones too; past that the newest challenge that \
                 can be used is answered again and no mail goes out.",
                parse::positive,
            ),
            peppers: peppers(r),
            user_name_retries: r.optional(
                "BACKEND_AUTH_USERNAME_MAX_RETRIES",
                "10",
                "Tries to find a free placeholder user name at registration.",
                parse::positive,
            ),
            email_rate: r.optional(
                "BACKEND_AUTH_EMAIL_RATE",
                "30",
                "Requests for a code a minute, e-mail address and client network, per replica.",
                rate,
            ),
            wrong_code_rate: r.optional(
                "BACKEND_AUTH_WRONG_CODE_RATE",
                "100",
                "Wrong codes an hour and client network, over all e-mail addresses, per replica; long codes \
                 are not slowed.",
                rate,
            ),
        }
    }
}
