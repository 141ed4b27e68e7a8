//! `POST /user/lobby/games/{game_id}/end`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::{EndGame, Game};
use crate::http::request::body::Body;
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::endings;

codes!(EndLobbyGameCodes: GameNotFound, NotGameOwner, Sanctioned, GameStateConflict, RuntimeBusy);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// End a game before its time
    ///
    /// A game that has run: it is `finished` without winners. Race names are settled as after any finish, by
    /// the last turn; members are told, the reports that the engine still has are kept, and the engine is stopped. A turn that is
    /// being generated is let end. Ending it again answers it as it is. Before it has run, `cancel` calls it off.
    #[oai(path = "/user/lobby/games/:game_id/end", method = "post", operation_id = "end_lobby_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
        body: Body<EndGame>,
    ) -> Result<Json<Game>, Fail<EndLobbyGameCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(endings::end(&app, &caller, game_id.0.into(), &body.reason).await?.into()))
    }
}
