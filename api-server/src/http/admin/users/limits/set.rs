//! `POST /admin/users/{user_id}/limits`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::limits::{AccountLimits, NewAccountLimits};
use crate::http::request::body::Body;
use crate::use_cases::accounts;
use crate::use_cases::caller::{Admin, Caller, Context};

codes!(AdminSetLimitsCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Set the limits of an account
    ///
    /// All three at once, in force at once. What an account has beyond a smaller limit stays; it gets no more. The call
    /// makes nothing, and may be repeated without a key.
    #[oai(path = "/admin/users/:user_id/limits", method = "post", operation_id = "admin_set_limits")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        user_id: Path<Uuid>,
        body: Body<NewAccountLimits>,
    ) -> Result<Json<AccountLimits>, Fail<AdminSetLimitsCodes>> {
        let caller = Caller::admin(&admin, &context);
        Ok(Json(accounts::limit(&app, &caller, user_id.0.into(), &body.0.into()).await?.into()))
    }
}
