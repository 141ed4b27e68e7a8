//! `POST /admin/games/pause`

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::types::ToJSON as _;
use poem_openapi::{Object, OpenApi, payload::Json};
use shared::db::games::RunningFilter;
use shared::domain::game::Visibility;
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

/// Which running games to pause. What is absent leaves the choice open; `{}` is every running game.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub struct RunningGameChoice {
    /// `public` or `private`.
    #[oai(validator(max_length = 32))]
    pub visibility: Option<String>,
    /// Run by this user.
    pub owner_user_id: Option<Uuid>,
    /// With this version as `target_engine_version`.
    #[oai(validator(max_length = 128))]
    pub engine_version: Option<String>,
}

impl RunningGameChoice {
    /// As the database takes it.
    ///
    /// # Errors
    /// `invalid_request` naming the field.
    pub fn filter(&self) -> Result<RunningFilter<'_>, Problem> {
        Ok(RunningFilter {
            visibility: among("/filter/visibility", self.visibility.as_deref(), Visibility::ALL)?,
            owner_user_id: self.owner_user_id.map(Into::into),
            engine_version: self.engine_version.as_deref(),
        })
    }
}

/// Which running games to pause, and how many of them.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub struct PauseGames {
    /// Which; `{}` is every running game.
    pub filter: RunningGameChoice,
    /// When the set was looked at: what came into its state after it is left out. Now if absent, or if it is later.
    pub as_of: Option<DateTime<Utc>>,
    /// `next_cursor` of the piece before.
    pub cursor: Option<String>,
    /// At most so many, 1 to 200; 200 if absent.
    #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
    pub limit: Option<u16>,
}

codes!(AdminPauseGamesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Pause many games
    ///
    /// The oldest `limit` of those that match, as if each were paused by itself. Call it with `next_cursor` until there is none.
    #[oai(path = "/admin/games/pause", method = "post", operation_id = "admin_pause_games")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        body: Body<PauseGames>,
    ) -> Result<Json<PieceResult>, Fail<AdminPauseGamesCodes>> {
        let caller = Caller::admin(&admin, &context);
        let (filter, shown) = (body.filter.filter()?, body.filter.to_json().unwrap_or_default());
        let wanted = wanted(body.as_of, body.cursor.as_deref(), body.limit)?;
        Ok(Json(transitions::pause_many(&app, &caller, &filter, &shown, wanted).await?.into()))
    }
}
