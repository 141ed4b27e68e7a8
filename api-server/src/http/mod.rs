//! REST: the routes, their frame, and the document that describes them.

pub mod admin;
pub mod administration;
pub mod body;
pub mod codes;
pub mod context;
pub mod created;
pub mod deleted;
pub mod document;
pub mod filters;
pub mod frame;
pub mod guard;
pub mod idempotency;
pub mod internal;
pub mod lobby;
pub mod mail;
pub mod notifications;
pub mod objects;
pub mod opaque;
pub mod page;
pub mod probes;
pub mod problem;
pub mod public;
pub mod runtimes;
pub mod server;
pub mod user;
pub mod users;

use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, ToDynEndpoint};
use poem::middleware::Cors;
use poem::{EndpointExt as _, Response, Route, get, handler};
use poem_openapi::{OpenApiService, Tags as DeriveTags};
use serde_json::Value;

use crate::app::App;
use frame::Frame;

/// Paths outside the document: probes, the document itself and the page that shows it.
const OPEN_PATHS: [&str; 6] = ["/healthz", "/readyz", "/health/live", "/health/ready", "/openapi.json", "/docs"];

/// Groups of the document.
#[derive(DeriveTags)]
pub enum Tags {
    /// Anyone, through the gateway.
    Public,
    /// The gateway itself.
    Internal,
    /// The gateway on behalf of a user: bearer token and `X-User-ID`.
    User,
    /// Administrators.
    Admin,
}

/// Every operation, group by group.
fn operations() -> impl poem_openapi::OpenApi {
    (
        (public::auth::send_email_code::Operation, public::auth::confirm_email_code::Operation),
        (
            internal::sessions::get::Operation,
            internal::sessions::resolve::Operation,
            internal::sessions::revoke::Operation,
            internal::sessions::revoke_all::Operation,
        ),
        (user::account::get::Operation, user::account::patch::Operation),
        (user::sessions::list::Operation, user::sessions::revoke::Operation, user::sessions::revoke_all::Operation),
        (
            user::lobby::games::list::Operation,
            user::lobby::games::create::Operation,
            user::lobby::games::get::Operation,
            user::lobby::games::patch::Operation,
        ),
        (
            user::lobby::games::open_enrollment::Operation,
            user::lobby::games::ready_to_start::Operation,
            user::lobby::games::start::Operation,
            user::lobby::games::retry_start::Operation,
            user::lobby::games::pause::Operation,
            user::lobby::games::resume::Operation,
            user::lobby::games::cancel::Operation,
        ),
        (
            user::lobby::games::applications::list::Operation,
            user::lobby::games::applications::create::Operation,
            user::lobby::games::applications::approve::Operation,
            user::lobby::games::applications::reject::Operation,
        ),
        (
            user::lobby::games::invites::list::Operation,
            user::lobby::games::invites::create::Operation,
            user::lobby::games::invites::redeem::Operation,
            user::lobby::games::invites::decline::Operation,
            user::lobby::games::invites::revoke::Operation,
            user::lobby::invites::redeem::Operation,
            user::lobby::games::memberships::list::Operation,
        ),
        (
            user::lobby::my::games::Operation,
            user::lobby::my::applications::Operation,
            user::lobby::my::invites::Operation,
            user::lobby::my::race_names::Operation,
        ),
        (user::games::commands::Operation, user::games::orders::Operation, user::games::reports::Operation),
        (
            admin::engine_versions::list::Operation,
            admin::engine_versions::create::Operation,
            admin::engine_versions::get::Operation,
            admin::engine_versions::patch::Operation,
            admin::engine_versions::disable::Operation,
        ),
        (
            admin::games::list::Operation,
            admin::games::create::Operation,
            admin::games::get::Operation,
            admin::games::patch::Operation,
        ),
        (
            admin::games::open_enrollment::Operation,
            admin::games::ready_to_start::Operation,
            admin::games::start::Operation,
            admin::games::retry_start::Operation,
            admin::games::pause::Operation,
            admin::games::resume::Operation,
            admin::games::cancel::Operation,
        ),
        (
            admin::games::applications::list::Operation,
            admin::games::applications::approve::Operation,
            admin::games::applications::reject::Operation,
            admin::games::memberships::list::Operation,
        ),
        (admin::runtimes::list::Operation, admin::runtimes::get::Operation),
        // A tuple takes sixteen: what belongs together stands in one of its own.
        (
            (
                user::lobby::games::leave::Operation,
                user::lobby::games::memberships::remove::Operation,
                user::lobby::games::memberships::block::Operation,
                admin::games::memberships::remove::Operation,
                admin::games::memberships::block::Operation,
                admin::games::members::ban::Operation,
                user::lobby::race_names::register::Operation,
            ),
            (
                internal::identities::provision::Operation,
                internal::sessions::open::Operation,
                internal::users::get::Operation,
                user::account::delete::Operation,
            ),
            (
                admin::users::list::Operation,
                admin::users::get::Operation,
                admin::users::delete::Operation,
                admin::users::sanctions::list::Operation,
                admin::users::sanctions::create::Operation,
                admin::users::sanctions::lift::Operation,
            ),
            (
                admin::users::limits::get::Operation,
                admin::users::limits::set::Operation,
                admin::users::entitlements::list::Operation,
                admin::users::entitlements::create::Operation,
                admin::users::sessions::list::Operation,
                admin::users::sessions::revoke_all::Operation,
                admin::users::countries::list::Operation,
            ),
        ),
        admin::administration(),
        (
            admin::games::force_start::Operation,
            admin::games::force_stop::Operation,
            admin::runtimes::restart::Operation,
            admin::runtimes::patch::Operation,
            admin::runtimes::force_next_turn::Operation,
        ),
    )
}

/// The OpenAPI document, as committed in `openapi.json` and served.
///
/// # Errors
/// When the generator writes no JSON: a bug.
pub fn openapi() -> anyhow::Result<Arc<Value>> {
    document::refine(&service().spec())
}

/// The text of `api-server/openapi.json`.
///
/// # Errors
/// As [`openapi`].
pub fn openapi_text() -> anyhow::Result<String> {
    Ok(format!("{:#}\n", openapi()?))
}

fn service() -> OpenApiService<impl poem_openapi::OpenApi, ()> {
    OpenApiService::new(operations(), "Galaxy backend", "1.0.0").description(
        "The backend of a platform for long-running, turn-based multiplayer games. Every error is \
         `application/problem+json` (RFC 9457) with a stable `code`. Lists take `limit` and `cursor`.",
    )
}

#[handler]
fn openapi_json(document: poem::web::Data<&Arc<Value>>) -> Response {
    Response::builder().content_type("application/json").body(document.to_string())
}

/// The page of Swagger UI.
#[derive(Clone)]
struct Docs(Arc<str>);

#[handler]
fn docs(page: poem::web::Data<&Docs>) -> Response {
    Response::builder().content_type("text/html; charset=utf-8").body(page.0.0.to_string())
}

/// All of it: routes, document, Swagger UI, probes, in their frame.
///
/// # Errors
/// As [`openapi`].
pub fn routes(app: Arc<App>) -> anyhow::Result<server::Routes> {
    let service = service();
    let document = document::refine(&service.spec())?;
    body::judge_by(document.clone());
    // poem-openapi's page holds what it generated; ours shows what is served and committed.
    let page = Docs(service.swagger_ui_html().replace(&service.spec(), &document.to_string()).into());
    let routes = Route::new()
        .at("/healthz", get(probes::live))
        .at("/readyz", get(probes::ready))
        .at("/health/live", get(probes::live))
        .at("/health/ready", get(probes::ready))
        .at("/openapi.json", get(openapi_json))
        .at("/docs", get(docs))
        .nest("/", service)
        .data(app.clone())
        .data(document.clone())
        .data(page);
    let routes: BoxEndpoint<'static, Response> = match app.config.http.cors_origins.as_slice() {
        [] => routes.map_to_response().boxed(),
        origins => routes.with(Cors::new().allow_origins(origins).allow_credentials(false)).map_to_response().boxed(),
    };
    Ok(Arc::new(ToDynEndpoint(Frame::new(routes, app, &document))))
}
