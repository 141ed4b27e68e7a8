//! `POST /admin/games`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Header};

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::{Game, NewPublicGame};
use crate::http::request::body::Body;
use crate::http::request::idempotency;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::games;

codes!(AdminCreateGameCodes: EngineVersionDisabled, IdempotencyKeyReused);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Make a public game
    ///
    /// A `draft`, perhaps with an owner who then runs it.
    #[oai(path = "/admin/games", method = "post", operation_id = "admin_create_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        admin: Admin,
        /// Makes a repetition of this request answer the first one's object: 1 to 128 visible ASCII characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<NewPublicGame>,
    ) -> Result<Created<Game>, Fail<AdminCreateGameCodes>> {
        let caller = Caller::admin(&admin, &context);
        let key =
            idempotency::read(idempotency_key.0.as_deref(), caller.idempotency_owner(), "admin_create_game", &body.0)?;
        let game: Game = games::create(&app, &caller, &body.0.into(), key.as_ref()).await?.into();
        Ok(Created::at(&format!("/admin/games/{}", game.game_id), game))
    }
}
