//! `POST /admin/admin-accounts/{user_name}/reset-password`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_accounts::AdminAccountPassword;
use crate::use_cases::admin_accounts;
use crate::use_cases::caller::{Admin, Caller, Context};

codes!(AdminResetAdminAccountPasswordCodes: AdminAccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Give an administrator a new password
    ///
    /// A random one, shown in this answer alone. The old one is refused from the next request on, on every replica.
    /// `Idempotency-Key` is ignored: each call makes another password.
    #[oai(
        path = "/admin/admin-accounts/:user_name/reset-password",
        method = "post",
        operation_id = "admin_reset_admin_account_password"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The name to log in with.
        user_name: Path<String>,
    ) -> Result<Json<AdminAccountPassword>, Fail<AdminResetAdminAccountPasswordCodes>> {
        let caller = Caller::admin(&admin, &context);
        let (row, password) = admin_accounts::reset_password(&app, &caller, &user_name).await?;
        Ok(Json(AdminAccountPassword {
            user_name: row.user_name,
            enabled: row.enabled,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            password,
        }))
    }
}
