//! `POST /admin/runtimes/{game_id}/force-next-turn`

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

codes!(AdminForceNextTurnCodes: RuntimeNotFound, GameStateConflict, RuntimeBusy);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Force the next turn
    ///
    /// It is generated now, and the next scheduled one is skipped once.
    #[oai(path = "/admin/runtimes/:game_id/force-next-turn", method = "post", operation_id = "admin_force_next_turn")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
    ) -> Result<Json<Runtime>, Fail<AdminForceNextTurnCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(runtimes::force_next_turn(&app, &caller, game_id.0.into()).await?.into()))
    }
}
