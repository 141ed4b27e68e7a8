//! Who may call what (SPEC §4), decided by the path's group before routing: an operation cannot forget its check.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderMap, Method, header};
use poem::{FromRequest, Request, RequestBody};
use shared::db;
use shared::db::accounts::Account;
use shared::domain::account::SanctionKind;
use shared::domain::administrator;
use shared::domain::network::Network;
use shared::ids::UserId;

use crate::admins::{Attempt, Refusal};
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};
use crate::use_cases::caller::{Admin, Context, User};

/// The groups of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// `/api/v1/public/*`
    Public,
    /// `/api/v1/user/*`
    User,
    /// `/api/v1/internal/*`
    Internal,
    /// `/api/v1/admin/*`
    Admin,
    /// Probes, the document, Swagger UI, and paths that do not exist.
    Open,
}

impl Group {
    /// All groups.
    pub const ALL: &[Self] = &[Self::Public, Self::User, Self::Internal, Self::Admin, Self::Open];

    /// The group that a path belongs to.
    pub const fn of(path: &str) -> Self {
        Self::named(Self::ALL, after(path.as_bytes(), b"/api/v1/"), b"/")
    }

    /// The group whose operations stand in a module: told from `http::<group>`, as [`Self::of`] tells it from
    /// `/api/v1/<group>`. That a file and its operation's path say the same is held by `api-server/tests/it/served.rs`.
    pub const fn of_module(path: &str) -> Self {
        Self::named(Self::ALL, after(path.as_bytes(), b"api_server::http::"), b"::")
    }

    /// The one of these groups that a text begins with the name of, up to a separator or its end.
    const fn named(groups: &[Self], text: Option<&[u8]>, separator: &[u8]) -> Self {
        match (groups, text) {
            ([group, others @ ..], Some(text)) => match after(text, group.label().as_bytes()) {
                Some([]) => *group,
                Some(rest) if after(rest, separator).is_some() => *group,
                _ => Self::named(others, Some(text), separator),
            },
            _ => Self::Open,
        }
    }

    /// The name in paths, and the label in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::User => "user",
            Self::Internal => "internal",
            Self::Admin => "admin",
            Self::Open => "open",
        }
    }
}

/// What follows a beginning: `strip_prefix`, for constants.
const fn after<'t>(text: &'t [u8], beginning: &[u8]) -> Option<&'t [u8]> {
    match (text, beginning) {
        (rest, []) => Some(rest),
        ([one, text @ ..], [other, beginning @ ..]) if *one == *other => after(text, beginning),
        _ => None,
    }
}

impl<'a> FromRequest<'a> for User {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        // The guard put it there; a user operation outside the user group is a bug that must not pass.
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::internal(&"operation outside the user group").into())
    }
}

/// Where somebody reads their own account: the guard's look at it is the answer, so that Postgres is asked once.
const OWN_ACCOUNT: &str = "/api/v1/user/account";

/// The account of the user who calls, of a `GET` of [`OWN_ACCOUNT`] alone.
#[derive(Debug, Clone)]
pub struct OwnAccount(pub Account);

impl<'a> FromRequest<'a> for OwnAccount {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::internal(&"another operation than the read of the own account").into())
    }
}

impl<'a> FromRequest<'a> for Admin {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::internal(&"operation outside the admin group").into())
    }
}

/// Admits a request to its group, or says why not.
///
/// # Errors
/// 401 with the group's challenge; 429 after too many failures of an administrator's name or address; 503 without a database.
pub async fn admit(app: &Arc<App>, request: &mut Request, context: &Context) -> Result<(), Problem> {
    match Group::of(request.uri().path()) {
        Group::Open => Ok(()),
        Group::Public => match app.brakes.public.take(&Network::of(context.ip)) {
            Ok(()) => Ok(()),
            Err(wait) => Err(Problem::rate_limited("Too many requests from this address.", wait)),
        },
        Group::Internal => gateway(app, request.headers()),
        Group::User => {
            gateway(app, request.headers())?;
            let user = match *request.method() == Method::GET && request.uri().path() == OWN_ACCOUNT {
                true => {
                    let account = own_account(app, request.headers()).await?;
                    let sanctions = account.sanctions.iter().map(|sanction| sanction.kind).collect();
                    let user = User { id: account.user_id, sanctions };
                    request.extensions_mut().insert(OwnAccount(account));
                    user
                }
                false => user(app, request.headers()).await?,
            };
            app.geo.count(user.id, context.ip);
            request.extensions_mut().insert(user);
            Ok(())
        }
        Group::Admin => {
            let admin = administrator(app, request.headers(), context).await?;
            request.extensions_mut().insert(admin);
            Ok(())
        }
    }
}

/// Refuses, from a request's head alone, who would be refused anyway: so that strangers' bodies are not read. It lets nobody in:
/// that is for [`admit`], once the body is there.
///
/// # Errors
/// 401 with the group's challenge.
pub fn refuse_early(app: &App, group: Group, headers: &HeaderMap, context: &Context) -> Result<(), Problem> {
    match group {
        Group::Internal | Group::User => gateway(app, headers),
        Group::Admin => administrators_credentials(app, headers, context).map(drop),
        Group::Public | Group::Open => Ok(()),
    }
}

/// The name and the password that a request gives. What cannot be read is an attempt that failed, and is told.
fn administrators_credentials(app: &App, headers: &HeaderMap, context: &Context) -> Result<(String, String), Problem> {
    if let Some(given) = basic(headers) {
        return Ok(given);
    }
    // Nobody asks for an account without a credential, so nobody has failed.
    if headers.contains_key(header::AUTHORIZATION) {
        tell(app, None, context, "malformed");
    }
    Err(administrator_wanted())
}

fn administrator_wanted() -> Problem {
    Problem::new(
        ErrorCode::AdminCredentialsRequired,
        "This path wants an administrator's name and password (HTTP Basic).",
    )
}

fn gateway(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(expected) = &app.config.gateway_token else { return Ok(()) };
    match credentials(headers, "Bearer") {
        Some(token) if expected.hold(token.as_bytes()) => Ok(()),
        _ => Err(Problem::new(ErrorCode::CredentialsRequired, "This path wants the gateway's bearer token.")),
    }
}

async fn user(app: &App, headers: &HeaderMap) -> Result<User, Problem> {
    let id = user_id(headers)?;
    let mut conn = app.db.acquire().await?;
    let sanctions = db::accounts::standing(&mut conn, id).await?.ok_or_else(user_unknown)?;
    if sanctions.contains(&SanctionKind::PermanentBlock) {
        return Err(user_unknown());
    }
    Ok(User { id, sanctions })
}

/// [`user`], by the read of the whole account.
async fn own_account(app: &App, headers: &HeaderMap) -> Result<Account, Problem> {
    let id = user_id(headers)?;
    let mut conn = app.db.acquire().await?;
    let account = db::accounts::get(&mut conn, id).await?.ok_or_else(user_unknown)?;
    if account.deleted_at.is_some()
        || account.sanctions.iter().any(|sanction| sanction.kind == SanctionKind::PermanentBlock)
    {
        return Err(user_unknown());
    }
    Ok(account)
}

fn user_id(headers: &HeaderMap) -> Result<UserId, Problem> {
    headers.get("x-user-id").and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok()).ok_or_else(user_unknown)
}

fn user_unknown() -> Problem {
    Problem::new(ErrorCode::UserUnknown, "X-User-ID names nobody who may act.")
}

async fn administrator(app: &Arc<App>, headers: &HeaderMap, context: &Context) -> Result<Admin, Problem> {
    let (name, password) = administrators_credentials(app, headers, context)?;
    let network = Network::of(context.ip);
    let stored = {
        let mut conn = app.db.acquire().await?;
        db::admin_accounts::credentials(&mut conn, &name, network).await?
    };
    let attempt = Attempt { name: &name, password: &password, network, stored: stored.as_ref() };
    if let Err(refusal) = app.admins.verify(&attempt).await {
        // A name that nobody has may be a password that was typed into the wrong field.
        let known = stored.as_ref().map(|_| name.as_str());
        tell(app, known, context, refusal.outcome());
        return Err(match refusal {
            Refusal::Wrong => administrator_wanted(),
            Refusal::Slowed(wait) => {
                Problem::rate_limited("Too many failed attempts for this name or from this address.", wait)
            }
            Refusal::Busy => Problem::rate_limited("Too many passwords are being checked.", Duration::from_secs(1)),
            Refusal::Broken(cause) => Problem::internal(&cause),
        });
    }
    if stored.is_some_and(|s| s.last_used_stale || !s.familiar) {
        let mut conn = app.db.acquire().await?;
        db::admin_accounts::touch(&mut conn, &name, network).await?;
    }
    Ok(Admin { name })
}

/// Says who was refused, from where and why: the one line in which a name and an IP address stand in the log (SPEC §6). The
/// name is that of an account.
fn tell(app: &App, name: Option<&str>, context: &Context, outcome: &'static str) {
    app.admins.count(outcome);
    tracing::warn!(event = "admin_refused", admin = name, ip = %context.ip, outcome, "an administrator was refused");
}

/// What is given under a scheme, whose name may be in any case (RFC 9110, 11.1).
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, credentials) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| credentials.trim_start_matches(' '))
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = credentials(headers, "Basic")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    // No account has a longer name or password (bcrypt reads 71 bytes): longer ones are refused before they are remembered.
    if name.len() > 128 || password.len() > administrator::PASSWORD_MAX {
        return None;
    }
    Some((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_the_group_that_it_names_first() {
        for (path, group) in [
            ("/api/v1/public/auth/send-email-code", Group::Public),
            ("/api/v1/user/account", Group::User),
            ("/api/v1/internal/sessions/1", Group::Internal),
            ("/api/v1/admin/users", Group::Admin),
            ("/api/v1/admin", Group::Admin),
            ("/api/v1/administration", Group::Open),
            ("/api/v1/", Group::Open),
            ("/api/v2/user/account", Group::Open),
            ("/healthz", Group::Open),
        ] {
            assert_eq!(Group::of(path), group, "{path}");
        }
    }

    #[test]
    fn a_module_is_of_the_group_that_its_folder_is_named_after() {
        for (path, group) in [
            ("api_server::http::public::auth::send_email_code", Group::Public),
            ("api_server::http::user::account::get", Group::User),
            ("api_server::http::internal::sessions::open", Group::Internal),
            ("api_server::http::admin::users::limits::set", Group::Admin),
            ("api_server::http::administration::users", Group::Open),
            ("api_server::http::answer::problem", Group::Open),
            ("api_server::use_cases::user::account", Group::Open),
            ("api_server", Group::Open),
        ] {
            assert_eq!(Group::of_module(path), group, "{path}");
        }
    }
}
