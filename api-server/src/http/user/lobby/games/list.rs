//! `GET /user/lobby/games`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::domain::game::GameStatus;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::GamePage;
use crate::http::request::filters::among;
use crate::http::request::page::Page;
use crate::use_cases::caller::User;

codes!(ListLobbyGamesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// List games
    ///
    /// Public games, own ones, and those where the caller is a member or invited. Newest first.
    #[oai(path = "/user/lobby/games", method = "get", operation_id = "list_lobby_games")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        /// Only games in this status.
        status: Query<Option<String>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<GamePage>, Fail<ListLobbyGamesCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let before = page.before.map(Into::into);
        let rows = match among("/query/status", status.0.as_deref(), GameStatus::ALL)? {
            None => {
                let mut conn = app.db.acquire().await?;
                db::games::list_visible(&mut conn, user.id, before, page.fetch()).await?
            }
            Some(status) => {
                let mut tx = app.db.begin().await?;
                let rows = db::games::list_visible_by_status(&mut tx, user.id, status, before, page.fetch()).await?;
                tx.commit().await?;
                rows
            }
        };
        let (rows, next_cursor) = page.cut(rows, |g| g.game_id.uuid());
        Ok(Json(GamePage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
