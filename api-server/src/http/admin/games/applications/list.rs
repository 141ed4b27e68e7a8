//! `GET /admin/games/{game_id}/applications`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db;
use shared::domain::lobby::ApplicationStatus;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::applications::ApplicationPage;
use crate::http::request::filters::among;
use crate::http::request::page::Page;
use crate::use_cases::games;

codes!(AdminListApplicationsCodes: GameNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List the applications to a game
    ///
    /// Newest first.
    #[oai(path = "/admin/games/:game_id/applications", method = "get", operation_id = "admin_list_applications")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        game_id: Path<Uuid>,
        /// Only applications in this status.
        status: Query<Option<String>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ApplicationPage>, Fail<AdminListApplicationsCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let status = among("/query/status", status.0.as_deref(), ApplicationStatus::ALL)?;
        let mut tx = app.db.begin().await?;
        let game = db::games::get(&mut tx, game_id.0.into()).await?.ok_or_else(games::game_not_found)?;
        let before = page.before.map(Into::into);
        let rows = match status {
            None => db::applications::list(&mut tx, game.game_id, before, page.fetch()).await?,
            Some(status) => {
                db::applications::list_by_status(&mut tx, game.game_id, status, before, page.fetch()).await?
            }
        };
        tx.commit().await?;
        let (rows, next_cursor) = page.cut(rows, |a| a.application_id.uuid());
        Ok(Json(ApplicationPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
