//! Who may call what (SPEC §4), decided by the path's group before routing: an operation cannot forget its check.

use std::sync::Arc;

use poem::http::{HeaderMap, Method};
use poem::{FromRequest, Request, RequestBody};
use shared::db;
use shared::db::accounts::Account;
use shared::domain::account::SanctionKind;
use shared::domain::network::Network;
use shared::ids::UserId;

use super::administrator;
use super::cors::Cors;
use super::headers::credentials;
use super::operation::Operation;
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
    /// The two operations of administrators by which one comes in: nobody is asked for anything before them.
    AdminDoor,
    /// Probes, the document, Swagger UI, and paths that do not exist.
    Open,
}

impl Group {
    /// All groups.
    pub const ALL: &[Self] = &[Self::Public, Self::User, Self::Internal, Self::Admin, Self::AdminDoor, Self::Open];

    /// The group that a path belongs to.
    pub const fn of(path: &str) -> Self {
        match after(path.as_bytes(), b"/api/v1/admin/auth/") {
            Some(b"sign-in" | b"second-factor") => Self::AdminDoor,
            _ => Self::named(Self::ALL, after(path.as_bytes(), b"/api/v1/"), b"/"),
        }
    }

    /// The group whose operations stand in a module: told from `http::<group>`, as [`Self::of`] tells it from
    /// `/api/v1/<group>`. That a file and its operation's path say the same is held by `api-server/tests/it/served.rs`.
    pub const fn of_module(path: &str) -> Self {
        match after(path.as_bytes(), b"api_server::http::admin::auth::") {
            Some(b"sign_in" | b"second_factor") => Self::AdminDoor,
            _ => Self::named(Self::ALL, after(path.as_bytes(), b"api_server::http::"), b"::"),
        }
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
            Self::Admin | Self::AdminDoor => "admin",
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

/// Where administrators look after their own way in.
pub const OWN_ACCESS: &str = "/api/v1/admin/auth/";

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
/// 401 with the group's challenge; 403 where an administrator may not; 429 after too many failures of an administrator's name or
/// address; 503 without a database.
pub async fn admit(
    app: &Arc<App>,
    request: &mut Request,
    context: &Context,
    operation: Option<(&str, &Operation)>,
    cors: &Cors,
) -> Result<(), Problem> {
    match Group::of(request.uri().path()) {
        Group::Open => Ok(()),
        Group::AdminDoor => {
            let size = super::body::length(request);
            if size.is_none_or(|size| size > LONGEST_ATTEMPT) { no_attempt(app, context) } else { Ok(()) }
        }
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
            let admin = Box::pin(administrator::admit(app, request, context, operation, cors)).await?;
            request.extensions_mut().insert(admin);
            Ok(())
        }
    }
}

/// The longest body of an attempt to sign in, in bytes: far more than a name and a password, or a ticket and a code. It is read
/// in no time, however many come.
const LONGEST_ATTEMPT: u64 = 8 << 10;

/// The outcome under which what is no attempt to sign in is counted.
const NO_ATTEMPT: &str = "no_attempt";

/// Counts what came to [`Group::AdminDoor`] and is no attempt to sign in: it is refused by its form alone, or longer than one
/// can be. Attempts have brakes of their own ([`crate::admins`]) and none here: a stranger at the same address could spend it, and
/// keep an administrator out who signed in from there before (SPEC §6).
///
/// # Errors
/// 429 after too many from a network.
pub fn no_attempt(app: &App, context: &Context) -> Result<(), Problem> {
    app.brakes.door.take(&Network::of(context.ip)).map_err(|wait| {
        app.admins.count(NO_ATTEMPT);
        tracing::info!(event = "door_slowed", ip = %context.ip, "no attempt to sign in, and too many of them");
        Problem::rate_limited("Too many requests from this address that are no attempt to sign in.", wait)
    })
}

/// Whether an error says that a request is none of its operation's by its form.
pub fn is_of_form(error: &poem::Error) -> bool {
    let code = error.downcast_ref::<Problem>().map(|problem| problem.code);
    use ErrorCode::{CrossSite, InvalidRequest, PayloadTooLarge, UnsupportedMediaType};
    matches!(code, Some(CrossSite | InvalidRequest | PayloadTooLarge | UnsupportedMediaType))
}

/// Whether who was admitted is an administrator who sees no addresses: one who is a viewer and nothing else. Of themselves they see
/// everything.
pub fn sees_no_addresses(request: &Request) -> bool {
    request.extensions().get::<Admin>().is_some_and(Admin::sees_no_addresses)
        && !request.uri().path().starts_with(OWN_ACCESS)
}

/// Refuses, from a request's head alone, who would be refused anyway: so that strangers' bodies are not read. It lets nobody in:
/// that is for [`admit`], once the body is there.
///
/// # Errors
/// 401 with the group's challenge.
pub fn refuse_early(app: &App, group: Group, headers: &HeaderMap, context: &Context) -> Result<(), Problem> {
    match group {
        Group::Internal | Group::User => gateway(app, headers),
        Group::Admin => administrator::refuse_early(app, headers, context),
        Group::Public | Group::AdminDoor | Group::Open => Ok(()),
    }
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
            ("/api/v1/admin/auth/me", Group::Admin),
            ("/api/v1/admin/auth/sign-in", Group::AdminDoor),
            ("/api/v1/admin/auth/second-factor", Group::AdminDoor),
            ("/api/v1/admin/auth/sign-in/", Group::Admin),
            ("/api/v1/admin/auth/sign-inn", Group::Admin),
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
            ("api_server::http::admin::auth::sign_in", Group::AdminDoor),
            ("api_server::http::admin::auth::sign_out", Group::Admin),
            ("api_server::http::administration::users", Group::Open),
            ("api_server::http::answer::problem", Group::Open),
            ("api_server::use_cases::user::account", Group::Open),
            ("api_server", Group::Open),
        ] {
            assert_eq!(Group::of_module(path), group, "{path}");
        }
    }
}
