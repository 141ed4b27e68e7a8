//! `PATCH /admin/engine-versions/{version}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use shared::domain::engine_version;

use crate::app::App;
use crate::codes;
use crate::http::Tags;
use crate::http::body::Body;
use crate::http::context::Context;
use crate::http::guard::Admin;
use crate::http::problem::{Fail, Problem};
use crate::http::runtimes::EngineVersion;
use crate::use_cases::caller::Caller;
use crate::use_cases::engine_versions;

/// What to change; absent fields stay as they are.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PatchEngineVersion {
    /// Image reference, by tag or digest; with the process driver the path of a binary.
    #[oai(validator(min_length = 1, max_length = 512))]
    pub image: Option<String>,
    /// Whether new starts may use it.
    pub enabled: Option<bool>,
}

codes!(AdminPatchEngineVersionCodes: AdminCredentialsRequired, EngineVersionNotFound);

/// The operation.
pub struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Change an engine version
    ///
    /// Games that run on it are not touched.
    #[oai(path = "/admin/engine-versions/:version", method = "patch", operation_id = "admin_patch_engine_version")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        version: Path<String>,
        body: Body<PatchEngineVersion>,
    ) -> Result<Json<EngineVersion>, Fail<AdminPatchEngineVersionCodes>> {
        let caller = Caller::admin(&admin, &context);
        let image = body.image.as_deref().map(engine_version::image).transpose();
        let image = image.map_err(|why| Problem::field("/image", "format", why))?;
        let action = "engine_version.patch";
        Ok(Json(engine_versions::change(&app, &caller, &version, image.as_deref(), body.enabled, action).await?.into()))
    }
}
