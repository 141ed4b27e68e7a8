//! `POST /admin/auth/sessions/{session_id}/end`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::AdminSession;
use crate::use_cases::admin_sessions;
use crate::use_cases::caller::{Admin, Context};

codes!(AdminEndOwnSessionCodes: SessionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// End one of one's own sessions
    ///
    /// From its next request on, on every replica. One that has ended stays as it is.
    #[oai(path = "/admin/auth/sessions/:session_id/end", method = "post", operation_id = "admin_end_own_session")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        session_id: Path<Uuid>,
    ) -> Result<Json<AdminSession>, Fail<AdminEndOwnSessionCodes>> {
        let ended = admin_sessions::end(&app, &admin, &context, session_id.0.into()).await?;
        Ok(Json(AdminSession::seen(ended, admin.session)))
    }
}
