//! `GET /admin/games`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::domain::game::GameStatus;

use crate::app::App;
use crate::codes;
use crate::http::Tags;
use crate::http::lobby::GamePage;
use crate::http::page::Page;
use crate::http::problem::{Fail, Problem};

codes!(AdminListGamesCodes: AdminCredentialsRequired);

/// The operation.
pub struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List all games
    ///
    /// Private ones and drafts included. Newest first.
    #[oai(path = "/admin/games", method = "get", operation_id = "admin_list_games")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// Only games in this status.
        status: Query<Option<String>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<GamePage>, Fail<AdminListGamesCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        if let Some(word) = &status.0 {
            word.parse::<GameStatus>().map_err(|why| Problem::field("/query/status", "value", why))?;
        }
        let rows = db::games::list(&mut conn, status.0.as_deref(), page.before.map(Into::into), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |g| g.game_id.uuid());
        Ok(Json(GamePage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
