//! Keyset pagination (SPEC §3): opaque cursors over time-ordered ids, newest first, stable under inserts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::refusal::Problem;

/// The most that a page may hold.
pub const MAX_LIMIT: u16 = 200;
/// What a page holds when the caller does not say.
pub const DEFAULT_LIMIT: u16 = 50;

/// A wanted page.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Items older than this id; `None` starts at the newest.
    pub before: Option<Uuid>,
    limit: u16,
}

impl Page {
    /// Reads `?limit=` and `?cursor=`.
    ///
    /// # Errors
    /// `invalid_request` naming the parameter.
    pub fn read(limit: Option<u16>, cursor: Option<&str>) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::field("/query/limit", "range", format!("must be 1 to {MAX_LIMIT}")));
        }
        let before = cursor.map(|cursor| decode("/query/cursor", cursor)).transpose()?;
        Ok(Self { before, limit })
    }

    /// Rows to ask the database for: one more than the page holds, to learn whether there is another page.
    pub fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts the surplus row off and makes the next cursor of the last one shown.
    pub fn cut<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> Uuid) -> (Vec<T>, Option<String>) {
        let limit = usize::from(self.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| encode(id(last)));
        (rows, next)
    }
}

/// A wanted page of a list whose keys are words, in descending order of their bytes.
#[derive(Debug, Clone)]
pub struct WordPage {
    /// Items below this word; `None` starts at the greatest.
    pub before: Option<String>,
    page: Page,
}

impl WordPage {
    /// Reads `?limit=` and `?cursor=`.
    ///
    /// # Errors
    /// `invalid_request` naming the parameter.
    pub fn read(limit: Option<u16>, cursor: Option<&str>) -> Result<Self, Problem> {
        let word = |cursor: &str| {
            let word = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            // The database takes no NUL, and no word of it has one.
            word.filter(|word| !word.contains('\0')).ok_or_else(bad_cursor)
        };
        Ok(Self { before: cursor.map(word).transpose()?, page: Page::read(limit, None)? })
    }

    /// As [`Page::fetch`].
    pub fn fetch(&self) -> i64 {
        self.page.fetch()
    }

    /// As [`Page::cut`].
    pub fn cut<T>(&self, mut rows: Vec<T>, word: impl Fn(&T) -> &str) -> (Vec<T>, Option<String>) {
        let limit = usize::from(self.page.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(word(last)));
        (rows, next)
    }
}

/// A wanted page of a list that is numbered, highest first.
#[derive(Debug, Clone, Copy)]
pub struct NumberPage {
    /// Items below this number; `None` starts at the highest.
    pub before: Option<i32>,
    page: Page,
}

impl NumberPage {
    /// Reads `?limit=` and `?cursor=`.
    ///
    /// # Errors
    /// `invalid_request` naming the parameter.
    pub fn read(limit: Option<u16>, cursor: Option<&str>) -> Result<Self, Problem> {
        let number = |cursor: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
            bytes.map(i32::from_be_bytes).ok_or_else(bad_cursor)
        };
        Ok(Self { before: cursor.map(number).transpose()?, page: Page::read(limit, None)? })
    }

    /// As [`Page::fetch`].
    pub fn fetch(&self) -> i64 {
        self.page.fetch()
    }

    /// As [`Page::cut`].
    pub fn cut<T>(&self, mut rows: Vec<T>, number: impl Fn(&T) -> i32) -> (Vec<T>, Option<String>) {
        let limit = usize::from(self.page.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(number(last).to_be_bytes()));
        (rows, next)
    }
}

/// The cursor behind this id.
pub fn encode(id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(id.as_bytes())
}

/// The id behind which a cursor points.
///
/// # Errors
/// `invalid_request` naming the place of the cursor.
pub fn decode(pointer: &str, cursor: &str) -> Result<Uuid, Problem> {
    let id = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| Uuid::from_slice(&bytes).ok());
    id.ok_or_else(|| foreign(pointer))
}

fn bad_cursor() -> Problem {
    foreign("/query/cursor")
}

fn foreign(pointer: &str) -> Problem {
    Problem::field(pointer, "format", "not a cursor that this API gave out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_whether_another_follows() {
        let ids: Vec<Uuid> = (0..3).map(Uuid::from_u128).collect();
        let page = Page::read(Some(2), None).unwrap();
        let (shown, next) = page.cut(ids.clone(), |id| *id);
        assert_eq!(shown, ids[..2]);
        let following = Page::read(Some(2), next.as_deref()).unwrap();
        assert_eq!(following.before, Some(ids[1]));
        assert_eq!(following.cut(vec![ids[2]], |id| *id).1, None);
    }

    #[test]
    fn faults_name_their_parameter() {
        assert_eq!(Page::read(Some(0), None).unwrap_err().errors[0].pointer, "/query/limit");
        assert_eq!(Page::read(Some(201), None).unwrap_err().errors[0].pointer, "/query/limit");
        assert_eq!(Page::read(None, Some("x y")).unwrap_err().errors[0].pointer, "/query/cursor");
        // `a`, NUL, `b`.
        assert_eq!(WordPage::read(None, Some("YQBi")).unwrap_err().errors[0].pointer, "/query/cursor");
    }

    mod fuzz {
        use testkit::fuzz::Target;

        use super::*;

        const SAMPLES: [&str; 4] = ["AZDzwW0uekGcVTuPTi16EA", "MS40LjI", "AAAABw", "_____w"];

        /// What a cursor that is taken is written as again; what is not, is refused by its place and not repeated.
        fn same<P>(given: &str, read: Result<P, Problem>, again: impl Fn(P) -> Option<String>) {
            match read {
                Ok(page) => assert_eq!(again(page).as_deref(), Some(given)),
                Err(problem) => {
                    let [error] = problem.errors.as_slice() else { panic!("{:?}", problem.errors) };
                    assert_eq!((error.pointer.as_str(), error.code.as_str()), ("/query/cursor", "format"));
                    assert!(error.detail.len() + problem.detail.len() < 300);
                }
            }
        }

        #[test]
        fn a_cursor_that_is_read_is_written_as_itself() {
            Target::new(20_000).samples(SAMPLES).words(&["=", "A", "_", "-", "AA"]).texts(|given| {
                let limit = Some(1);
                same(given, Page::read(limit, Some(given)), |page| {
                    let before = page.before?;
                    page.cut(vec![before, before], |id| *id).1
                });
                same(given, WordPage::read(limit, Some(given)), |page| {
                    let before = page.before.clone()?;
                    assert!(!before.contains('\0'), "no database takes it");
                    page.cut(vec![before.clone(), before], |word| word).1
                });
                same(given, NumberPage::read(limit, Some(given)), |page| {
                    let before = page.before?;
                    page.cut(vec![before, before], |number| *number).1
                });
            });
        }
    }
}
