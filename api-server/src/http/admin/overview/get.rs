//! `GET /admin/overview`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::overview::Overview;
use crate::use_cases::overview;

codes!(AdminGetOverviewCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Look at everything that may want somebody
    ///
    /// What a person on call asks first, in one answer: queues, games that stand still, turns that are late, engines that are
    /// unwell, processes that are gone. Nothing is counted beyond 10 000: a count at that number says "at least".
    #[oai(path = "/admin/overview", method = "get", operation_id = "admin_get_overview")]
    async fn call(&self, app: Data<&Arc<App>>) -> Result<Json<Overview>, Fail<AdminGetOverviewCodes>> {
        Ok(Json(overview::look(&app).await?.into()))
    }
}
