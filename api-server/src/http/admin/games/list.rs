//! `GET /admin/games`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::db::games::GameFilter;
use shared::domain::game::{GameStatus, Visibility};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::GamePage;
use crate::http::request::filters::among;
use crate::http::request::page::Page;

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
        let visibility = among("/query/visibility", visibility.0.as_deref(), Visibility::ALL)?;
        let filter = GameFilter {
            status: among("/query/status", status.0.as_deref(), GameStatus::ALL)?,
            visibility,
            owner_user_id: owner_user_id.0.map(Into::into),
            member_user_id: member_user_id.0.map(Into::into),
        };
        let mut tx = app.db.begin().await?;
        let rows = db::games::list(&mut tx, &filter, page.before.map(Into::into), page.fetch()).await?;
        tx.commit().await?;
        let (rows, next_cursor) = page.cut(rows, |g| g.game_id.uuid());
        Ok(Json(GamePage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
