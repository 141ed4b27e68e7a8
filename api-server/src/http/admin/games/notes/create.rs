//! `POST /admin/games/{game_id}/notes`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Header, param::Path};
use shared::db::notes::Subject;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::notes::{NewNote, Note};
use crate::http::request::body::Body;
use crate::http::request::idempotency;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::notes;

codes!(AdminCreateGameNoteCodes: GameNotFound, IdempotencyKeyReused);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Write a note about a game
    ///
    /// For other administrators; nobody else reads it, and it is never changed. The trail says that it was written, not what it
    /// says.
    #[oai(path = "/admin/games/:game_id/notes", method = "post", operation_id = "admin_create_game_note")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        game_id: Path<Uuid>,
        /// Makes a repetition of this request answer the first one's object: 1 to 128 visible ASCII characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<NewNote>,
    ) -> Result<Created<Note>, Fail<AdminCreateGameNoteCodes>> {
        let caller = Caller::admin(&admin, &context);
        let operation = format!("admin_create_game_note:{}", game_id.0);
        let key = idempotency::read(idempotency_key.0.as_deref(), caller.idempotency_owner(), &operation, &body.0)?;
        let subject = Subject::Game(game_id.0.into());
        let made: Note = notes::write(&app, &caller, subject, &body.text, key.as_ref()).await?.into();
        Ok(Created::at(&format!("/admin/games/{}/notes/{}", game_id.0, made.note_id), made))
    }
}
