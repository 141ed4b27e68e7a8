//! `POST /user/sessions/revoke-all`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sessions::RevokedSessions;
use crate::use_cases::caller::User;
use crate::use_cases::sessions;

codes!(RevokeAllOwnSessionsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Revoke all own sessions
    ///
    /// The devices are signed out at once: every gateway is told by the push stream.
    #[oai(path = "/user/sessions/revoke-all", method = "post", operation_id = "revoke_all_own_sessions")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
    ) -> Result<Json<RevokedSessions>, Fail<RevokeAllOwnSessionsCodes>> {
        let revoked = sessions::revoke_all(&app, user.id, "user").await?;
        Ok(Json(RevokedSessions { device_session_ids: revoked.into_iter().map(Into::into).collect() }))
    }
}
