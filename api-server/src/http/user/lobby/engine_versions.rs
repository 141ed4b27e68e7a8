//! `GET /user/lobby/engine-versions`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::engine_versions::LobbyEngineVersionPage;
use crate::http::request::page::WordPage;
use crate::use_cases::caller::User;

codes!(ListLobbyEngineVersionsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::User")]
impl Operation {
    /// List the engine versions that a game can be made with
    ///
    /// In descending order of their labels.
    #[oai(path = "/user/lobby/engine-versions", method = "get", operation_id = "list_lobby_engine_versions")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        _user: User,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<LobbyEngineVersionPage>, Fail<ListLobbyEngineVersionsCodes>> {
        let page = WordPage::read(limit.0, cursor.0.as_deref())?;
        let mut conn = app.db.acquire().await?;
        let rows = db::engine_versions::list(&mut conn, Some(true), page.before.as_deref(), page.fetch()).await?;
        let (rows, next_cursor) = page.cut(rows, |v| v.version.as_str());
        Ok(Json(LobbyEngineVersionPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
