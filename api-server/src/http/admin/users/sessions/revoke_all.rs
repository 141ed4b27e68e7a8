//! `POST /admin/users/{user_id}/sessions/revoke-all`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sessions::RevokedSessions;
use crate::use_cases::accounts;
use crate::use_cases::caller::{Admin, Caller, Context};

codes!(AdminRevokeAllSessionsCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Revoke all sessions of an account
    ///
    /// With one invalidation that names them, in the same transaction. The account may sign in again.
    #[oai(
        path = "/admin/users/:user_id/sessions/revoke-all",
        method = "post",
        operation_id = "admin_revoke_all_sessions"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        user_id: Path<Uuid>,
    ) -> Result<Json<RevokedSessions>, Fail<AdminRevokeAllSessionsCodes>> {
        let caller = Caller::admin(&admin, &context);
        let revoked = accounts::revoke_sessions(&app, &caller, user_id.0.into()).await?;
        Ok(Json(RevokedSessions { device_session_ids: revoked.into_iter().map(Into::into).collect() }))
    }
}
