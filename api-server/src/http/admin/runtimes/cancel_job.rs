//! `DELETE /admin/runtimes/{game_id}/job`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::runtimes::Runtime;
use crate::use_cases::amends;
use crate::use_cases::caller::{Admin, Caller, Context};

codes!(AdminCancelRuntimeJobCodes: RuntimeNotFound, GameStateConflict, RuntimeBusy);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Cancel a job that nobody works
    ///
    /// Ends the active job of a runtime whose daemon no live controller serves, so that it is in nobody's way; any other is worked, and
    /// 409. A start that is cancelled leaves the game `start_failed`; a restart or a patch that had taken the engine already leaves it
    /// paused, without one.
    #[oai(path = "/admin/runtimes/:game_id/job", method = "delete", operation_id = "admin_cancel_runtime_job")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
    ) -> Result<Json<Runtime>, Fail<AdminCancelRuntimeJobCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(amends::cancel_job(&app, &caller, game_id.0.into()).await?.into()))
    }
}
