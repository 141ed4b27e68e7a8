//! `GET /admin/users/export`

use poem_openapi::{OpenApi, param::Query};
use shared::domain::account::SanctionKind;
use shared::domain::plan::Plan;

use super::list::Accounts;
use crate::codes;
use crate::http::answer::export::{Call, Export};
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::accounts::Account;
use crate::http::objects::words::Closed;

codes!(AdminExportUsersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Export accounts
    ///
    /// As a file of CSV: what the list beside it shows, with the same filters. That it was taken stands in the trail.
    #[oai(path = "/admin/users/export", method = "get", operation_id = "admin_export_users")]
    async fn call(
        &self,
        call: Call,
        /// Only the account of this address.
        email: Query<Option<String>>,
        /// Only accounts whose user name or display name is this, in any case; with a `*` behind
        /// two characters or more, begins with them.
        name: Query<Option<String>>,
        /// Only accounts under such a sanction now.
        sanction: Query<Option<Closed<SanctionKind>>>,
        /// Only accounts that have this plan now.
        plan: Query<Option<Closed<Plan>>>,
        /// That of the last line of a file that was cut: this one goes on there.
        cursor: Query<Option<String>>,
    ) -> Result<Export<Account>, Fail<AdminExportUsersCodes>> {
        let accounts = Accounts::read(email.0, name.0, sanction.0, plan.0)?;
        Ok(call.of("users", accounts, cursor.0).await?)
    }
}
