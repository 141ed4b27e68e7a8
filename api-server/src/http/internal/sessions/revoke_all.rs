//! `POST /internal/users/{user_id}/sessions/revoke-all`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sessions::RevokedSessions;
use crate::use_cases::sessions;

codes!(RevokeAllSessionsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Internal")]
impl Operation {
    /// Revoke all sessions of a user
    ///
    /// With one invalidation that names them. An unknown user has none.
    #[oai(path = "/internal/users/:user_id/sessions/revoke-all", method = "post", operation_id = "revoke_all_sessions")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
    ) -> Result<Json<RevokedSessions>, Fail<RevokeAllSessionsCodes>> {
        let revoked = sessions::revoke_all(&app, user_id.0.into(), "gateway").await?;
        Ok(Json(RevokedSessions { device_session_ids: revoked.into_iter().map(Into::into).collect() }))
    }
}
