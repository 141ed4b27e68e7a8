//! What a list of administrators and its export have in common: both show what one function reads.

use poem_openapi::types::ToJSON;
use shared::db::Db;
use uuid::Uuid;

use super::page::Page;
use crate::refusal::Problem;

/// A list by what is looked for in it, newest first.
pub trait Listed: Send + Sync + 'static {
    /// What it lists.
    type Item: ToJSON + 'static;

    /// The newest items below `before`, at most `fetch`. A connection is held for no longer than that.
    fn rows(
        &self,
        db: &Db,
        before: Option<Uuid>,
        fetch: i64,
    ) -> impl Future<Output = Result<Vec<Self::Item>, Problem>> + Send;

    /// What an item is placed by.
    fn id(item: &Self::Item) -> Uuid;

    /// A page of it, and the cursor of the next one, where there is one.
    fn shown(
        &self,
        db: &Db,
        page: &Page,
    ) -> impl Future<Output = Result<(Vec<Self::Item>, Option<String>), Problem>> + Send {
        async { Ok(page.cut(self.rows(db, page.before, page.fetch()).await?, Self::id)) }
    }
}
