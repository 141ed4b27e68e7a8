//! `GET /admin/users/{user_id}/notes/{note_id}`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use shared::db;
use shared::db::notes::Subject;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::notes::Note;
use crate::use_cases::notes;

codes!(AdminGetUserNoteCodes: NoteNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Get a note about an account
    ///
    /// As it was written: notes are never changed.
    #[oai(path = "/admin/users/:user_id/notes/:note_id", method = "get", operation_id = "admin_get_user_note")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
        note_id: Path<Uuid>,
    ) -> Result<Json<Note>, Fail<AdminGetUserNoteCodes>> {
        let mut conn = app.db.acquire().await?;
        let row = db::notes::get(&mut conn, Subject::User(user_id.0.into()), note_id.0.into()).await?;
        Ok(Json(row.ok_or_else(notes::not_found)?.into()))
    }
}
