//! `POST /admin/runtimes/restart`

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

/// Which engines to replace, and how many of them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct RestartRuntimes {
    /// Which; `{}` is every runtime that has an engine.
    pub filter: RuntimeChoice,
    /// When the set was looked at: what came into its state after it is left out. Now if absent, or if it is later.
    pub as_of: Option<DateTime<Utc>>,
    /// `next_cursor` of the piece before.
    pub cursor: Option<String>,
    /// At most so many, 1 to 200; 200 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
    pub limit: Option<u16>,
}

codes!(AdminRestartRuntimesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Restart many engines
    ///
    /// The oldest `limit` of those that match, as if each were restarted by itself. One that was given a job after `as_of` is left out:
    /// the same call twice replaces no engine twice. Call it with `next_cursor` until there is none.
    #[oai(path = "/admin/runtimes/restart", method = "post", operation_id = "admin_restart_runtimes")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<RestartRuntimes>,
    ) -> Result<Json<PieceResult>, Fail<AdminRestartRuntimesCodes>> {
        let caller = Caller::admin(&admin, &context);
        let (filter, shown) = (body.filter.filter()?, body.filter.to_json().unwrap_or_default());
        let wanted = wanted(body.as_of, body.cursor.as_deref(), body.limit)?;
        Ok(Json(runtimes::replace_many(&app, &caller, &filter, &shown, wanted, None).await?.into()))
    }
}
