//! `POST /admin/users/sessions/revoke`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{Object, OpenApi, payload::Json};
use shared::db::sessions::OpenedFilter;
use shared::domain::account::SanctionKind;
use shared::domain::plan::Plan;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::bulk::{PieceResult, wanted};
use crate::http::objects::words::Closed;
use crate::http::request::body::Body;
use crate::http::request::filters::span;
use crate::refusal::Problem;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::sessions;

/// Which sessions to revoke. What is absent leaves the choice open; `{}` is every active session.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct SessionChoice {
    /// Opened then or later.
    pub created_after: Option<DateTime<Utc>>,
    /// Opened before then.
    pub created_before: Option<DateTime<Utc>>,
    /// Of accounts under such a sanction now.
    pub sanction: Option<Closed<SanctionKind>>,
    /// Of accounts that have this plan now.
    pub plan: Option<Closed<Plan>>,
}

impl SessionChoice {
    /// As the database takes it.
    ///
    /// # Errors
    /// `invalid_request` naming the field.
    pub fn filter(&self) -> Result<OpenedFilter, Problem> {
        Ok(OpenedFilter {
            opened: span("/filter/created", self.created_after, self.created_before)?,
            sanction: self.sanction.map(|kind| kind.0),
            plan: self.plan.map(|plan| plan.0),
        })
    }
}

/// Whose sessions to revoke, and of how many accounts.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct RevokeSessions {
    /// Which; `{}` is every active session.
    pub filter: SessionChoice,
    /// When the set was looked at: sessions that were opened after it are left out. Now if absent, or if it is later.
    pub as_of: Option<DateTime<Utc>>,
    /// `next_cursor` of the piece before.
    pub cursor: Option<String>,
    /// Of so many accounts at most, 1 to 200; 200 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
    pub limit: Option<u16>,
}

codes!(AdminRevokeSessionsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Revoke sessions of many accounts
    ///
    /// The sessions that match of `limit` accounts, those of each with one invalidation that names them. Everybody may sign in again,
    /// but who is under a sanction. Counted are accounts. Call it with `next_cursor` until there is none.
    #[oai(path = "/admin/users/sessions/revoke", method = "post", operation_id = "admin_revoke_sessions")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<RevokeSessions>,
    ) -> Result<Json<PieceResult>, Fail<AdminRevokeSessionsCodes>> {
        let caller = Caller::admin(&admin, &context);
        let (filter, shown) = (body.filter.filter()?, body.filter.to_json().unwrap_or_default());
        let wanted = wanted(body.as_of, body.cursor.as_deref(), body.limit)?;
        Ok(Json(sessions::revoke_of_many(&app, &caller, &filter, &shown, wanted).await?.into()))
    }
}
