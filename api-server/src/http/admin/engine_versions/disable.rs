//! `POST /admin/engine-versions/{version}/disable`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db::engine_versions::EngineVersionChange;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::engine_versions::EngineVersion;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::engine_versions;

codes!(AdminDisableEngineVersionCodes: EngineVersionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Disable an engine version
    ///
    /// New starts may not use it any more; games that run on it are not touched.
    #[oai(
        path = "/admin/engine-versions/:version/disable",
        method = "post",
        operation_id = "admin_disable_engine_version"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        version: Path<String>,
    ) -> Result<Json<EngineVersion>, Fail<AdminDisableEngineVersionCodes>> {
        let caller = Caller::admin(&admin, &context);
        let change = EngineVersionChange { enabled: Some(false), ..EngineVersionChange::default() };
        Ok(Json(engine_versions::change(&app, &caller, &version, change, "engine_version.disable").await?.into()))
    }
}
