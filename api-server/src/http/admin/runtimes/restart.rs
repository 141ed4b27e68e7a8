//! `POST /admin/runtimes/{game_id}/restart`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::runtimes::Runtime;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::runtimes;

codes!(AdminRestartRuntimeCodes: RuntimeNotFound, GameStateConflict, RuntimeBusy);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Restart an engine
    ///
    /// Its container is replaced by one from the same specification on the same state, between two turns. The game
    /// stays as it is; while the engine is away, commands and orders are answered `engine_unreachable`.
    #[oai(path = "/admin/runtimes/:game_id/restart", method = "post", operation_id = "admin_restart_runtime")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
    ) -> Result<Json<Runtime>, Fail<AdminRestartRuntimeCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(runtimes::restart(&app, &caller, game_id.0.into()).await?.into()))
    }
}
