//! `GET /admin/runtimes/{game_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::runtimes::Runtime;
use crate::use_cases::runtimes;

codes!(AdminGetRuntimeCodes: RuntimeNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get a runtime
    ///
    /// With its health, its newest job and the newest hundred entries of its operations log.
    #[oai(path = "/admin/runtimes/:game_id", method = "get", operation_id = "admin_get_runtime")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        game_id: Path<Uuid>,
    ) -> Result<Json<Runtime>, Fail<AdminGetRuntimeCodes>> {
        let mut conn = app.db.acquire().await?;
        Ok(Json(runtimes::present(&mut conn, game_id.0.into()).await?.into()))
    }
}
