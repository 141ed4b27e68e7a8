//! `GET /user/games/{game_id}/reports/{turn}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::opaque::OpaqueJson;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::use_cases::caller::User;
use crate::use_cases::play;

codes!(GetReportCodes:
    GameNotFound, NotAMember, GameNotRunning, ReportNotFound, EngineRejected, EngineFailed, EngineUnreachable,
    RateLimited
);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Read the report of a turn
    ///
    /// For the race of the caller's membership, in every status while the engine answers; of a finished game for good.
    #[oai(path = "/user/games/:game_id/reports/:turn", method = "get", operation_id = "get_report")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        /// The turn, from 0.
        #[oai(validator(minimum(value = "0")))]
        turn: Path<i32>,
    ) -> Result<OpaqueJson, Fail<GetReportCodes>> {
        Ok(OpaqueJson(play::report(&app, game_id.0.into(), user.id, turn.0).await?))
    }
}
