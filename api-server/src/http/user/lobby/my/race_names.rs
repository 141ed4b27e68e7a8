//! `GET /user/lobby/my/race-names`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::race_names::RaceNamePage;
use crate::http::request::page::Page;
use crate::use_cases::caller::User;

codes!(ListMyRaceNamesCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// List the own race names
    ///
    /// Reserved, pending and registered ones. Newest first.
    #[oai(path = "/user/lobby/my/race-names", method = "get", operation_id = "list_my_race_names")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user: User,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<RaceNamePage>, Fail<ListMyRaceNamesCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        let rows = db::race_names::list_of_user(&mut conn, user.id, page.before.map(Into::into), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |n| n.race_name_id.uuid());
        Ok(Json(RaceNamePage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
