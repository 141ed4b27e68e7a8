//! `POST /admin/users/{user_id}/sanctions/{sanction_id}/lift`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sanctions::Sanction;
use crate::use_cases::accounts;
use crate::use_cases::caller::{Admin, Caller, Context};

codes!(AdminLiftSanctionCodes: AccountNotFound, SanctionNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Lift a sanction
    ///
    /// From now on it forbids nothing. One that was lifted before stays as it is.
    #[oai(
        path = "/admin/users/:user_id/sanctions/:sanction_id/lift",
        method = "post",
        operation_id = "admin_lift_sanction"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        user_id: Path<Uuid>,
        sanction_id: Path<Uuid>,
    ) -> Result<Json<Sanction>, Fail<AdminLiftSanctionCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(accounts::lift(&app, &caller, user_id.0.into(), sanction_id.0.into()).await?.into()))
    }
}
