//! `GET /admin/users/{user_id}/sanctions`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, param::Query, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::sanctions::SanctionPage;
use crate::http::request::page::Page;
use crate::use_cases::accounts;

codes!(AdminListSanctionsCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List the sanctions on an account
    ///
    /// Newest first; ended and lifted ones too, unless `in_force` leaves them out.
    #[oai(path = "/admin/users/:user_id/sanctions", method = "get", operation_id = "admin_list_sanctions")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
        /// `true`: only sanctions in force now; `false`: only those that were lifted or have ended.
        in_force: Query<Option<bool>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<SanctionPage>, Fail<AdminListSanctionsCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let (user_id, before) = (user_id.0.into(), page.before.map(Into::into));
        let mut tx = app.db.begin().await?;
        let rows = match in_force.0 {
            None => db::sanctions::list(&mut tx, user_id, before, page.fetch()).await?,
            Some(in_force) => db::sanctions::list_by_force(&mut tx, user_id, in_force, before, page.fetch()).await?,
        };
        if rows.is_empty() {
            accounts::present(&mut tx, user_id).await?;
        }
        tx.commit().await?;
        let (rows, next_cursor) = page.cut(rows, |row| row.sanction_id.uuid());
        Ok(Json(SanctionPage { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
    }
}
