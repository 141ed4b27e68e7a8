//! `GET /internal/sessions/{device_session_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sessions::Session;
use crate::refusal::{ErrorCode, Problem};

codes!(GetSessionCodes: SessionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Internal")]
impl Operation {
    /// Get a session
    ///
    /// The gateway's hot path. A revoked session is answered with its status.
    #[oai(path = "/internal/sessions/:device_session_id", method = "get", operation_id = "get_session")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        device_session_id: Path<Uuid>,
    ) -> Result<Json<Session>, Fail<GetSessionCodes>> {
        let mut conn = app.db.acquire().await?;
        let session = db::sessions::get(&mut conn, device_session_id.0.into()).await?;
        Ok(Json(session.ok_or_else(|| Problem::new(ErrorCode::SessionNotFound, "No such session."))?.into()))
    }
}
