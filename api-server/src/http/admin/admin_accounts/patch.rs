//! `PATCH /admin/admin-accounts/{user_name}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use shared::domain::admin_access::Role;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::roles_from;
use crate::http::objects::admin_accounts::{AdminAccount, address};
use crate::http::objects::words::Closed;
use crate::http::request::body::Body;
use crate::use_cases::admin_accounts;
use crate::use_cases::caller::{Admin, Caller, Context};

/// What to change; absent fields stay as they are.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PatchAdminAccount {
    /// What the administrator may do: one role or more. Null is as absent, since nobody has none.
    #[oai(validator(min_items = 1, max_items = 5))]
    pub roles: Option<Vec<Closed<Role>>>,
    /// Where the administrator is told that their second factor was reset; null takes it away.
    #[oai(validator(min_length = 1, max_length = 254))]
    pub email: MaybeUndefined<String>,
}

codes!(AdminPatchAdminAccountCodes: AdminAccountNotFound, LastAdministrator);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Change an administrator
    ///
    /// Other roles end their sessions, and hold from the next request on. The last enabled owner stays one, and so does the last with a
    /// second factor.
    #[oai(path = "/admin/admin-accounts/:user_name", method = "patch", operation_id = "admin_patch_admin_account")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// The name to log in with.
        user_name: Path<String>,
        body: Body<PatchAdminAccount>,
    ) -> Result<Json<AdminAccount>, Fail<AdminPatchAdminAccountCodes>> {
        let caller = Caller::admin(&admin, &context);
        let roles = body.roles.as_deref().map(roles_from);
        let email = body.email.as_opt_deref().map(address).transpose()?;
        let email = email.as_ref().map(Option::as_deref);
        Ok(Json(admin_accounts::patch(&app, &caller, &user_name, roles, email).await?.into()))
    }
}
