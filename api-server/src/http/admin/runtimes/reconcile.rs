//! `POST /admin/runtimes/reconcile`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::reconciliation::Reconciliation;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::reconcile;

codes!(AdminReconcileCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Reconcile records and containers
    ///
    /// Asks the controllers of every daemon that is served what is recorded and what is there, and what is to be done about it. With
    /// `dry_run=true` that is all; without, it is done, as each controller does by itself time and again. A daemon whose controller does
    /// not answer in time has an `error`.
    #[oai(path = "/admin/runtimes/reconcile", method = "post", operation_id = "admin_reconcile_runtimes")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// Only tell; false if absent.
        dry_run: Query<Option<bool>>,
    ) -> Result<Json<Reconciliation>, Fail<AdminReconcileCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(reconcile::reconcile(&app, &caller, dry_run.0.unwrap_or(false)).await?.into()))
    }
}
