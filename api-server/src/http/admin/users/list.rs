//! `GET /admin/users`

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::db::Db;
use shared::db::accounts::Search;
use shared::domain::account::{DISPLAY_NAME_MAX, SanctionKind};
use shared::domain::email::Address;
use shared::domain::plan::Plan;
use shared::domain::text;
use uuid::Uuid;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::accounts::{Account, AccountPage};
use crate::http::objects::words::Closed;
use crate::http::request::listed::Listed;
use crate::http::request::page::Page;
use crate::refusal::Problem;

/// The shortest beginning of a name to look for, in characters.
const PREFIX_MIN: usize = 2;

/// The longest name to look for, in code points: a display name and its star.
const NAME_MAX: usize = DISPLAY_NAME_MAX * text::CODE_POINTS + 1;

codes!(AdminListUsersCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// List accounts
    ///
    /// Deleted ones included, newest first. Conditions that are given hold all at once.
    #[oai(path = "/admin/users", method = "get", operation_id = "admin_list_users")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the operation")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// Only the account of this address.
        email: Query<Option<String>>,
        /// Only accounts whose user name or display name is this, in any case; with a `*` behind
        /// two characters or more, begins with them.
        name: Query<Option<String>>,
        /// Only accounts under such a sanction now.
        sanction: Query<Option<Closed<SanctionKind>>>,
        /// Only accounts that have this plan now.
        plan: Query<Option<Closed<Plan>>>,
        /// Items a page holds at most, 1 to 200; 50 if absent.
        limit: Query<Option<u16>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AccountPage>, Fail<AdminListUsersCodes>> {
        let page = Page::read(limit.0, cursor.0.as_deref())?;
        let accounts = Accounts::read(email.0, name.0, sanction.0, plan.0)?;
        Ok(Json(accounts.shown(&app.db, &page).await?.into()))
    }
}

/// The accounts that are looked for.
pub(super) struct Accounts {
    email: Option<Address>,
    name: Option<(String, String)>,
    sanction: Option<SanctionKind>,
    plan: Option<Plan>,
}

impl Accounts {
    pub(super) fn read(
        email: Option<String>,
        name: Option<String>,
        sanction: Option<Closed<SanctionKind>>,
        plan: Option<Closed<Plan>>,
    ) -> Result<Self, Problem> {
        let email = email.as_deref().map(Address::parse).transpose();
        Ok(Self {
            email: email.map_err(|why| Problem::field("/query/email", "format", why))?,
            name: name.as_deref().map(range).transpose()?,
            sanction: sanction.map(|kind| kind.0),
            plan: plan.map(|plan| plan.0),
        })
    }
}

impl Listed for Accounts {
    type Item = Account;

    async fn rows(&self, db: &Db, before: Option<Uuid>, fetch: i64) -> Result<Vec<Account>, Problem> {
        let search = Search {
            email: self.email.as_ref().map(Address::as_str),
            name: self.name.as_ref().map(|(from, to)| (from.as_str(), to.as_str())),
            sanction: self.sanction,
            plan: self.plan,
        };
        let mut conn = db.acquire().await?;
        let rows = db::accounts::list(&mut conn, &search, before.map(Into::into), fetch).await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    fn id(account: &Account) -> Uuid {
        account.user_id
    }
}

/// The least and the greatest name that is looked for.
fn range(name: &str) -> Result<(String, String), Problem> {
    // As names are kept.
    let name = text::fold(name).to_lowercase();
    if !(1..=NAME_MAX).contains(&name.chars().count()) || name.contains('\0') {
        return Err(Problem::field("/query/name", "length", format!("must have 1 to {NAME_MAX} characters")));
    }
    Ok(match name.strip_suffix('*') {
        // All accounts begin with less, and whatever begins so is gathered and sorted.
        Some(prefix) if prefix.chars().count() < PREFIX_MIN => {
            return Err(Problem::field(
                "/query/name",
                "length",
                format!("must have {PREFIX_MIN} characters before the *"),
            ));
        }
        Some(prefix) => (prefix.to_owned(), text::greatest_from(prefix)),
        None => (name.clone(), name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_makes_a_range_of_a_name() {
        assert_eq!(range(" Ada ").unwrap(), ("ada".to_owned(), "ada".to_owned()));
        let (from, to) = range("Ad*").unwrap();
        assert!(from.as_str() <= "ad" && "adzzz" < to.as_str() && "ae" > to.as_str());
        assert!(range("*").is_err() && range("a*").is_err() && range("a").is_ok());
        assert!(range("").is_err() && range(&"x".repeat(258)).is_err());
    }
}
