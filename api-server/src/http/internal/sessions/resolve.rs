//! `POST /internal/sessions/resolve`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sessions::Session;
use crate::http::request::body::Body;
use crate::refusal::{ErrorCode, Problem};
use crate::use_cases::secrets;

/// An opaque session token.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct ResolveSession {
    /// As it was answered when the session was opened.
    #[oai(validator(min_length = 1, max_length = 256))]
    pub session_token: String,
}

codes!(ResolveSessionCodes: SessionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Internal")]
impl Operation {
    /// Resolve a session token
    ///
    /// For clients that carry an opaque token. An unknown token is 404, a revoked session is answered with its status.
    #[oai(path = "/internal/sessions/resolve", method = "post", operation_id = "resolve_session")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        body: Body<ResolveSession>,
    ) -> Result<Json<Session>, Fail<ResolveSessionCodes>> {
        let mut conn = app.db.acquire().await?;
        let session = db::sessions::by_token(&mut conn, &secrets::hash(&body.session_token)).await?;
        Ok(Json(session.ok_or_else(|| Problem::new(ErrorCode::SessionNotFound, "No session has this token."))?.into()))
    }
}
