//! `GET /admin/search`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::search::Hits;
use crate::refusal::Problem;
use crate::use_cases::search;

/// How many characters are looked for: a name's beginning, up to an address.
const LENGTH: std::ops::RangeInclusive<usize> = 2..=320;

codes!(AdminSearchCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Find anything
    ///
    /// By id, by an address, by the beginning of a user's or a game's name in any case, by a container's name or the beginning of
    /// its id (8 characters or more), or by the id of a request. What the text may be is told from the text. At most ten of a
    /// kind are answered for each way: lists have filters for more.
    #[oai(path = "/admin/search", method = "get", operation_id = "admin_search")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// What is looked for, 2 to 320 characters; nothing is found if absent.
        q: Query<Option<String>>,
    ) -> Result<Json<Hits>, Fail<AdminSearchCodes>> {
        let Some(query) = q.0 else { return Ok(Json(Hits { hits: Vec::new() })) };
        if !LENGTH.contains(&query.trim().chars().count()) {
            let (least, most) = LENGTH.into_inner();
            return Err(Problem::field("/query/q", "length", format!("must have {least} to {most} characters")).into());
        }
        let hits = search::find(&app, &query).await?.into_iter().map(Into::into).collect();
        Ok(Json(Hits { hits }))
    }
}
