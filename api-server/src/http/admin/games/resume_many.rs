//! `POST /admin/games/resume`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{Object, OpenApi, payload::Json};
use shared::db::games::PausedFilter;
use shared::domain::game::{PauseReason, Visibility};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::bulk::{PieceResult, wanted};
use crate::http::request::body::Body;
use crate::http::request::filters::among;
use crate::refusal::Problem;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::transitions;

/// Which paused games to resume. What is absent leaves the choice open; `{}` is every game that was not paused by hand.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct PausedGameChoice {
    /// Paused for this reason: `engine_unreachable`, `generation_failed`, `schedule_ended`, `state_limit` or `manual`; any but `manual` if
    /// absent.
    #[oai(validator(max_length = 32))]
    pub pause_reason: Option<String>,
    /// `public` or `private`.
    #[oai(validator(max_length = 32))]
    pub visibility: Option<String>,
    /// Run by this user.
    pub owner_user_id: Option<Uuid>,
    /// With this version as `target_engine_version`.
    #[oai(validator(max_length = 128))]
    pub engine_version: Option<String>,
}

impl PausedGameChoice {
    /// As the database takes it.
    ///
    /// # Errors
    /// `invalid_request` naming the field.
    pub fn filter(&self) -> Result<PausedFilter<'_>, Problem> {
        Ok(PausedFilter {
            pause_reason: among("/filter/pause_reason", self.pause_reason.as_deref(), PauseReason::RESUMABLE)?,
            visibility: among("/filter/visibility", self.visibility.as_deref(), Visibility::ALL)?,
            owner_user_id: self.owner_user_id.map(Into::into),
            engine_version: self.engine_version.as_deref(),
        })
    }
}

/// Which paused games to resume, and how many of them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct ResumeGames {
    /// Which; `{}` is every game that was not paused by hand.
    pub filter: PausedGameChoice,
    /// When the set was looked at: what came into its state after it is left out. Now if absent, or if it is later.
    pub as_of: Option<DateTime<Utc>>,
    /// `next_cursor` of the piece before.
    pub cursor: Option<String>,
    /// At most so many, 1 to 200; 200 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
    pub limit: Option<u16>,
}

codes!(AdminResumeGamesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Resume many paused games
    ///
    /// The oldest `limit` of those that match, as if each were resumed by itself. Games whose container is stopped or being
    /// replaced never match: only a start brings them back; one whose schedule says no next turn stays paused. Call it with
    /// `next_cursor` until there is none.
    #[oai(path = "/admin/games/resume", method = "post", operation_id = "admin_resume_games")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<ResumeGames>,
    ) -> Result<Json<PieceResult>, Fail<AdminResumeGamesCodes>> {
        let caller = Caller::admin(&admin, &context);
        let (filter, shown) = (body.filter.filter()?, body.filter.to_json().unwrap_or_default());
        let wanted = wanted(body.as_of, body.cursor.as_deref(), body.limit)?;
        Ok(Json(transitions::resume_many(&app, &caller, &filter, &shown, wanted).await?.into()))
    }
}
