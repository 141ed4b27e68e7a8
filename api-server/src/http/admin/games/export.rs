//! `GET /admin/games/export`

use poem_openapi::{OpenApi, param::Query};
use uuid::Uuid;

use super::list::filter;
use crate::codes;
use crate::http::answer::export::{Call, Export};
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::games::Game;

codes!(AdminExportGamesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Export games
    ///
    /// As a file of CSV: what the list beside it shows, with the same filters. That it was taken stands in the trail.
    #[oai(path = "/admin/games/export", method = "get", operation_id = "admin_export_games")]
    async fn call(
        &self,
        call: Call,
        /// Only games in this status.
        status: Query<Option<String>>,
        /// Only games that this user runs.
        owner_user_id: Query<Option<Uuid>>,
        /// Only `public` or only `private` games.
        visibility: Query<Option<String>>,
        /// Only games that this user plays in: as an active member.
        member_user_id: Query<Option<Uuid>>,
        /// That of the last line of a file that was cut: this one goes on there.
        cursor: Query<Option<String>>,
    ) -> Result<Export<Game>, Fail<AdminExportGamesCodes>> {
        let filter = filter(status.0, owner_user_id.0, visibility.0, member_user_id.0)?;
        Ok(call.of("games", filter, cursor.0).await?)
    }
}
