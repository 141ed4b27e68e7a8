//! `POST /admin/auth/confirm`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::request::body::Body;
use crate::use_cases::admin_factors;
use crate::use_cases::caller::{Admin, Context};

/// A code of the second factor.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct AdminCode {
    /// Six digits from the device, or a recovery code.
    #[oai(validator(min_length = 1, max_length = 64))]
    pub code: String,
}

/// A session whose person gave a code just now.
#[derive(Debug, Object)]
pub struct AdminConfirmed {
    /// Until when sensitive operations go without another code.
    pub confirmed_until: DateTime<Utc>,
}

codes!(AdminConfirmCodes: NoSession, NoSecondFactor, SecondFactorUnavailable, CodeIncorrect);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Confirm that it is oneself
    ///
    /// Sensitive operations of this session go without another code for ten minutes.
    #[oai(path = "/admin/auth/confirm", method = "post", operation_id = "admin_confirm")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<AdminCode>,
    ) -> Result<Json<AdminConfirmed>, Fail<AdminConfirmCodes>> {
        let confirmed_until = admin_factors::confirm(&app, &admin, &context, &body.code).await?;
        Ok(Json(AdminConfirmed { confirmed_until }))
    }
}
