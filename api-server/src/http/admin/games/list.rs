//! `GET /admin/games`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::db::Db;
use shared::db::games::GameFilter;
use shared::domain::game::{GameStatus, Visibility};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::{Game, GamePage};
use crate::http::request::filters::among;
use crate::http::request::listed::Listed;
use crate::http::request::page::Page;
use crate::refusal::Problem;

codes!(AdminListGamesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List all games
    ///
    /// Private ones and drafts included. Newest first. Conditions that are given hold all at once.
    #[oai(path = "/admin/games", method = "get", operation_id = "admin_list_games")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// Only games in this status.
        status: Query<Option<String>>,
        /// Only games that this user runs.
        owner_user_id: Query<Option<Uuid>>,
        /// Only `public` or only `private` games.
        visibility: Query<Option<String>>,
        /// Only games that this user plays in: as an active member.
        member_user_id: Query<Option<Uuid>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<GamePage>, Fail<AdminListGamesCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let filter = filter(status.0, owner_user_id.0, visibility.0, member_user_id.0)?;
        Ok(Json(filter.shown(&app.db, &page).await?.into()))
    }
}

/// As the database takes it.
pub(super) fn filter(
    status: Option<String>,
    owner_user_id: Option<Uuid>,
    visibility: Option<String>,
    member_user_id: Option<Uuid>,
) -> Result<GameFilter, Problem> {
    Ok(GameFilter {
        status: among("/query/status", status.as_deref(), GameStatus::ALL)?,
        visibility: among("/query/visibility", visibility.as_deref(), Visibility::ALL)?,
        owner_user_id: owner_user_id.map(Into::into),
        member_user_id: member_user_id.map(Into::into),
    })
}

impl Listed for GameFilter {
    type Item = Game;

    async fn rows(&self, db: &Db, before: Option<Uuid>, fetch: i64) -> Result<Vec<Game>, Problem> {
        let mut tx = db.begin().await?;
        let rows = db::games::list(&mut tx, self, before.map(Into::into), fetch).await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    fn id(game: &Game) -> Uuid {
        game.game_id
    }
}
