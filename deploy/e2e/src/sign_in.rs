//! Signing in by mailed code, as a person does it: ask for one, read the mail, type it.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use testkit::mail::Mail;
use uuid::Uuid;

use crate::fields::{id, text};
use crate::gateway::{As, Call, Rest};
use crate::mailbox::{self, Mailbox};

/// What a sign-in gave.
pub struct SignedIn {
    /// The account.
    pub user_id: Uuid,
    /// The session.
    pub session: Uuid,
    /// Its token.
    pub token: String,
    /// Whether the account was made by it.
    pub new: bool,
    /// From the answer to who asked for the code until its mail was there.
    pub took: Duration,
    /// How often a code was asked for, and the answer was yes.
    pub codes: usize,
    /// How often asking was tried, and may have been heard: there may be so many mails, which is more than answers.
    pub tries: usize,
}

/// Signs in from `address`; each step may take `patience`. A device that has a key brings its public half.
///
/// # Errors
/// When a step is refused, or the mail does not come.
pub async fn by_code(
    rest: &Rest,
    mailbox: &Mailbox,
    patience: Duration,
    email: &str,
    address: Ipv4Addr,
    key: Option<&SigningKey>,
) -> Result<SignedIn> {
    let who = As::Anyone(address);
    let end = Instant::now() + patience;
    let (mut codes, mut tries, mut unsure) = (0, 0, false);
    loop {
        let before = mailbox.newest(Some(email)).await?;
        let ask =
            Call::post("/public/auth/send-email-code").with(json!({ "email": email, "preferred_language": "en" }));
        let asked = rest.call(who, &ask).await?;
        let (at, lost) = (asked.at, asked.repeated);
        tries += asked.tries;
        let challenge = asked.expect(202)?;
        codes += 1;
        let wanted = |mail: &Mail| mailbox::code(mail).is_some();
        let mail = mailbox.wait(email, before, "a sign-in code", patience, wanted).await?;
        let mut confirm = json!({
            "challenge_id": text(&challenge, "challenge_id")?,
            "code": mailbox::code(&mail),
            "time_zone": "Europe/Berlin",
        });
        if let (Some(key), Some(fields)) = (key, confirm.as_object_mut()) {
            fields.insert("client_public_key".into(), STANDARD.encode(key.verifying_key().as_bytes()).into());
        }
        let answer = rest.call(who, &Call::post("/public/auth/confirm-email-code").with(confirm)).await?;
        // A call that was repeated may have asked for two codes, whose mails come in any order, or have used up its only one: a person
        // asks again.
        unsure |= lost || answer.repeated;
        let again = matches!(answer.code(), "challenge_expired" | "code_incorrect") && unsure;
        if again && Instant::now() < end {
            continue;
        }
        let body = answer.expect(200)?;
        return Ok(SignedIn {
            user_id: id(&body, "user_id")?,
            session: id(&body, "device_session_id")?,
            token: text(&body, "session_token")?.to_owned(),
            new: body.get("account_created") == Some(&Value::Bool(true)),
            // None when the mail was faster than the answer.
            took: (mail.received_at - at).to_std().unwrap_or_default(),
            codes,
            tries,
        });
    }
}
