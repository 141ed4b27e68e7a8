//! `POST /admin/runtimes/{game_id}/release`

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

codes!(AdminReleaseRuntimeCodes: RuntimeNotFound, GameStateConflict, RuntimeBusy);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Release a runtime to another daemon
    ///
    /// The record is no daemon's any more: force-start then makes the engine on whichever daemon takes the job. **Its
    /// state directory must be brought there before**: an engine without it is refused, never begun anew. The runtime
    /// must be stopped, or its daemon be served by no live controller (`health` is `unserved`); a game that still runs
    /// there is paused, and its members are told. See to it that the former daemon does not go on with the same
    /// directory.
    #[oai(path = "/admin/runtimes/:game_id/release", method = "post", operation_id = "admin_release_runtime")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
    ) -> Result<Json<Runtime>, Fail<AdminReleaseRuntimeCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(amends::release(&app, &caller, game_id.0.into()).await?.into()))
    }
}
