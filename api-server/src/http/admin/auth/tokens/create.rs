//! `POST /admin/auth/tokens`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use shared::domain::admin_access::Role;

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::admin_access::{AdminToken, roles_from};
use crate::http::objects::words::Closed;
use crate::http::request::body::Body;
use crate::use_cases::admin_tokens::{self, Wanted};
use crate::use_cases::caller::{Admin, Context};

/// A token to be made.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct NewAdminToken {
    /// What to call it, in one line: where it is used.
    #[oai(validator(min_length = 1, max_length = 100))]
    pub name: String,
    /// What it may do: one or more of its owner's roles; an owner hands on any.
    #[oai(validator(min_items = 1, max_items = 5))]
    pub roles: Vec<Closed<Role>>,
    /// For how many days it admits.
    #[oai(validator(minimum(value = "1"), maximum(value = "365")))]
    pub expires_in_days: i32,
}

/// A new token, and what it is.
#[derive(Debug, Object)]
pub struct CreatedAdminToken {
    /// The token's facts.
    #[oai(flatten)]
    pub facts: AdminToken,
    /// The token itself, for `Authorization: Bearer`. Answered once; only its hash is kept.
    pub token: String,
}

codes!(AdminCreateTokenCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Make a token for a program
    ///
    /// It acts on one's own behalf, may do no more than oneself may at the moment, and nothing that wants a person. Each call makes
    /// another one: the answer holds a secret, so `Idempotency-Key` is ignored.
    #[oai(path = "/admin/auth/tokens", method = "post", operation_id = "admin_create_token")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<NewAdminToken>,
    ) -> Result<Created<CreatedAdminToken>, Fail<AdminCreateTokenCodes>> {
        let wanted = Wanted { name: &body.name, roles: roles_from(&body.roles), days: body.expires_in_days };
        let (made, token) = admin_tokens::create(&app, &admin, &context, &wanted).await?;
        let path = format!("/admin/auth/tokens/{}", made.token_id);
        let token = token.expose().clone();
        Ok(Created::at(&path, CreatedAdminToken { facts: made.into(), token }))
    }
}
