//! `POST /admin/users/{user_id}/entitlements`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Header, param::Path};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::entitlements::{Grant, NewGrant};
use crate::http::request::body::Body;
use crate::http::request::idempotency;
use crate::use_cases::accounts::{self, WantedPlan};
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::texts::remark;

codes!(AdminCreateEntitlementCodes: AccountNotFound, IdempotencyKeyReused);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Grant a plan to an account
    ///
    /// From now on, in place of the plan that it has, which stays in the history. At `ends_at` the account is `free`, whatever
    /// it had before.
    #[oai(path = "/admin/users/:user_id/entitlements", method = "post", operation_id = "admin_create_entitlement")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        user_id: Path<Uuid>,
        /// Makes a repetition of this request answer the first one's object: 1 to 128 visible ASCII characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<NewGrant>,
    ) -> Result<Created<Grant>, Fail<AdminCreateEntitlementCodes>> {
        let caller = Caller::admin(&admin, &context);
        let operation = format!("admin_create_entitlement:{}", user_id.0);
        let key = idempotency::read(idempotency_key.0.as_deref(), caller.idempotency_owner(), &operation, &body.0)?;
        let source = remark("source", "a source", &body.source, 64)?;
        let reason = remark("reason", "a reason", &body.reason, 500)?;
        let wanted = WantedPlan { plan: body.plan.0, source: &source, reason: &reason, ends_at: body.ends_at };
        let made: Grant = accounts::grant(&app, &caller, user_id.0.into(), &wanted, key.as_ref()).await?.into();
        Ok(Created::at(&format!("/admin/users/{}/entitlements/{}", user_id.0, made.entitlement_id), made))
    }
}
