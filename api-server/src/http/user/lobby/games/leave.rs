//! `POST /user/lobby/games/{game_id}/leave`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::Game;
use crate::use_cases::caller::{Caller, Context, User};
use crate::use_cases::memberships;

codes!(LeaveLobbyGameCodes: GameNotFound, NotAMember, GameStateConflict);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// Leave a game
    ///
    /// The caller's membership ends and the race name is free again; in a game that has started the race is banished. Who is no
    /// member but has an open application withdraws it.
    #[oai(path = "/user/lobby/games/:game_id/leave", method = "post", operation_id = "leave_lobby_game")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        context: Context,
        user: User,
        game_id: Path<Uuid>,
    ) -> Result<Json<Game>, Fail<LeaveLobbyGameCodes>> {
        let caller = Caller::user(&user, &context);
        Ok(Json(memberships::leave(&app, &caller, user.id, game_id.0.into()).await?.into()))
    }
}
