//! `POST /admin/runtimes/{game_id}/patch`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::runtimes::{PatchRuntime, Runtime};
use crate::http::request::body::Body;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::runtimes;

codes!(AdminPatchRuntimeCodes:
    RuntimeNotFound, GameStateConflict, EngineVersionIncompatible, EngineVersionDisabled, RuntimeBusy
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Patch an engine
    ///
    /// It is replaced by a higher patch of the same major.minor, on the same state, as a restart does it. The new image
    /// is pulled before the old container goes; if the new engine does not come up, the former one is put back.
    #[oai(path = "/admin/runtimes/:game_id/patch", method = "post", operation_id = "admin_patch_runtime")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
        body: Body<PatchRuntime>,
    ) -> Result<Json<Runtime>, Fail<AdminPatchRuntimeCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(runtimes::patch(&app, &caller, game_id.0.into(), &body.version).await?.into()))
    }
}
