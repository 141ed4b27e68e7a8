//! `GET /admin/runtimes/export`

use poem_openapi::{OpenApi, param::Query};

use super::list::Runtimes;
use crate::codes;
use crate::http::answer::export::{Call, Export};
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::runtimes::Runtime;

codes!(AdminExportRuntimesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Export runtimes
    ///
    /// As a file of CSV: what the list beside it shows, with the same filters. That it was taken stands in the trail.
    #[oai(path = "/admin/runtimes/export", method = "get", operation_id = "admin_export_runtimes")]
    async fn call(
        &self,
        call: Call,
        /// Only runtimes in this status.
        status: Query<Option<String>>,
        /// That of the last line of a file that was cut: this one goes on there.
        cursor: Query<Option<String>>,
    ) -> Result<Export<Runtime>, Fail<AdminExportRuntimesCodes>> {
        Ok(call.of("runtimes", Runtimes::read(status.0)?, cursor.0).await?)
    }
}
