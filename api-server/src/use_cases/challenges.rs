//! Codes that are mailed for a sign-in (SPEC §6): asked for, and tried. `docs/accounts.md` has the states and what fails how.

use std::net::IpAddr;

use opentelemetry::KeyValue;
use shared::db::auth::{Challenge, NewChallenge};
use shared::db::mail::NewMail;
use shared::db::{self, Tx};
use shared::domain::account::IdentityKind;
use shared::domain::challenge::{self, Answer, Cause, Rules};
use shared::domain::email::{self, Address};
use shared::domain::login_code::Code;
use shared::domain::network::Network;
use shared::ids::ChallengeId;
use shared::mail::{LoginCode, Priority, Template};
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::caller::Context;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// What a client says when it confirms a code.
pub struct Confirmation<'a> {
    /// Which challenge.
    pub challenge_id: ChallengeId,
    /// The code from the mail, as read.
    pub code: &'a Code,
    /// Ed25519 public key of the device, checked.
    pub client_public_key: Option<[u8; 32]>,
    /// IANA zone for a new account, checked.
    pub time_zone: Option<&'a str>,
    /// The client's address, which tells the country of a new account.
    pub ip: IpAddr,
}

fn rules(app: &App) -> Rules {
    let auth = &app.config.auth;
    Rules {
        throttle_max: usize::try_from(auth.throttle_max).unwrap_or(usize::MAX),
        guard_mails: auth.guard.mails,
        guard_wrong_tries: auth.guard.wrong_tries,
    }
}

/// Answers a challenge: another one, whose code goes out by mail, or the one that lives. Nothing here depends on whether the
/// address has an account: the work, and so the time, is the same.
///
/// # Errors
/// `rate_limited`, or what the database answers.
pub async fn send(
    app: &App,
    context: &Context,
    address: &Address,
    preferred_language: Option<&str>,
) -> Result<ChallengeId, Problem> {
    let (auth, rules) = (&app.config.auth, rules(app));
    // By network too: whoever asks for somebody else's codes uses up requests of their own.
    let mailbox = address.mailbox();
    if let Err(wait) = app.brakes.email.take(&(mailbox.clone(), Network::of(context.ip))) {
        return Err(Problem::rate_limited("Too many codes were asked for this address.", wait));
    }
    let mut tx = app.db.begin().await?;
    let standing = db::auth::lock_mailbox(&mut tx, &mailbox).await?;
    let window = auth.throttle_window.as_secs_f64();
    // All that can decide: what is counted, and one more.
    let limit = i64::try_from(rules.guard_mails.max(rules.throttle_max)).unwrap_or(i64::MAX - 1) + 1;
    let recent = db::auth::recent_challenges(&mut tx, address.as_str(), window, auth.max_attempts, limit).await?;
    let counted = db::auth::mailbox(&mut tx, &mailbox, window, limit).await?;
    let cause = challenge::guards(standing, counted, rules);
    if let Some(cause) = cause {
        guard(app, &mut tx, &mailbox, cause).await?;
    }
    let code = match challenge::answer(standing.guarded || cause.is_some(), &recent, rules) {
        Answer::Again(challenge_id) => {
            tx.commit().await?;
            return Ok(challenge_id);
        }
        Answer::Short => (Code::short(&app.random), false),
        Answer::Long => (Code::long(&app.random), true),
    };
    let has_room = mailbox == address.as_str() || challenge::has_room(counted, code.1, rules);
    let challenge_id = mail(app, &mut tx, context, (address, has_room), preferred_language, code).await?;
    tx.commit().await?;
    app.waker.wake(Topic::Mail);
    Ok(challenge_id)
}

/// Writes a challenge and the mail with its code. Where there is no room for it, a mail goes to an address that has an account
/// alone: its owner is not kept out by those who ask for other tags. For the others the same work is done and the mail taken
/// back, so that neither the answer nor its time tells of accounts.
async fn mail(
    app: &App,
    tx: &mut Tx,
    context: &Context,
    (address, has_room): (&Address, bool),
    preferred_language: Option<&str>,
    (code, guarded): (Code, bool),
) -> Result<ChallengeId, Problem> {
    let auth = &app.config.auth;
    let challenge_id = ChallengeId::new();
    let salt: [u8; 16] = app.random.bytes();
    let expires_at = db::auth::insert_challenge(
        tx,
        &NewChallenge {
            challenge_id,
            address: address.as_str(),
            code_hash: &auth.peppers.code(&salt, &code),
            salt: &salt,
            preferred_language,
            guarded,
            ttl_seconds: auth.challenge_ttl.as_secs_f64(),
        },
    )
    .await?;
    // Asked for in the same way whether or not there is such an account.
    let time_zone = db::accounts::time_zone_of(tx, IdentityKind::Email, address.as_str()).await?;
    let asked_at = expires_at - auth.challenge_ttl;
    let mut savepoint = db::savepoint(tx).await?;
    db::mail::enqueue(
        &mut savepoint,
        NewMail {
            template: &Template::LoginCode(LoginCode { code: code.shown(), asked_at, expires_at }),
            style: &app.config.mail_style,
            time_zone: time_zone.as_deref(),
            idempotency_key: &challenge_id.to_string(),
            to: &[address.as_str().to_owned()],
            priority: Priority::Urgent,
            expires_at: Some(expires_at),
            request_id: Some(&context.request_id),
            traceparent: context.traceparent.as_deref(),
        },
    )
    .await?;
    if has_room || time_zone.is_some() {
        savepoint.commit().await?;
    } else {
        savepoint.rollback().await?;
    }
    Ok(challenge_id)
}

/// Guards a mailbox for a day, unless it is guarded already.
async fn guard(app: &App, conn: &mut PgConnection, mailbox: &str, cause: Cause) -> Result<(), Problem> {
    if db::auth::guard(conn, mailbox).await? {
        app.codes.guarded.add(1, &[KeyValue::new("cause", cause.as_str())]);
        tracing::warn!(event = "address_guarded", cause = cause.as_str(), "an e-mail address is guarded for a day");
    }
    Ok(())
}

/// The challenge is no good any more, or never was.
pub(super) fn expired() -> Problem {
    Problem::new(ErrorCode::ChallengeExpired, "This challenge takes no more tries; ask for a new code.")
}

/// Counts the try, compares, and answers the challenge that the code is right for. It is not used up yet.
///
/// # Errors
/// `challenge_expired`, `code_incorrect`, `rate_limited`, or what the database answers.
pub(super) async fn compare(app: &App, confirmation: &Confirmation<'_>) -> Result<Challenge, Problem> {
    let auth = &app.config.auth;
    let network = Network::of(confirmation.ip);
    // Taken before the comparison and given back if the code is right, so that many at once get no more.
    let taken = app.brakes.wrong_codes.take(&network);
    if let Err(wait) = taken {
        // A long code is not guessed, and whoever has one must not be kept out by a neighbour.
        if !db::auth::is_guarded(&mut *app.db.acquire().await?, confirmation.challenge_id).await? {
            tell(app, network, "slowed");
            return Err(Problem::rate_limited("Too many wrong codes from this address.", wait));
        }
    }
    let give_back = || {
        if taken.is_ok() {
            app.brakes.wrong_codes.give_back(&network);
        }
    };
    let challenge = {
        let mut tx = app.db.begin().await?;
        let challenge = db::auth::count_try(&mut tx, confirmation.challenge_id, auth.max_attempts).await?;
        // Committed before the comparison: a try that is not counted is never compared.
        tx.commit().await?;
        challenge
    };
    let Some(challenge) = challenge else {
        // Nothing was compared.
        give_back();
        tell(app, network, "expired");
        return Err(expired());
    };
    let right = auth.peppers.is_code(&challenge.code_hash, &challenge.salt, confirmation.code);
    if right || challenge.guarded {
        give_back();
    }
    if right {
        return Ok(challenge);
    }
    let mut tx = app.db.begin().await?;
    let mailbox = email::mailbox(&challenge.address);
    if db::auth::count_wrong(&mut tx, &mailbox).await? >= auth.guard.wrong_tries {
        guard(app, &mut tx, &mailbox, Cause::WrongTries).await?;
    }
    tx.commit().await?;
    tell(app, network, "incorrect");
    Err(Problem::new(ErrorCode::CodeIncorrect, "The code is wrong."))
}

/// Says that a code was refused, and to which network; never whose code it was.
fn tell(app: &App, network: Network, outcome: &'static str) {
    app.codes.wrong.add(1, &[KeyValue::new("outcome", outcome)]);
    tracing::warn!(event = "code_refused", %network, outcome, "a sign-in code was refused");
}
