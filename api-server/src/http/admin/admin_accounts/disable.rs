//! `POST /admin/admin-accounts/{user_name}/disable`

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

codes!(AdminDisableAdminAccountCodes: AdminAccountNotFound, LastAdministrator);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Disable an administrator
    ///
    /// They are refused from the next request on. The last enabled administrator cannot be disabled.
    #[oai(
        path = "/admin/admin-accounts/:user_name/disable",
        method = "post",
        operation_id = "admin_disable_admin_account"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The name to log in with.
        user_name: Path<String>,
    ) -> Result<Json<AdminAccount>, Fail<AdminDisableAdminAccountCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(admin_accounts::disable(&app, &caller, &user_name).await?.into()))
    }
}
