//! `GET /admin/games/{game_id}/notes`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db::notes::Subject;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::notes::NotePage;
use crate::http::request::page::Page;
use crate::use_cases::notes;

codes!(AdminListGameNotesCodes: GameNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List the notes about a game
    ///
    /// Newest first.
    #[oai(path = "/admin/games/:game_id/notes", method = "get", operation_id = "admin_list_game_notes")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        game_id: Path<Uuid>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<NotePage>, Fail<AdminListGameNotesCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let subject = Subject::Game(game_id.0.into());
        let rows = notes::list(&app, subject, page.before.map(Into::into), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |row| row.note_id.uuid());
        Ok(Json(NotePage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
