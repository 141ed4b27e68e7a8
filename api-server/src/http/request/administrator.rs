//! Which administrator sends a request: by the cookie of a session, by a program's token, or by name and password (SPEC §4
//! "Administrators"). Whoever shows two of them is judged by the first of these.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::Request;
use poem::http::{HeaderMap, Method, header};
use serde_json::json;
use shared::db;
use shared::domain::admin_access::{Outcome, Roles, Via};
use shared::domain::administrator;

use super::cors::Cors;
use super::operation::Operation;
use super::{cross_site, headers, purpose};
use crate::app::App;
use crate::refusal::{ErrorCode, Problem};
use crate::use_cases::admin_sign_in::{self, Password, SIGN_IN};
use crate::use_cases::admin_standing::ended;
use crate::use_cases::admin_trail::{self, Refused, Step};
use crate::use_cases::caller::{Admin, Context};
use crate::use_cases::secrets::{hash, is_program_token};

/// The cookie of a session. Its prefix makes browsers take it only over TLS, for this host and every path (RFC 6265bis, 4.1.3.2).
pub const COOKIE: &str = "__Host-galaxy-admin";
/// What a page's own polling carries: it keeps no session alive.
const BACKGROUND: &str = "x-background";

/// What a request shows.
enum Shown {
    Cookie(String),
    Token(String),
    Basic { name: String, password: String },
}

/// What a request shows, from its head alone. What cannot be read is an attempt that failed, and is told.
fn shown(app: &App, headers: &HeaderMap, context: &Context) -> Result<Shown, Problem> {
    if let Some(cookie) = cookie(headers) {
        return Ok(Shown::Cookie(cookie));
    }
    if let Some(token) = headers::credentials(headers, "Bearer").filter(|token| is_program_token(token)) {
        return Ok(Shown::Token(token.to_owned()));
    }
    if app.config.admin.basic
        && let Some((name, password)) = basic(headers)
    {
        return Ok(Shown::Basic { name, password });
    }
    // Nobody asks for an account without a credential, so nobody has failed.
    if headers.contains_key(header::AUTHORIZATION) {
        admin_trail::tell(app, None, context, "malformed");
    }
    Err(wanted(app, headers))
}

/// Refuses, from a request's head alone, who would be refused anyway.
///
/// # Errors
/// 401.
pub fn refuse_early(app: &App, headers: &HeaderMap, context: &Context) -> Result<(), Problem> {
    shown(app, headers, context).map(drop)
}

/// The answer to who shows nothing. A script of a page is not asked for HTTP Basic: its browser would ask the person, over the page.
fn wanted(app: &App, headers: &HeaderMap) -> Problem {
    let script = headers.get("sec-fetch-mode").is_some_and(|mode| mode.as_bytes() != b"navigate");
    if script || !app.config.admin.basic {
        return ended();
    }
    Problem::new(
        ErrorCode::AdminCredentialsRequired,
        "This path wants an administrator: a session, a token, or a name and a password (HTTP Basic).",
    )
}

/// Who sends a request, and whether they may call its operation: session or token, account and roles are read by one statement.
///
/// # Errors
/// 401; 403 for a write by cookie that no page of ours sent, and by the table of rights; 429 after too many failures of a name and
/// password; 503 without a database.
pub async fn admit(
    app: &Arc<App>,
    request: &mut Request,
    context: &Context,
    operation: Option<(&str, &Operation)>,
    cors: &Cors,
) -> Result<Admin, Problem> {
    let admin = match shown(app, request.headers(), context)? {
        Shown::Cookie(cookie) => by_session(app, request, &cookie, cors).await?,
        Shown::Token(token) => by_token(app, &token).await?,
        Shown::Basic { name, password } => by_password(app, request.headers(), context, &name, &password).await?,
    };
    let Some((path, operation)) = operation else { return Ok(admin) };
    let Some(right) = operation.right else {
        return Err(Problem::internal(&format!("{path} has no right in the table: nobody may call it")));
    };
    if let Err(code) = right.judge(&admin, app.config.admin.require_totp) {
        // What they said of it, though nothing has looked at the rest of the request, and nothing will.
        let said = purpose::said(request, &operation.in_body).await?;
        let context =
            Context { reason: said.reason.unwrap_or_default(), operation_id: said.part_of, ..context.clone() };
        let target = operation.target(request.uri().path());
        let (target_type, target_id) = target.unwrap_or_else(|| ("operation", path.to_owned()));
        let dry_run = right.has_preview && said.dry_run;
        let refused = Refused { action: right.operation, target_type, target_id: &target_id, code, dry_run };
        admin_trail::refused(app, &context, &admin, &refused).await?;
        return Err(Problem::new(code, format!("{}.", capital(code.meaning()))));
    }
    Ok(admin)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

async fn by_session(app: &App, request: &Request, cookie: &str, cors: &Cors) -> Result<Admin, Problem> {
    // A cookie comes along with whatever a page makes its browser send: a write needs the word of the browser that the page is ours.
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        cross_site::prove_origin(request, cors)?;
    }
    let mut conn = app.db.acquire().await?;
    let idle = app.config.admin.session_idle.as_secs_f64();
    let found = db::admin_sessions::standing(&mut conn, &hash(cookie), idle).await?;
    let standing = found.ok_or_else(ended)?;
    if standing.stale && !request.headers().contains_key(BACKGROUND) {
        db::admin_sessions::touch(&mut conn, standing.session_id, &standing.user_name).await?;
    }
    Ok(Admin {
        name: standing.user_name,
        roles: Roles::read(&standing.roles),
        via: Via::Session,
        session: Some(standing.session_id),
        has_factor: standing.has_factor,
        confirmed: standing.confirmed,
        password_hash: None,
    })
}

async fn by_token(app: &App, token: &str) -> Result<Admin, Problem> {
    let mut conn = app.db.acquire().await?;
    let found = db::admin_tokens::standing(&mut conn, &hash(token)).await?;
    let standing = found.ok_or_else(ended)?;
    // No more than its owner may do by now: who lost a role has no token that has it.
    let roles = Roles::read(&standing.token_roles).within(Roles::read(&standing.roles));
    if standing.stale {
        db::admin_tokens::touch(&mut conn, standing.token_id).await?;
    }
    Ok(Admin {
        name: standing.user_name,
        roles,
        via: Via::Token,
        session: None,
        has_factor: standing.has_factor,
        confirmed: false,
        password_hash: None,
    })
}

async fn by_password(
    app: &Arc<App>,
    headers: &HeaderMap,
    context: &Context,
    name: &str,
    password: &str,
) -> Result<Admin, Problem> {
    let given = Password { name, password, via: Via::Basic, action: SIGN_IN, session_id: None };
    let stored = admin_sign_in::by_password(app, context, &given, || wanted(app, headers)).await?;
    if stored.has_factor {
        // Whoever came so far has a password that is right: the account's owner finds it in the trail.
        admin_trail::tell(app, Some(name), context, "second_factor");
        let step = Step {
            action: SIGN_IN,
            name,
            outcome: Outcome::Refused,
            via: Via::Basic,
            session_id: None,
            detail: json!({ "outcome": "second_factor" }),
        };
        admin_trail::step(&mut *app.db.acquire().await?, context, &step).await?;
        return Err(Problem::new(
            ErrorCode::AdminSessionRequired,
            "This account has a second factor: sign in with it, or show a token; a name and a password are not enough.",
        ));
    }
    admin_sign_in::touch(app, context, name, &stored).await?;
    Ok(Admin {
        name: name.to_owned(),
        roles: Roles::read(&stored.roles),
        via: Via::Basic,
        session: None,
        has_factor: false,
        confirmed: false,
        password_hash: Some(stored.password_hash.into()),
    })
}

/// The session's cookie, of however many lines the cookies stand in (RFC 9113, 8.2.3). Of two neither counts. Each is read by itself:
/// what another page of the host keeps may be no text.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let pairs = all.filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value);
    let first = ours.next()?;
    ours.next().is_none().then(|| first.to_owned())
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers::credentials(headers, "Basic")?;
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
    fn the_cookie_is_found_among_others_and_two_are_none() {
        let found = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, header::HeaderValue::from_bytes(line.as_bytes()).unwrap());
            }
            cookie(&headers)
        };
        for lines in [
            &["__Host-galaxy-admin=abc"][..],
            &["a=b; __Host-galaxy-admin=abc;c=d"],
            &["a=b", "__Host-galaxy-admin=abc"],
            &["name=Zoë; __Host-galaxy-admin=abc"],
        ] {
            assert_eq!(found(lines).as_deref(), Some("abc"), "{lines:?}");
        }
        for lines in [
            &[][..],
            &["galaxy-admin=abc"],
            &["__host-galaxy-admin=abc"],
            &["__Host-galaxy-admin"],
            &["__Host-galaxy-admin=abc; __Host-galaxy-admin=abc"],
            &["__Host-galaxy-admin=abc", "__Host-galaxy-admin=xyz"],
        ] {
            assert_eq!(found(lines), None, "{lines:?}");
        }
    }
}
