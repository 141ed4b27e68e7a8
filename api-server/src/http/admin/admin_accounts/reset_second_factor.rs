//! `POST /admin/admin-accounts/{user_name}/reset-second-factor`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_accounts::AdminAccount;
use crate::http::request::body::Body;
use crate::use_cases::admin_factors;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::texts::remark;

/// Why a second factor is reset.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct ResetSecondFactor {
    /// Why, for the trail and for the administrator.
    #[oai(validator(min_length = 1, max_length = 500))]
    pub reason: String,
}

codes!(AdminResetAdminAccountSecondFactorCodes: AdminAccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Take an administrator's second factor away
    ///
    /// For who lost the device and the recovery codes. Their sessions end, they sign in by their password alone and set up another one.
    /// They are told by mail, where their account has an address.
    #[oai(
        path = "/admin/admin-accounts/:user_name/reset-second-factor",
        method = "post",
        operation_id = "admin_reset_admin_account_second_factor"
    )]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The name to log in with.
        user_name: Path<String>,
        body: Body<ResetSecondFactor>,
    ) -> Result<Json<AdminAccount>, Fail<AdminResetAdminAccountSecondFactorCodes>> {
        let caller = Caller::admin(&admin, &context);
        let reason = remark("reason", "a reason", &body.reason, 500)?;
        Ok(Json(admin_factors::reset(&app, &caller, &user_name, &reason).await?.into()))
    }
}
