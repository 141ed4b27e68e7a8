//! Administrators sign in: by name and password, then by their second factor (SPEC §4 "Administrators", §6 "Nobody locks anybody
//! out"). `docs/administrators.md` has the states and what fails how.

use std::time::Duration;

use serde_json::json;
use shared::db;
use shared::db::admin_accounts::Credentials;
use shared::db::admin_sessions::{AdminSession, NewSession};
use shared::domain::admin_access::{Outcome, Via};
use shared::domain::network::Network;
use shared::ids::AdminSessionId;
use shared::secret::Secret;
use sqlx::PgConnection;

use super::admin_factors::{self, CONFIRMED_SECONDS, Given, Of};
use super::admin_standing;
use super::admin_trail::{self, Step, tell};
use super::caller::{Admin, Context};
use super::secrets::{fresh, hash};
use crate::admins::{Attempt, Refusal};
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};

/// How long a ticket waits for its code, in seconds.
const TICKET_SECONDS: f64 = 300.0;
/// Codes that a ticket takes.
const TICKET_TRIES: i32 = 5;
/// Characters of a `User-Agent` that are kept.
const USER_AGENT: usize = 200;

/// What the trail calls a sign-in.
pub const SIGN_IN: &str = "admin.sign_in";
/// What it calls the second step of one.
const SECOND_FACTOR: &str = "admin.second_factor";

/// Stands in the trail for a name that no account has: people type passwords into the wrong field.
const NO_ACCOUNT: &str = "?";

/// A name and a password, as given.
pub struct Password<'a> {
    /// The name.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
    /// Where they were given.
    pub via: Via,
    /// What they were given for, as the trail calls it.
    pub action: &'a str,
    /// The session that they were given in.
    pub session_id: Option<AdminSessionId>,
}

/// The account whose name and password these are. Failures are counted, slowed, told and written down; an unknown name is treated as
/// a known one is, in the same time.
///
/// # Errors
/// What `wrong` makes; `rate_limited`; what the database answers.
pub async fn by_password(
    app: &App,
    context: &Context,
    given: &Password<'_>,
    wrong: impl FnOnce() -> Problem,
) -> Result<Credentials, Problem> {
    let network = Network::of(context.ip);
    let stored = {
        let mut conn = app.db.acquire().await?;
        db::admin_accounts::credentials(&mut conn, given.name, network).await?
    };
    let attempt = Attempt { name: given.name, password: given.password, network, stored: stored.as_ref() };
    let verified = app.admins.verify(&attempt).await;
    let refusal = match verified {
        Ok(()) => return stored.ok_or_else(|| Problem::internal(&"an unknown administrator was verified")),
        Err(refusal) => refusal,
    };
    let known = stored.as_ref().map(|_| given.name);
    tell(app, known, context, refusal.outcome());
    Err(match refusal {
        Refusal::Wrong => {
            let step = Step {
                action: given.action,
                name: known.unwrap_or(NO_ACCOUNT),
                outcome: Outcome::Refused,
                via: given.via,
                session_id: given.session_id,
                detail: json!({ "outcome": refusal.outcome() }),
            };
            let mut conn = app.db.acquire().await?;
            admin_trail::step(&mut conn, context, &step).await?;
            wrong()
        }
        // Written down once, as it was counted: else one failure of many connections at once would fill the trail.
        Refusal::WrongAlike => wrong(),
        Refusal::Slowed(wait) => {
            Problem::rate_limited("Too many failed attempts for this name or from this address.", wait)
        }
        Refusal::Busy => Problem::rate_limited("Too many passwords are being checked.", Duration::from_secs(1)),
        Refusal::Broken(cause) => Problem::internal(&cause),
    })
}

/// Notes that an account was used, where that is not known yet.
pub async fn touch(app: &App, context: &Context, name: &str, stored: &Credentials) -> Result<(), Problem> {
    if stored.last_used_stale || !stored.familiar {
        let mut conn = app.db.acquire().await?;
        db::admin_accounts::touch(&mut conn, name, Network::of(context.ip)).await?;
    }
    Ok(())
}

/// A session that was opened, and its cookie, which is nowhere else.
pub struct SignedIn {
    /// The session.
    pub session: AdminSession,
    /// What its cookie holds.
    pub cookie: Secret,
}

/// What a name and a password open.
pub enum Entered {
    /// A session.
    In(Box<SignedIn>),
    /// The second step: the account has a second factor.
    HalfWay {
        /// What the second step shows.
        ticket: Secret,
    },
}

/// Refuses who would show a secret to whoever reads along.
fn over_tls(context: &Context) -> Result<(), Problem> {
    if context.secure {
        return Ok(());
    }
    Err(Problem::new(
        ErrorCode::InsecureTransport,
        "Administrators sign in over TLS, or at an address of their own machine. Behind a proxy that ends TLS, it says so by \
         X-Forwarded-Proto, and its network stands in BACKEND_TRUSTED_PROXIES.",
    ))
}

fn refused() -> Problem {
    Problem::new(ErrorCode::SignInRefused, "The name or the password is wrong, or the account is disabled.")
}

/// Signs in by name and password.
///
/// # Errors
/// `insecure_transport`, `sign_in_refused`, `rate_limited`.
pub async fn enter(
    app: &App,
    context: &Context,
    user_agent: &str,
    name: &str,
    password: &str,
) -> Result<Entered, Problem> {
    over_tls(context)?;
    let given = Password { name, password, via: Via::Session, action: SIGN_IN, session_id: None };
    let stored = by_password(app, context, &given, refused).await?;
    let mut tx = app.db.begin().await?;
    // Whoever changed the account since it was looked at has ended its sessions: none may begin behind them.
    let held = db::admin_accounts::hold(&mut tx, name).await?.filter(|held| held.password_hash == stored.password_hash);
    let held = held.ok_or_else(refused)?;
    if held.has_factor {
        let ticket = fresh(&app.random);
        let ticket_hash = hash(ticket.expose());
        let password_hash = &stored.password_hash;
        db::admin_sessions::insert_ticket(&mut tx, &ticket_hash, name, password_hash, TICKET_SECONDS).await?;
        // Whoever gets no further has a password that is right: the account's owner finds it here.
        let step = Step {
            action: SIGN_IN,
            name,
            outcome: Outcome::Done,
            via: Via::Session,
            session_id: None,
            detail: json!({ "second_factor": "awaited" }),
        };
        admin_trail::step(&mut tx, context, &step).await?;
        tx.commit().await?;
        return Ok(Entered::HalfWay { ticket });
    }
    let signed_in = open(app, &mut tx, context, user_agent, name, Opened { confirmed: false, factor: None }).await?;
    tx.commit().await?;
    Ok(Entered::In(Box::new(signed_in)))
}

/// By what a session was opened, beside the password.
struct Opened {
    /// Whether a factor was given just now.
    confirmed: bool,
    /// Which.
    factor: Option<&'static str>,
}

/// Opens a session, and writes that somebody signed in.
async fn open(
    app: &App,
    conn: &mut PgConnection,
    context: &Context,
    user_agent: &str,
    name: &str,
    opened: Opened,
) -> Result<SignedIn, Problem> {
    let cookie = fresh(&app.random);
    let new = NewSession {
        user_name: name,
        token_hash: &hash(cookie.expose()),
        max_seconds: app.config.admin.session_max.as_secs_f64(),
        confirmed_seconds: opened.confirmed.then_some(CONFIRMED_SECONDS),
        ip: &context.ip.to_string(),
        user_agent: &user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT).collect::<String>(),
    };
    let session = db::admin_sessions::insert(conn, &new).await?;
    db::admin_accounts::touch(conn, name, Network::of(context.ip)).await?;
    let step = Step {
        action: SIGN_IN,
        name,
        outcome: Outcome::Done,
        via: Via::Session,
        session_id: Some(session.session_id),
        detail: json!({ "factor": opened.factor }),
    };
    admin_trail::step(conn, context, &step).await?;
    Ok(SignedIn { session, cookie })
}

/// The second step: a code of the device, or a recovery code.
///
/// # Errors
/// `insecure_transport`, `sign_in_ticket_expired`, `second_factor_unavailable`, `code_incorrect`, `rate_limited`.
pub async fn second_factor(
    app: &App,
    context: &Context,
    user_agent: &str,
    ticket: &str,
    code: &str,
) -> Result<SignedIn, Problem> {
    over_tls(context)?;
    let expired = || Problem::new(ErrorCode::SignInTicketExpired, "This ticket takes no more codes; sign in again.");
    let ticket = hash(ticket);
    let name = {
        let mut tx = app.db.begin().await?;
        let name = db::admin_sessions::try_ticket(&mut tx, &ticket, TICKET_TRIES).await?;
        // Committed before the comparison: a try that is not counted is never compared.
        tx.commit().await?;
        name.ok_or_else(expired)?
    };
    let step = Step {
        action: SECOND_FACTOR,
        name: &name,
        outcome: Outcome::Refused,
        via: Via::Session,
        session_id: None,
        detail: json!({ "code": ErrorCode::CodeIncorrect.word() }),
    };
    let given = Given { user_name: &name, code, step };
    // The factor may be gone since: then the ticket leads nowhere.
    let proof = admin_factors::prove(app, context, &given, Of::Factor).await.map_err(|problem| match problem.code {
        ErrorCode::NoSecondFactor => expired(),
        _ => problem,
    })?;
    let mut tx = app.db.begin().await?;
    // Whoever changed the account since has taken its tickets away.
    db::admin_accounts::hold(&mut tx, &name).await?.ok_or_else(expired)?;
    if !db::admin_sessions::use_ticket(&mut tx, &ticket).await? {
        return Err(expired());
    }
    if !proof.accept(app, &mut tx, context, &name).await? {
        tx.rollback().await?;
        return Err(admin_factors::wrong(app, context, &given).await);
    }
    let opened = Opened { confirmed: true, factor: Some(proof.word()) };
    let signed_in = open(app, &mut tx, context, user_agent, &name, opened).await?;
    tx.commit().await?;
    Ok(signed_in)
}

/// A second factor that was set up.
pub struct SetUp {
    /// Codes that stand in for it, each once; they are nowhere else.
    pub recovery_codes: Vec<String>,
    /// The session that takes the place of the caller's, where they came by one.
    pub signed_in: Option<SignedIn>,
}

/// Ends the set-up of a second factor by its first code. All sessions of the account end in the same transaction; whoever came by one
/// goes on in a new one.
///
/// # Errors
/// `code_incorrect`, `no_second_factor`, `second_factor_unavailable`, `rate_limited`, `admin_session_required`.
pub async fn set_up_second_factor(
    app: &App,
    admin: &Admin,
    context: &Context,
    user_agent: &str,
    code: &str,
) -> Result<SetUp, Problem> {
    let first = admin_factors::first_code(app, admin, context, code).await?;
    let mut tx = app.db.begin().await?;
    admin_standing::hold(&mut tx, admin).await?;
    let recovery_codes = admin_factors::confirm_set_up(app, &mut tx, admin, context, &first).await?;
    let signed_in = match admin.session {
        None => None,
        Some(_) => {
            let opened = Opened { confirmed: true, factor: Some("set_up") };
            Some(open(app, &mut tx, context, user_agent, &admin.name, opened).await?)
        }
    };
    tx.commit().await?;
    Ok(SetUp { recovery_codes, signed_in })
}
