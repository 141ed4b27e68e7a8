//! `GET /healthz`, `GET /readyz`, and their second names, on the REST listener too (SPEC §5 probes).

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Json};
use poem::{IntoResponse, Response, handler};
use serde_json::json;

use crate::app::App;

/// Where they are.
pub const PATHS: [&str; 4] = ["/healthz", "/readyz", "/health/live", "/health/ready"];

/// Alive: the process answers.
#[handler]
pub fn live() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// Ready: every required part is; the failing ones by name otherwise.
#[handler]
pub fn ready(app: Data<&Arc<App>>) -> Response {
    let report = app.health.report();
    let status = StatusCode::from_u16(report.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    Json(report.without_reasons()).with_status(status).into_response()
}
