//! `POST /admin/queues/{name}/resume`

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

codes!(AdminResumeQueueCodes: QueueNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Let a paused queue go on
    ///
    /// Its workers are woken.
    #[oai(path = "/admin/queues/:name/resume", method = "post", operation_id = "admin_resume_queue")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The queue's name.
        name: Path<String>,
    ) -> Result<Json<Queue>, Fail<AdminResumeQueueCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(queues::pause(&app, &caller, &name, false).await?.into()))
    }
}
