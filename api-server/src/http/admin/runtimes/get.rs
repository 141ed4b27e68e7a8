//! `GET /admin/runtimes/{game_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::Tags;
use crate::http::problem::{ErrorCode, Fail, Problem};
use crate::http::runtimes::Runtime;

/// Entries of the operations log that are shown.
const OPERATIONS: i64 = 100;

codes!(AdminGetRuntimeCodes: AdminCredentialsRequired, RuntimeNotFound);

/// The operation.
pub struct Operation;

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
        let game_id = game_id.0.into();
        let mut conn = app.db.acquire().await?;
        let record = db::runtime::record(&mut conn, game_id).await?;
        let record = record.ok_or_else(|| Problem::new(ErrorCode::RuntimeNotFound, "This game has no runtime."))?;
        let operations = db::runtime::operations(&mut conn, game_id, OPERATIONS).await?;
        let job = db::runtime::latest_job(&mut conn, game_id).await?;
        Ok(Json(Runtime::new(record, operations, job)))
    }
}
