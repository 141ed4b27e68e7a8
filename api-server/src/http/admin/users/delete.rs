//! `DELETE /admin/users/{user_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::deleted::Deleted;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::use_cases::accounts;
use crate::use_cases::caller::{Admin, Caller, Context};

codes!(AdminDeleteUserCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Delete an account
    ///
    /// As when its owner deletes it. The row stays, without whatever tells who the person was; its address is free for a
    /// new account.
    #[oai(path = "/admin/users/:user_id", method = "delete", operation_id = "admin_delete_user")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        user_id: Path<Uuid>,
    ) -> Result<Deleted, Fail<AdminDeleteUserCodes>> {
        accounts::delete(&app, &Caller::admin(&admin, &context), user_id.0.into()).await?;
        Ok(Deleted::Deleted)
    }
}
