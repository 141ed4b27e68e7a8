//! `POST /user/lobby/games`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Header};

use crate::app::App;
use crate::codes;
use crate::http::answer::created::Created;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::{Game, NewGame};
use crate::http::request::body::Body;
use crate::http::request::idempotency;
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::games;

codes!(CreateLobbyGameCodes: Sanctioned, LimitReached, EngineVersionDisabled, IdempotencyKeyReused);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Make a private game
    ///
    /// A `draft` that the caller owns; the plan limits how many.
    #[oai(path = "/user/lobby/games", method = "post", operation_id = "create_lobby_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        /// Makes a repetition of this request answer the first one's object: 1 to 128 visible ASCII characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<NewGame>,
    ) -> Result<Created<Game>, Fail<CreateLobbyGameCodes>> {
        let caller = Caller::user(&user, &context);
        let key =
            idempotency::read(idempotency_key.0.as_deref(), caller.idempotency_owner(), "create_lobby_game", &body.0)?;
        let game: Game = games::create(&app, &caller, &body.0.into(), key.as_ref()).await?.into();
        Ok(Created::at(&format!("/user/lobby/games/{}", game.game_id), game))
    }
}
