//! `GET /user/lobby/games/{game_id}/invites`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::invites::InvitePage;
use crate::http::request::page::Page;
use crate::use_cases::caller::User;
use crate::use_cases::games;

codes!(ListInvitesCodes: GameNotFound, NotGameOwner);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// List the invites to an own game
    ///
    /// Newest first.
    #[oai(path = "/user/lobby/games/:game_id/invites", method = "get", operation_id = "list_invites")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<InvitePage>, Fail<ListInvitesCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        let game = games::owned(&mut conn, game_id.0.into(), user.id).await?;
        let rows = db::invites::list(&mut conn, game.game_id, page.before.map(Into::into), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |i| i.invite_id.uuid());
        Ok(Json(InvitePage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
