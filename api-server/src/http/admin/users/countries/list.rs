//! `GET /admin/users/{user_id}/countries`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use shared::db;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::refusal::{ErrorCode, Problem};

/// Requests of a user from one country.
#[derive(Debug, Object)]
pub struct CountryCount {
    /// ISO 3166-1 alpha-2 code.
    pub country: String,
    /// Requests counted so far.
    pub count: i64,
}

/// The countries that a user has called from.
#[derive(Debug, Object)]
pub struct Countries {
    /// Each country once, the one with the most requests first.
    pub items: Vec<CountryCount>,
}

codes!(AdminListUserCountriesCodes: AccountNotFound);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List a user's countries
    ///
    /// Counted by the client's address on each request under `/user`; the newest few seconds may be missing. Empty where
    /// geo is switched off, and after the account was deleted.
    #[oai(path = "/admin/users/:user_id/countries", method = "get", operation_id = "admin_list_user_countries")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        user_id: Path<Uuid>,
    ) -> Result<Json<Countries>, Fail<AdminListUserCountriesCodes>> {
        let mut conn = app.db.acquire().await?;
        let rows = db::countries::list(&mut conn, user_id.0.into()).await?;
        let rows = rows.ok_or_else(|| Problem::new(ErrorCode::AccountNotFound, "No such account."))?;
        let items = rows.into_iter().map(|(country, count)| CountryCount { country, count }).collect();
        Ok(Json(Countries { items }))
    }
}
