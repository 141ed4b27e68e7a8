//! `POST /admin/queues/{name}/pause`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::queues::Queue;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::queues;

codes!(AdminPauseQueueCodes: QueueNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Pause a queue
    ///
    /// Nothing more of it is begun, by any worker; what is under way goes on. Rows pile up meanwhile.
    #[oai(path = "/admin/queues/:name/pause", method = "post", operation_id = "admin_pause_queue")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The queue's name.
        name: Path<String>,
    ) -> Result<Json<Queue>, Fail<AdminPauseQueueCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(queues::pause(&app, &caller, &name, true).await?.into()))
    }
}
