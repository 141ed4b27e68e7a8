//! `POST /admin/users/{user_id}/sanctions`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Header, param::Path};
use shared::domain::account::SanctionKind;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sanctions::NewSanction;
use crate::http::objects::sanctions::Sanction;
use crate::http::request::body::Body;
use crate::http::request::idempotency;
use crate::use_cases::accounts::{self, Wanted};
use crate::use_cases::admin_trail;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::texts::remark;

codes!(AdminCreateSanctionCodes: AccountNotFound, IdempotencyKeyReused);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Set a sanction on an account
    ///
    /// In force for every request that begins afterwards, on every replica. `permanent_block` also revokes the account's
    /// sessions and ends whatever it takes part in, as a deletion does; lifting it brings none of that back.
    #[oai(path = "/admin/users/:user_id/sanctions", method = "post", operation_id = "admin_create_sanction")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        user_id: Path<Uuid>,
        /// Makes a repetition of this request answer the first one's object: 1 to 128 visible ASCII characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<NewSanction>,
    ) -> Result<Created<Sanction>, Fail<AdminCreateSanctionCodes>> {
        if body.kind.0 == SanctionKind::PermanentBlock {
            let user = user_id.0.to_string();
            admin_trail::confirmed(&app, &context, &admin, "admin_create_sanction", ("user", user.as_str())).await?;
        }
        let caller = Caller::admin(&admin, &context);
        let operation = format!("admin_create_sanction:{}", user_id.0);
        let key = idempotency::read(idempotency_key.0.as_deref(), caller.idempotency_owner(), &operation, &body.0)?;
        let reason = remark("reason", "a reason", &body.reason, 500)?;
        let wanted = Wanted { kind: body.kind.0, reason: &reason, ends_at: body.ends_at };
        let made: Sanction = accounts::sanction(&app, &caller, user_id.0.into(), &wanted, key.as_ref()).await?.into();
        Ok(Created::at(&format!("/admin/users/{}/sanctions/{}", user_id.0, made.sanction_id), made))
    }
}
