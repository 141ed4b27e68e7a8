//! `POST /internal/sessions/{device_session_id}/revoke`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sessions::Session;
use crate::use_cases::sessions;

codes!(RevokeSessionCodes: SessionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Internal")]
impl Operation {
    /// Revoke a session
    ///
    /// Revokes the session and pushes its invalidation, in one transaction. Revoking it again changes nothing.
    #[oai(path = "/internal/sessions/:device_session_id/revoke", method = "post", operation_id = "revoke_session")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        device_session_id: Path<Uuid>,
    ) -> Result<Json<Session>, Fail<RevokeSessionCodes>> {
        Ok(Json(sessions::revoke(&app, device_session_id.0.into(), None, "gateway").await?.into()))
    }
}
