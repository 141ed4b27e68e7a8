//! `PATCH /admin/engine-versions/{version}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use shared::db::engine_versions::EngineVersionChange;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::engine_versions::EngineVersion;
use crate::http::request::body::Body;
use crate::refusal::Problem;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::engine_versions;
use crate::use_cases::texts::check_words;

/// What to change; absent fields stay as they are.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PatchEngineVersion {
    /// Image reference by Docker's grammar, from an allowed registry, by tag or digest; with the process driver the path of a binary.
    #[oai(validator(min_length = 1, max_length = 512))]
    pub image: Option<String>,
    /// Whether new starts may use it.
    pub enabled: Option<bool>,
    /// What users read instead of the label, in one line; null clears it.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub title: MaybeUndefined<String>,
    /// What users read about it; null clears it.
    #[oai(validator(max_length = 4000))]
    pub description: MaybeUndefined<String>,
    /// Games on it have at least so many players; null: no bound.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub min_players: MaybeUndefined<i32>,
    /// Games on it have at most so many players, not below `min_players`; null: no bound.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub max_players: MaybeUndefined<i32>,
}

/// What is absent stays (`None`), null clears (`Some(None)`).
fn given<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

codes!(AdminPatchEngineVersionCodes: EngineVersionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Change an engine version
    ///
    /// Games that run on it, or were made with it, are not touched; those that have run keep the image that they began with.
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
        let image = body.image.as_deref().map(|image| app.config.images.check(image)).transpose();
        let image = image.map_err(|why| Problem::field("/image", "format", why))?;
        let PatchEngineVersion { enabled, title, description, min_players, max_players, .. } = body.0;
        let (title, description) = (given(title), given(description));
        let new = check_words(
            "title",
            title.as_ref().and_then(Option::as_deref),
            description.as_ref().and_then(Option::as_deref),
        )?;
        let change = EngineVersionChange {
            image: image.as_deref(),
            enabled,
            title: title.map(|_| new.0.as_deref()),
            description: description.map(|_| new.1.as_deref()),
            min_players: given(min_players),
            max_players: given(max_players),
        };
        Ok(Json(engine_versions::change(&app, &caller, &version, change, "engine_version.patch").await?.into()))
    }
}
