//! `GET /admin/runtimes/{game_id}/log`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, param::Query, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::use_cases::runtime_log;

codes!(AdminGetRuntimeLogCodes: RuntimeNotFound, GameStateConflict);

/// The end of what an engine printed.
#[derive(Debug, Object)]
pub struct RuntimeLog {
    /// The game.
    pub game_id: Uuid,
    /// The last lines, the oldest first, without control characters; each is cut after 2000 characters, all of them are within 256 KiB.
    pub lines: Vec<String>,
}

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Read what an engine printed last
    ///
    /// Of a container that runs or has ended, as the controller of its daemon reads it. Where no controller answers, that is `unavailable`.
    #[oai(path = "/admin/runtimes/:game_id/log", method = "get", operation_id = "admin_get_runtime_log")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        game_id: Path<Uuid>,
        /// How many lines, 1 to 1000; 100 if absent.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        tail: Query<Option<u16>>,
    ) -> Result<Json<RuntimeLog>, Fail<AdminGetRuntimeLogCodes>> {
        let lines = runtime_log::read(&app, game_id.0.into(), tail.0.unwrap_or(100)).await?;
        Ok(Json(RuntimeLog { game_id: game_id.0, lines }))
    }
}
