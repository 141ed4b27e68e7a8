//! `POST /admin/runtimes/patch`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{Object, OpenApi, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::bulk::{PieceResult, wanted};
use crate::http::objects::runtimes::RuntimeChoice;
use crate::http::request::body::Body;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::runtimes;

/// Which engines to patch, to what, and how many of them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct PatchRuntimes {
    /// Which; `{}` is every runtime that has an engine.
    pub filter: RuntimeChoice,
    /// A higher patch of the same major.minor, registered and enabled.
    #[oai(validator(min_length = 1, max_length = 128))]
    pub version: String,
    /// When the set was looked at: what came into its state after it is left out. Now if absent, or if it is later.
    pub as_of: Option<DateTime<Utc>>,
    /// `next_cursor` of the piece before.
    pub cursor: Option<String>,
    /// At most so many, 1 to 200; 200 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
    pub limit: Option<u16>,
}

codes!(AdminPatchRuntimesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Patch many engines
    ///
    /// The oldest `limit` of those that match, as if each were patched by itself: one that `version` is no patch of is refused. One
    /// that was given a job after `as_of` is left out. Call it with `next_cursor` until there is none.
    #[oai(path = "/admin/runtimes/patch", method = "post", operation_id = "admin_patch_runtimes")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<PatchRuntimes>,
    ) -> Result<Json<PieceResult>, Fail<AdminPatchRuntimesCodes>> {
        let caller = Caller::admin(&admin, &context);
        let (filter, shown) = (body.filter.filter()?, body.filter.to_json().unwrap_or_default());
        let wanted = wanted(body.as_of, body.cursor.as_deref(), body.limit)?;
        let version = Some(body.version.as_str());
        Ok(Json(runtimes::replace_many(&app, &caller, &filter, &shown, wanted, version).await?.into()))
    }
}
