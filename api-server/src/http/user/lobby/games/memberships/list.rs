//! `GET /user/lobby/games/{game_id}/memberships`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::memberships::MembershipPage;
use crate::http::request::page::Page;
use crate::use_cases::caller::User;
use crate::use_cases::games;

codes!(ListMembershipsCodes: GameNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// List the members of a game
    ///
    /// Newest first, former ones included.
    #[oai(path = "/user/lobby/games/:game_id/memberships", method = "get", operation_id = "list_memberships")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        game_id: Path<Uuid>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<MembershipPage>, Fail<ListMembershipsCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        let game = games::visible(&mut conn, game_id.0.into(), user.id).await?;
        let before = page.before.map(Into::into);
        let rows = db::memberships::list(&mut conn, game.game_id, before, page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |m| m.membership_id.uuid());
        Ok(Json(MembershipPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
