//! Exports of administrators' lists (SPEC §4 "Administrators"): a file that is read from the database while the client takes it.
//!
//! A page is read when the one before has been taken; between them no connection is held. What is written meanwhile stands above the
//! first row, and is not in the file.

use std::marker::PhantomData;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use poem::web::Data;
use poem::{Body, FromRequest, IntoResponse, Request, RequestBody, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ToJSON, Type};
use serde_json::{Map, Value};
use shared::db::Db;
use shared::service::listen::Lasting;
use tracing::{Instrument as _, Span};

use super::csv::Columns;
use super::masked;
use crate::app::App;
use crate::http::request::listed::Listed;
use crate::http::request::page::{MAX_LIMIT, Page};
use crate::refusal::Problem;
use crate::use_cases::caller::{Admin, Caller, Context};
use crate::use_cases::exports;

/// The most rows of a file.
const MAX_ROWS: usize = 100_000;
/// The parameter that is no filter.
const CURSOR: &str = "cursor";

/// A list as a file.
#[derive(ApiResponse)]
pub enum Export<T: Type> {
    /// A line for each item, newest first, below one with the names of the columns. Where more than 100 000 match, the last line says
    /// so in its first cell, `cut at 100000 rows; cursor=…`, and an export with that `cursor` goes on.
    #[oai(status = 200)]
    File(
        Csv<T>,
        /// That it is a file, named after the list and the minute.
        #[oai(header = "Content-Disposition")]
        String,
    ),
}

/// Lines of cells (RFC 4180), whose columns are those of `T`.
pub struct Csv<T> {
    body: Body,
    item: PhantomData<fn() -> T>,
}

impl<T: Type> Payload for Csv<T> {
    const CONTENT_TYPE: &'static str = "text/csv";

    fn schema_ref() -> MetaSchemaRef {
        let head = Columns::of::<T>().head().ok().and_then(|head| String::from_utf8(head).ok());
        MetaSchemaRef::Inline(Box::new(MetaSchema { example: head.map(Value::from), ..MetaSchema::new("string") }))
    }
}

impl<T: Type> IntoResponse for Csv<T> {
    fn into_response(self) -> Response {
        let mut response = Response::builder().content_type("text/csv; charset=utf-8").body(self.body);
        response.extensions_mut().insert(Lasting::Parts);
        response
    }
}

/// A call of an export.
pub struct Call {
    app: Arc<App>,
    admin: Admin,
    context: Context,
    filter: Map<String, Value>,
}

impl<'a> FromRequest<'a> for Call {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let Data(app) = Data::<&Arc<App>>::from_request(request, body).await?;
        let query = request.uri().query().unwrap_or_default();
        let asked = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != CURSOR);
        Ok(Self {
            app: app.clone(),
            admin: Admin::from_request(request, body).await?,
            context: Context::from_request(request, body).await?,
            filter: asked.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect(),
        })
    }
}

impl Call {
    /// The file of a list, from `cursor` on. `name` is what the list is called in the trail and in the file's name.
    ///
    /// # Errors
    /// `invalid_request` for the cursor. What fails once the first page is read breaks the file off, so that no client takes it for
    /// whole.
    pub async fn of<L: Listed>(self, name: &str, list: L, cursor: Option<String>) -> Result<Export<L::Item>, Problem> {
        let columns = Columns::of::<L::Item>();
        let masked = self.admin.sees_no_addresses();
        let mut file = File { db: self.app.db.clone(), list, columns, masked, most: MAX_ROWS, rows: 0 };
        let first = file.begin(cursor.as_deref()).await?;
        let caller = Caller::admin(&self.admin, &self.context);
        exports::told(&self.app, &caller, name, self.filter, cursor.is_some()).await?;
        let minute = self.app.clock.now().format("%Y%m%dT%H%MZ");
        let disposition = format!("attachment; filename=\"{}-{minute}.csv\"", name.replace('_', "-"));
        Ok(Export::File(Csv { body: file.body(first), item: PhantomData }, disposition))
    }
}

/// A file that is being written.
struct File<L: Listed> {
    db: Db,
    list: L,
    columns: Columns,
    /// Whether its reader sees no addresses.
    masked: bool,
    /// The most rows that it may have.
    most: usize,
    /// Those that it has.
    rows: usize,
}

/// Some lines of it, and where it goes on, if it does.
type Part = (Vec<u8>, Option<String>);

impl<L: Listed> File<L> {
    /// The first line, and the lines of the first page.
    async fn begin(&mut self, cursor: Option<&str>) -> Result<Part, Problem> {
        let mut lines = self.columns.head().map_err(|error| Problem::internal(&error))?;
        let (page, next) = self.part(cursor).await?;
        lines.extend(page);
        Ok((lines, next))
    }

    /// The lines of a page.
    async fn part(&mut self, cursor: Option<&str>) -> Result<Part, Problem> {
        let room = u16::try_from(self.most.saturating_sub(self.rows)).unwrap_or(MAX_LIMIT);
        let page = Page::read(Some(room.min(MAX_LIMIT)), cursor)?;
        let (items, next) = self.list.shown(&self.db, &page).await?;
        self.rows += items.len();
        self.lines(&items, next).map_err(|error| Problem::internal(&error))
    }

    fn lines(&self, items: &[L::Item], next: Option<String>) -> std::io::Result<Part> {
        let mut objects: Vec<Value> = items.iter().map(|item| item.to_json().unwrap_or_default()).collect();
        if self.masked {
            objects.iter_mut().for_each(masked::mask);
        }
        let mut lines = self.columns.lines(&objects)?;
        match next {
            Some(cursor) if self.rows >= self.most => {
                lines.extend(self.columns.note(&format!("cut at {} rows; cursor={cursor}", self.most))?);
                Ok((lines, None))
            }
            next => Ok((lines, next)),
        }
    }

    /// The first part, and the others as they are asked for.
    fn body(self, (first, next): Part) -> Body {
        let (db, span) = (self.db.clone(), Span::current());
        let rest = stream::try_unfold((self, next), move |(mut file, next)| {
            let (db, span) = (db.clone(), span.clone());
            let read = async move {
                let Some(cursor) = next else { return Ok(None) };
                let (lines, next) = db.try_within(file.part(Some(&cursor))).await.inspect_err(|problem| {
                    tracing::warn!(code = problem.code.word(), rows = file.rows, "an export broke off");
                })?;
                Ok(Some((lines, (file, next))))
            };
            read.instrument(span)
        });
        let rest = rest.map_err(|problem: Problem| std::io::Error::other(problem));
        Body::from_bytes_stream(stream::once(async { Ok(first) }).chain(rest))
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::Object;
    use sqlx::postgres::PgConnectOptions;
    use uuid::Uuid;

    use super::*;

    /// Somebody.
    #[derive(Object)]
    struct Item {
        /// Their number.
        id: Uuid,
        /// Their address.
        email: String,
    }

    /// So many of them, numbered from 1.
    struct Items(u128);

    impl Listed for Items {
        type Item = Item;

        async fn rows(&self, _: &Db, before: Option<Uuid>, fetch: i64) -> Result<Vec<Item>, Problem> {
            let below = before.map_or(self.0 + 1, |id| id.as_u128());
            let items = (1..below).rev().map(|n| Item { id: Uuid::from_u128(n), email: format!("n{n}@example.org") });
            Ok(items.take(fetch.try_into().unwrap()).collect())
        }

        fn id(item: &Item) -> Uuid {
            item.id
        }
    }

    /// The lines of a file of at most `most` rows, without their ends.
    async fn file(items: u128, masked: bool, most: usize, cursor: Option<&str>) -> Vec<String> {
        let db = Db::new(PgConnectOptions::new(), 1);
        let columns = Columns::of::<Item>();
        let mut file = File { db, list: Items(items), columns, masked, most, rows: 0 };
        let first = file.begin(cursor).await.unwrap();
        let text = file.body(first).into_string().await.unwrap();
        text.strip_suffix("\r\n").unwrap().split("\r\n").map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_file_has_every_row_once_newest_first_on_however_many_pages() {
        for items in [0, 1, 199, 200, 201, 1001] {
            let lines = file(items, false, MAX_ROWS, None).await;
            let row = |n: u128| format!("{},n{n}@example.org", Uuid::from_u128(n));
            let expected: Vec<String> =
                std::iter::once("id,email".to_owned()).chain((1..=items).rev().map(row)).collect();
            assert_eq!(lines, expected);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_cut_says_so_and_another_goes_on_where_it_ended() {
        for most in [7, 200, 450] {
            let (mut rows, mut cursor) = (Vec::new(), None::<String>);
            loop {
                let mut lines = file(1000, false, most, cursor.as_deref()).await;
                assert_eq!(lines.remove(0), "id,email");
                let last = lines.last().cloned().unwrap();
                let cut = last.strip_prefix(&format!("cut at {most} rows; cursor="));
                cursor = cut.map(|rest| rest.strip_suffix(',').unwrap().to_owned());
                assert_eq!(lines.len(), if cut.is_some() { most + 1 } else { (999 % most) + 1 });
                lines.truncate(most);
                rows.extend(lines);
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(rows, file(1000, false, MAX_ROWS, None).await[1..], "files of {most}");
        }
        assert!(!file(450, false, 450, None).await.last().unwrap().starts_with("cut"), "all of it is there");
    }

    #[tokio::test]
    async fn whoever_sees_no_addresses_sees_none_on_any_page() {
        let lines = file(450, true, MAX_ROWS, None).await;
        assert!(lines[1..].iter().all(|line| line.ends_with(",n***@example.org")), "{lines:?}");
    }
}
