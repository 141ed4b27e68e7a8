//! `POST /user/sessions/{device_session_id}/revoke`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sessions::Session;
use crate::use_cases::caller::User;
use crate::use_cases::sessions;

codes!(RevokeOwnSessionCodes: SessionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Revoke an own session
    ///
    /// The device is signed out at once: every gateway is told by the push stream.
    #[oai(path = "/user/sessions/:device_session_id/revoke", method = "post", operation_id = "revoke_own_session")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        device_session_id: Path<Uuid>,
    ) -> Result<Json<Session>, Fail<RevokeOwnSessionCodes>> {
        Ok(Json(sessions::revoke(&app, device_session_id.0.into(), Some(user.id), "user").await?.into()))
    }
}
