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
pub mod linger;
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
mod unread;
pub mod user;
pub mod users;

use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, ToDynEndpoint};
use poem::middleware::Cors;
use poem::{EndpointExt as _, Response, Route, get, handler};
use poem_openapi::{ContactObject, LicenseObject, OpenApiService, ServerObject, Tags as DeriveTags};
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
    (public::operations(), internal::operations(), user::operations(), admin::operations())
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
    OpenApiService::new(operations(), "Galaxy backend", "1.0.0")
        .description(
            "The backend of a platform for long-running, turn-based multiplayer games. Every error is \
             `application/problem+json` (RFC 9457) with a stable `code`. Lists take `limit` and `cursor`.",
        )
        .contact(ContactObject::new().name("The maintainers of the Galaxy backend"))
        .license(LicenseObject::new("All rights reserved").identifier("LicenseRef-Proprietary"))
        .server(ServerObject::new("/").description("The server that answered with this document"))
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
