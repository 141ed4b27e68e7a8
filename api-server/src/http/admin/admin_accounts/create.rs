//! `POST /admin/admin-accounts`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Header};
use shared::domain::admin_access::{Role, Roles};
use shared::domain::administrator;

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::roles_from;
use crate::http::objects::admin_accounts::{AdminAccount, address};
use crate::http::objects::words::Closed;
use crate::http::request::body::Body;
use crate::http::request::idempotency;
use crate::refusal::Problem;
use crate::use_cases::admin_accounts::{self, Wanted};
use crate::use_cases::caller::{Admin, Caller, Context};

/// An administrator to be made.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct NewAdminAccount {
    /// The name to log in with: 1 to 64 ASCII letters, digits and `. _ - @ +`.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub user_name: String,
    /// 15 to 71 bytes in UTF-8, no control characters, none of the commonest passwords.
    #[oai(validator(min_length = 8, max_length = 71))]
    pub password: String,
    /// What the administrator may do, one role or more; an owner if absent.
    #[oai(validator(min_items = 1, max_items = 5))]
    pub roles: Option<Vec<Closed<Role>>>,
    /// Where the administrator is told that their second factor was reset.
    #[oai(validator(min_length = 1, max_length = 254))]
    pub email: Option<String>,
}

codes!(AdminCreateAdminAccountCodes: AdminAccountExists, IdempotencyKeyReused);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Make an administrator
    ///
    /// Enabled from the start. The password is not shown again, nor can it be asked for.
    #[oai(path = "/admin/admin-accounts", method = "post", operation_id = "admin_create_admin_account")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// Makes a repetition of this request answer the first one's object: 1 to 128 visible ASCII characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<NewAdminAccount>,
    ) -> Result<Created<AdminAccount>, Fail<AdminCreateAdminAccountCodes>> {
        let caller = Caller::admin(&admin, &context);
        let name = administrator::name(&body.user_name).map_err(|why| Problem::field("/user_name", "format", why))?;
        administrator::password(&body.password, &name).map_err(|why| Problem::field("/password", "format", why))?;
        let email = address(body.email.as_deref())?;
        let roles = body.roles.as_deref().map_or(Roles::of(&[Role::Owner]), roles_from);
        let NewAdminAccount { password, .. } = &body.0;
        let asked = NewAdminAccount {
            user_name: name.clone(),
            password: app.config.auth.peppers.password(password),
            roles: body.roles.clone(),
            email: email.clone(),
        };
        let key = idempotency::read(
            idempotency_key.0.as_deref(),
            caller.idempotency_owner(),
            "admin_create_admin_account",
            &asked,
        )?;
        let wanted = Wanted { user_name: &name, password, roles, email: email.as_deref() };
        let row: AdminAccount = admin_accounts::create(&app, &caller, &wanted, key.as_ref()).await?.into();
        Ok(Created::at(&format!("/admin/admin-accounts/{}", row.user_name), row))
    }
}
