//! `GET /user/lobby/my/games`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::GamePage;
use crate::http::request::page::Page;
use crate::use_cases::caller::User;

codes!(ListMyGamesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// List the own games
    ///
    /// Games that the caller runs or plays in. Newest first.
    #[oai(path = "/user/lobby/my/games", method = "get", operation_id = "list_my_games")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<GamePage>, Fail<ListMyGamesCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        let rows = db::games::list_own(&mut conn, user.id, page.before.map(Into::into), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |g| g.game_id.uuid());
        Ok(Json(GamePage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
