//! `GET /admin/engine-versions/{version}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::engine_versions::EngineVersion;
use crate::use_cases::engine_versions;

codes!(AdminGetEngineVersionCodes: EngineVersionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get an engine version
    ///
    /// Disabled ones too: games that run on them go on.
    #[oai(path = "/admin/engine-versions/:version", method = "get", operation_id = "admin_get_engine_version")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        version: Path<String>,
    ) -> Result<Json<EngineVersion>, Fail<AdminGetEngineVersionCodes>> {
        let mut conn = app.db.acquire().await?;
        let row = db::engine_versions::get(&mut conn, &version).await?;
        Ok(Json(row.ok_or_else(engine_versions::not_found)?.into()))
    }
}
