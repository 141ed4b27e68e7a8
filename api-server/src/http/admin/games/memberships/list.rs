//! `GET /admin/games/{game_id}/memberships`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db;
use shared::domain::lobby::MembershipStatus;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::memberships::MembershipPage;
use crate::http::request::filters::among;
use crate::http::request::page::Page;
use crate::use_cases::games;

codes!(AdminListMembershipsCodes: GameNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List the members of a game
    ///
    /// Newest first, former ones included.
    #[oai(path = "/admin/games/:game_id/memberships", method = "get", operation_id = "admin_list_memberships")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        game_id: Path<Uuid>,
        /// Only memberships in this status.
        status: Query<Option<String>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<MembershipPage>, Fail<AdminListMembershipsCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let status = among("/query/status", status.0.as_deref(), MembershipStatus::ALL)?;
        let mut tx = app.db.begin().await?;
        let game = db::games::get(&mut tx, game_id.0.into()).await?.ok_or_else(games::game_not_found)?;
        let before = page.before.map(Into::into);
        let rows = match status {
            None => db::memberships::list(&mut tx, game.game_id, before, page.fetch()).await?,
            Some(status) => {
                db::memberships::list_by_status(&mut tx, game.game_id, status, before, page.fetch()).await?
            }
        };
        tx.commit().await?;
        let (rows, next_cursor) = page.cut(rows, |m| m.membership_id.uuid());
        Ok(Json(MembershipPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
