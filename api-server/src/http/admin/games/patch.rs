//! `PATCH /admin/games/{game_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::Tags;
use crate::http::body::Body;
use crate::http::context::Context;
use crate::http::guard::Admin;
use crate::http::lobby::{Game, PatchGame};
use crate::http::problem::Fail;
use crate::use_cases::caller::Caller;
use crate::use_cases::games;

codes!(AdminPatchGameCodes: AdminCredentialsRequired, GameNotFound, NotGameOwner, GameStateConflict, EngineVersionDisabled);

/// The operation.
pub struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Change a game
    ///
    /// Before it starts, and its texts and schedule while it is paused.
    #[oai(path = "/admin/games/:game_id", method = "patch", operation_id = "admin_patch_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
        body: Body<PatchGame>,
    ) -> Result<Json<Game>, Fail<AdminPatchGameCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(games::edit(&app, &caller, game_id.0.into(), &body).await?.into()))
    }
}
