//! `POST /admin/admin-accounts/{user_name}/enable`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_accounts::AdminAccount;
use crate::use_cases::admin_accounts;
use crate::use_cases::caller::{Admin, Caller, Context};

codes!(AdminEnableAdminAccountCodes: AdminAccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Enable an administrator
    ///
    /// They may log in again, with the password that they had.
    #[oai(
        path = "/admin/admin-accounts/:user_name/enable",
        method = "post",
        operation_id = "admin_enable_admin_account"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The name to log in with.
        user_name: Path<String>,
    ) -> Result<Json<AdminAccount>, Fail<AdminEnableAdminAccountCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(admin_accounts::enable(&app, &caller, &user_name).await?.into()))
    }
}
