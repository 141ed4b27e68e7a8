//! Second factors of administrators: set up, used, reset (SPEC §4 "Administrators"). `docs/administrators.md` has the states and what
//! fails how.

use serde_json::json;
use shared::db;
use shared::db::mail::NewMail;
use shared::domain::admin_access::{EndReason, Outcome};
use shared::domain::network::Network;
use shared::domain::{crockford, invite_code};
use shared::mail::{Priority, SecondFactorReset, Template};
use shared::queue::wake::Topic;
use sqlx::PgConnection;

use super::admin_standing;
use super::admin_trail::{Step, confirmed, step, tell};
use super::caller::{Admin, Caller, Context};
use super::secrets::hash;
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};
use crate::seal::Sealer;
use crate::totp;

/// How long a code that was given lets sensitive operations go, in seconds.
pub const CONFIRMED_SECONDS: f64 = 600.0;
/// How long a set-up waits for its first code, in seconds.
const SET_UP_SECONDS: f64 = 900.0;
/// Wrong codes of an account in a day, from networks that it did not sign in from before. Past that, such a network needs a recovery
/// code: nobody guesses one, and whoever has the device where they always are is not kept out (SPEC §6). That many tries find one
/// code in three thousand.
const WRONG_TRIES: i32 = 100;
/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;
/// Characters of a recovery code.
const RECOVERY: usize = 16;

/// What a code proved. It counts once it was accepted.
pub(super) enum Proof {
    /// A step of the device.
    Step { secret: Vec<u8>, resealed: Vec<u8>, step: i64, familiar: bool },
    /// A recovery code.
    Recovery { hash: [u8; 32], familiar: bool },
}

/// What a sealed secret is bound to.
fn purpose(user_name: &str) -> Vec<u8> {
    [b"second factor of ".as_slice(), user_name.as_bytes()].concat()
}

fn sealer(app: &App) -> Result<&Sealer, Problem> {
    app.config.admin.sealer.as_ref().ok_or_else(|| {
        Problem::new(ErrorCode::SecondFactorUnavailable, "This installation has no BACKEND_SECRETS_KEY.")
    })
}

fn none() -> Problem {
    Problem::new(ErrorCode::NoSecondFactor, "There is no second factor to give a code of.")
}

/// Who gives a code, and with what.
pub(super) struct Given<'a> {
    /// The account.
    pub user_name: &'a str,
    /// As it was typed.
    pub code: &'a str,
    /// How they came so far, for the trail.
    pub step: Step<'a>,
}

/// Whether the code is of a set-up that waits, or of the factor that there is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Factor,
    SetUp,
}

/// Counts a try and compares. A wrong one is told, and stands in the trail.
///
/// # Errors
/// `code_incorrect`, `no_second_factor`, `second_factor_unavailable`, `rate_limited`, or what the database answers.
pub(super) async fn prove(app: &App, context: &Context, given: &Given<'_>, of: Of) -> Result<Proof, Problem> {
    let sealer = sealer(app)?;
    let network = Network::of(context.ip);
    // Taken before the comparison and given back if the code is right, so that many at once get no more.
    let pair = (given.user_name.to_owned(), network);
    if let Err(wait) = app.brakes.admin_codes.take(&pair) {
        tell(app, Some(given.user_name), context, "slowed");
        return Err(Problem::rate_limited("Too many wrong codes for this name from this address.", wait));
    }
    let counted = {
        let mut tx = app.db.begin().await?;
        let counted = db::admin_factors::count_try(&mut tx, given.user_name, network).await?;
        // Committed before the comparison: a try that is not counted is never compared.
        tx.commit().await?;
        counted.ok_or_else(none)?
    };
    let stored = match of {
        Of::Factor => counted.secret,
        Of::SetUp => counted.pending,
    };
    let Some(secret) = stored else {
        app.brakes.admin_codes.give_back(&pair);
        return Err(none());
    };
    let (familiar, may_try) = (counted.familiar, counted.familiar || counted.tries <= WRONG_TRIES);
    let typed = crockford::read(given.code, RECOVERY).unwrap_or_default();
    if typed.len() == RECOVERY && of == Of::Factor {
        return Ok(Proof::Recovery { hash: hash(&typed), familiar });
    }
    let purpose = purpose(given.user_name);
    let opened = sealer.open(&purpose, &secret).ok_or_else(|| {
        Problem::internal(&"a second factor is sealed with another BACKEND_SECRETS_KEY (docs/administrators.md)")
    })?;
    let resealed = sealer.seal(&app.random, &purpose, opened.expose()).map_err(|error| Problem::internal(&error))?;
    match totp::step_of(opened.expose(), &typed, counted.now).filter(|_| may_try) {
        Some(step) => Ok(Proof::Step { secret, resealed, step, familiar }),
        None => Err(wrong(app, context, given).await),
    }
}

/// Tells of a wrong code: in the log, in the trail, and to whoever gave it. Call it while no connection is held.
pub(super) async fn wrong(app: &App, context: &Context, given: &Given<'_>) -> Problem {
    tell(app, Some(given.user_name), context, "code");
    let written = async {
        let mut conn = app.db.acquire().await?;
        step(&mut conn, context, &given.step).await
    };
    match written.await {
        Ok(()) => Problem::new(ErrorCode::CodeIncorrect, "The code is wrong, or was used before."),
        Err(problem) => problem,
    }
}

impl Proof {
    async fn used(&self, conn: &mut PgConnection, user_name: &str) -> Result<bool, Problem> {
        let (used, familiar) = match self {
            Self::Step { secret, resealed, step, familiar } => {
                let done = db::admin_factors::accept_step(conn, user_name, secret, resealed, *step).await?;
                (done, *familiar)
            }
            Self::Recovery { hash, familiar } => {
                (db::admin_factors::use_recovery_code(conn, user_name, hash).await?, *familiar)
            }
        };
        if used && !familiar {
            db::admin_factors::give_back(conn, user_name).await?;
        }
        Ok(used)
    }

    /// Uses the code up, in the transaction of what it is for. False where it was used before: roll back, and answer [`wrong`].
    pub(super) async fn accept(
        &self,
        app: &App,
        conn: &mut PgConnection,
        context: &Context,
        user_name: &str,
    ) -> Result<bool, Problem> {
        let used = self.used(conn, user_name).await?;
        if used {
            app.brakes.admin_codes.give_back(&(user_name.to_owned(), Network::of(context.ip)));
        }
        Ok(used)
    }

    /// What the trail calls it.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Step { .. } => "totp",
            Self::Recovery { .. } => "recovery_code",
        }
    }
}

/// A set-up that was begun: shown this once.
pub struct Begun {
    /// The secret, in base32.
    pub secret: String,
    /// The same as a picture holds it.
    pub otpauth_uri: String,
}

/// Begins the set-up of a second factor, in place of one that was begun before. Whoever has one gives a code of it first.
///
/// # Errors
/// `second_factor_unavailable`, `confirmation_required`, `admin_session_required`.
pub async fn begin(app: &App, admin: &Admin, context: &Context) -> Result<Begun, Problem> {
    let sealer = sealer(app)?;
    confirmed(app, context, admin, "admin_begin_totp", ("admin_account", admin.name.as_str())).await?;
    let secret = app.random.bytes::<{ totp::SECRET }>();
    let sealed = sealer.seal(&app.random, &purpose(&admin.name), &secret);
    let sealed = sealed.map_err(|error| Problem::internal(&error))?;
    let mut tx = app.db.begin().await?;
    admin_standing::hold(&mut tx, admin).await?;
    db::admin_factors::begin(&mut tx, &admin.name, &sealed, SET_UP_SECONDS).await?;
    let caller = Caller::admin(admin, context);
    caller.audit(&mut tx, "admin_account.begin_second_factor", "admin_account", &admin.name, json!({})).await?;
    tx.commit().await?;
    let otpauth_uri = totp::uri(&secret, &app.config.mail_style.product, &admin.name);
    Ok(Begun { secret: totp::shown(&secret), otpauth_uri })
}

/// Ends a set-up by its first code, which counts as used. Every session of the account ends; the recovery codes of before are void.
/// Answers the new ones: they are nowhere else. The caller holds the account.
///
/// # Errors
/// `code_incorrect`, `no_second_factor`, `second_factor_unavailable`, `rate_limited`.
pub(super) async fn confirm_set_up(
    app: &App,
    conn: &mut PgConnection,
    admin: &Admin,
    context: &Context,
    proof: &SetUp,
) -> Result<Vec<String>, Problem> {
    if !db::admin_factors::set_up(conn, &admin.name, &proof.pending, proof.step).await? {
        return Err(none());
    }
    db::admin_factors::forget_recovery_codes(conn, &admin.name).await?;
    let codes: Vec<String> =
        std::iter::repeat_with(|| invite_code::write(app.random.bytes())).take(RECOVERY_CODES).collect();
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| hash(&code.replace('-', "")).to_vec()).collect();
    db::admin_factors::insert_recovery_codes(conn, &admin.name, &hashes).await?;
    db::admin_sessions::end_all(conn, &admin.name, EndReason::FactorChanged).await?;
    let caller = Caller::admin(admin, context);
    caller.audit(conn, "admin_account.set_up_second_factor", "admin_account", &admin.name, json!({})).await?;
    Ok(codes)
}

/// The first code of a set-up, which was right.
pub(super) struct SetUp {
    pending: Vec<u8>,
    step: i64,
}

/// Compares the first code of a set-up.
///
/// # Errors
/// As [`prove`].
pub(super) async fn first_code(app: &App, admin: &Admin, context: &Context, code: &str) -> Result<SetUp, Problem> {
    let given = Given { user_name: &admin.name, code, step: tried(admin, "admin_account.set_up_second_factor") };
    match prove(app, context, &given, Of::SetUp).await? {
        Proof::Step { secret: pending, step, familiar, .. } => {
            app.brakes.admin_codes.give_back(&(admin.name.clone(), Network::of(context.ip)));
            if !familiar {
                db::admin_factors::give_back(&mut *app.db.acquire().await?, &admin.name).await?;
            }
            Ok(SetUp { pending, step })
        }
        Proof::Recovery { .. } => Err(Problem::internal(&"a set-up has no recovery codes")),
    }
}

/// A step that somebody who is in tried and that failed, for the trail.
fn tried<'a>(admin: &'a Admin, action: &'a str) -> Step<'a> {
    Step {
        action,
        name: &admin.name,
        outcome: Outcome::Refused,
        via: admin.via,
        session_id: admin.session,
        detail: json!({ "code": ErrorCode::CodeIncorrect.word() }),
    }
}

/// Lets sensitive operations of the caller's session go without another code for ten minutes; answers until when.
///
/// # Errors
/// `no_session`, `no_second_factor`, `code_incorrect`, `second_factor_unavailable`, `rate_limited`, `admin_session_required`.
pub async fn confirm(
    app: &App,
    admin: &Admin,
    context: &Context,
    code: &str,
) -> Result<chrono::DateTime<chrono::Utc>, Problem> {
    let Some(session) = admin.session else {
        return Err(Problem::new(ErrorCode::NoSession, "Only a session can be confirmed."));
    };
    let given = Given { user_name: &admin.name, code, step: tried(admin, "admin_session.confirm") };
    let proof = prove(app, context, &given, Of::Factor).await?;
    let mut tx = app.db.begin().await?;
    admin_standing::hold(&mut tx, admin).await?;
    if !proof.accept(app, &mut tx, context, &admin.name).await? {
        tx.rollback().await?;
        return Err(wrong(app, context, &given).await);
    }
    let until = db::admin_sessions::confirm(&mut tx, session, CONFIRMED_SECONDS).await?;
    let until = until.ok_or_else(admin_standing::ended)?;
    let detail = json!({ "factor": proof.word() });
    let caller = Caller::admin(admin, context);
    caller.audit(&mut tx, "admin_session.confirm", "admin_session", &session.to_string(), detail).await?;
    tx.commit().await?;
    Ok(until)
}

/// Takes a second factor away from an administrator who lost it: their sessions end, and they are told by mail where the account has
/// an address.
///
/// # Errors
/// `admin_account_not_found`, `admin_session_required`.
pub async fn reset(
    app: &App,
    caller: &Caller<'_>,
    user_name: &str,
    reason: &str,
) -> Result<db::admin_accounts::AdminAccount, Problem> {
    let not_found = || Problem::new(ErrorCode::AdminAccountNotFound, "No administrator has this name.");
    let mut tx = app.db.begin().await?;
    admin_standing::hold_all(&mut tx, caller).await?;
    if !db::admin_factors::reset(&mut tx, user_name).await? {
        return Err(not_found());
    }
    db::admin_sessions::end_all(&mut tx, user_name, EndReason::FactorChanged).await?;
    let row = db::admin_accounts::get(&mut tx, user_name).await?.ok_or_else(not_found)?;
    let detail = json!({ "reason": reason, "mailed": row.email.is_some() });
    caller.audit(&mut tx, "admin_account.reset_second_factor", "admin_account", user_name, detail).await?;
    if let Some(email) = &row.email {
        let at = db::games::now(&mut tx).await?;
        let told = SecondFactorReset {
            user_name: user_name.into(),
            by: caller.name().into(),
            reason: reason.to_owned().into(),
            at,
        };
        let mail = NewMail {
            template: &Template::SecondFactorReset(told),
            style: &app.config.mail_style,
            time_zone: None,
            // Each reset is told: two of one moment are one.
            idempotency_key: &format!("{user_name}:{}", at.timestamp_micros()),
            to: std::slice::from_ref(email),
            priority: Priority::Normal,
            expires_at: None,
            request_id: Some(&caller.context.request_id),
            traceparent: caller.context.traceparent.as_deref(),
        };
        db::mail::enqueue(&mut tx, mail).await?;
    }
    tx.commit().await?;
    app.waker.wake(Topic::Mail);
    Ok(row)
}
