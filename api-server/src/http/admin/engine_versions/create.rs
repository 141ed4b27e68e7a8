//! `POST /admin/engine-versions`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Header};
use shared::domain::engine_version;

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::engine_versions::EngineVersion;
use crate::http::request::body::Body;
use crate::http::request::idempotency;
use crate::refusal::Problem;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::engine_versions;
use crate::use_cases::texts::check_words;

/// An engine version to be registered.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewEngineVersion {
    /// Semantic version label.
    #[oai(validator(min_length = 1, max_length = 128))]
    pub version: String,
    /// Image reference by Docker's grammar, from an allowed registry, by tag or digest; with the process driver the path of a binary.
    #[oai(validator(min_length = 1, max_length = 512))]
    pub image: String,
    /// What users read instead of the label, in one line.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub title: Option<String>,
    /// What users read about it.
    #[oai(validator(max_length = 4000))]
    pub description: Option<String>,
    /// Games on it have at least so many players.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub min_players: Option<i32>,
    /// Games on it have at most so many players; not below `min_players`.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    pub max_players: Option<i32>,
}

codes!(AdminCreateEngineVersionCodes: EngineVersionExists, IdempotencyKeyReused);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Register an engine version
    ///
    /// Enabled from the start.
    #[oai(path = "/admin/engine-versions", method = "post", operation_id = "admin_create_engine_version")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// Makes a repetition of this request answer the first one's object: 1 to 128 visible ASCII characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<NewEngineVersion>,
    ) -> Result<Created<EngineVersion>, Fail<AdminCreateEngineVersionCodes>> {
        let caller = Caller::admin(&admin, &context);
        let key = idempotency::read(
            idempotency_key.0.as_deref(),
            caller.idempotency_owner(),
            "admin_create_engine_version",
            &body.0,
        )?;
        let version = engine_version::label(&body.version).map_err(|why| Problem::field("/version", "format", why))?;
        let image = app.config.images.check(&body.image).map_err(|why| Problem::field("/image", "format", why))?;
        let (title, description) = check_words("title", body.title.as_deref(), body.description.as_deref())?;
        let new = engine_versions::NewEngineVersion {
            version: &version,
            image: &image,
            title: title.as_deref(),
            description: description.as_deref(),
            min_players: body.min_players,
            max_players: body.max_players,
        };
        let row: EngineVersion = engine_versions::create(&app, &caller, new, key.as_ref()).await?.into();
        Ok(Created::at(&format!("/admin/engine-versions/{}", row.version), row))
    }
}
