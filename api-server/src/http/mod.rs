//! REST: the routes, their frame, and the document that describes them.

pub mod admin;
pub mod answer;
pub mod connection;
pub mod console;
pub mod document;
pub mod frame;
pub mod internal;
pub mod objects;
pub mod probes;
pub mod public;
pub mod request;
pub mod user;

use std::sync::Arc;

use hyper::body::Bytes;
use poem::endpoint::ToDynEndpoint;
use poem::{EndpointExt as _, Response, Route, get, handler};
use poem_openapi::{ContactObject, LicenseObject, OpenApiService, ServerObject};
use serde_json::Value;

use crate::app::App;
use console::Console;
use document::docs::{self, Docs};
use frame::Frame;

/// Paths outside the document: probes, and the document itself.
const OPEN_PATHS: [&str; 5] = ["/healthz", "/readyz", "/health/live", "/health/ready", "/openapi.json"];
/// The page that shows the document, where `BACKEND_DOCS_ENABLED` is set.
const DOCS: &str = "/docs";

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

/// The document, written once: every answer shares its bytes.
#[derive(Clone)]
struct Written {
    document: Bytes,
}

#[handler]
fn openapi_json(written: poem::web::Data<&Written>) -> Response {
    Response::builder().content_type("application/json").body(written.document.clone())
}

/// All of it: routes, document, Swagger UI, probes, in their frame.
///
/// # Errors
/// As [`openapi`].
pub fn routes(app: Arc<App>) -> anyhow::Result<connection::server::Routes> {
    let service = service();
    let document = document::refine(&service.spec())?;
    request::body::judge_by(document.clone());
    let text = document.to_string();
    let mut open = OPEN_PATHS.to_vec();
    let mut routes = Route::new()
        .at("/healthz", get(probes::live))
        .at("/readyz", get(probes::ready))
        .at("/health/live", get(probes::live))
        .at("/health/ready", get(probes::ready))
        .at("/openapi.json", get(openapi_json));
    if app.config.http.docs {
        // poem-openapi's page holds what it generated; ours shows what is served and committed.
        let page = service.swagger_ui_html().replace(&service.spec(), &text);
        routes = routes.at(DOCS, get(docs::show).data(Docs::new(&page)?));
        open.push(DOCS);
    }
    if app.config.http.console {
        let [door, ..] = console::PATHS;
        routes = routes.at(door, get(console::door));
        for path in console::PATHS.into_iter().filter(|path| *path != door) {
            routes = routes.at(path, get(console::show).data(Console(console::assets::BUILT)));
        }
        open.extend(console::PATHS);
    }
    let written = Written { document: text.into() };
    let routes = routes.nest("/", service).data(app.clone()).data(written).map_to_response();
    Ok(Arc::new(ToDynEndpoint(Frame::new(routes, app, &document, &open))))
}
