//! A list as a file of CSV, which is written while it comes.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use clap::ArgMatches;

use crate::Fault;
use crate::call::Api;
use crate::commands::Spec;

/// Writes a list to the standard output, or to the file that `--to` names; with `--all` the rest, too, where the API cut it.
/// Answers where it goes on, if it does.
///
/// # Errors
/// [`Fault::Usage`] where there is no such file, or it cannot be written; else why it did not come. What broke off is left on the
/// standard output, and no file has it.
pub async fn write(api: &Api, spec: &Spec, given: &ArgMatches) -> Result<Option<String>, Fault> {
    if !spec.csv {
        return Err(Fault::Usage(format!("there is no CSV of {}: --output json", spec.words.join(" "))));
    }
    if given.get_one::<String>("limit").is_some() {
        return Err(Fault::Usage("--limit is for pages: a file of CSV has every row, 100000 at most".to_owned()));
    }
    match given.get_one::<String>("to") {
        None => written(api, spec, given, &mut io::stdout(), "standard output").await,
        Some(path) => to_file(api, spec, given, path).await,
    }
}

/// The file has another name until it is whole.
async fn to_file(api: &Api, spec: &Spec, given: &ArgMatches, path: &str) -> Result<Option<String>, Fault> {
    let part = format!("{path}.part");
    // It may hold addresses: for its owner alone.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let mut file = file.map_err(|error| unwritten(&part, &error))?;
    let done = written(api, spec, given, &mut file, &part).await.and_then(|cursor| {
        std::fs::rename(&part, path).map_err(|error| unwritten(path, &error))?;
        Ok(cursor)
    });
    if done.is_err() {
        // What is left of it is not the list. Why there is none was something else than that it cannot be removed.
        let _ = std::fs::remove_file(&part);
    }
    done
}

fn unwritten(name: &str, error: &io::Error) -> Fault {
    Fault::Usage(format!("{name}: {error}"))
}

/// Writes the list to what has this name, and says where it goes on.
async fn written(
    api: &Api,
    spec: &Spec,
    given: &ArgMatches,
    to: &mut dyn Write,
    name: &str,
) -> Result<Option<String>, Fault> {
    // Whoever reads may have gone, as `head` does, and has what they wanted.
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(None),
        _ => Err(unwritten(name, &error)),
    };
    let all = given.get_flag("all");
    let mut next = None;
    loop {
        let mut lines = Lines { to: &mut *to, held: Vec::new(), passing_over: next.is_some() };
        let mut body = api.file(spec, given, next).await?;
        while let Some(part) = api.part(&mut body).await? {
            if let Err(error) = lines.take(&part) {
                return failed(error);
            }
        }
        match lines.end(all) {
            Ok(Some(cursor)) if all => next = Some(cursor),
            Ok(cursor) => return Ok(cursor),
            Err(error) => return failed(error),
        }
    }
}

/// Lines on their way. The last one is held back until it is known to be the last: it may say where the list goes on.
struct Lines<'w> {
    to: &'w mut dyn Write,
    held: Vec<u8>,
    /// Whether the first line is still to be passed over: the names of the columns stand in the file before.
    passing_over: bool,
}

impl Lines<'_> {
    fn take(&mut self, part: &[u8]) -> io::Result<()> {
        self.held.extend_from_slice(part);
        if self.passing_over {
            let Some(first) = self.held.iter().position(|byte| *byte == b'\n') else { return Ok(()) };
            self.held.drain(..=first);
            self.passing_over = false;
        }
        let before_last = self.held.split_last().and_then(|(_, rest)| rest.iter().rposition(|byte| *byte == b'\n'));
        if let Some(at) = before_last {
            let whole: Vec<u8> = self.held.drain(..=at).collect();
            self.to.write_all(&whole)?;
        }
        Ok(())
    }

    /// Writes the last line, but where the list goes on at once, and answers where it does.
    fn end(self, goes_on: bool) -> io::Result<Option<String>> {
        let cursor = cut(&self.held);
        if cursor.is_none() || !goes_on {
            self.to.write_all(&self.held)?;
            self.to.flush()?;
        }
        Ok(cursor)
    }
}

/// Where a list goes on, by the last line of its file. A line within a cell is none: quotes stand around the cell.
fn cut(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?.trim_end().trim_end_matches(',');
    let (_, cursor) = text.strip_prefix("cut at ")?.split_once(" rows; cursor=")?;
    // It goes to a terminal, and back to the API.
    let known = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '='].contains(&c);
    (!cursor.is_empty() && cursor.chars().all(known)).then(|| cursor.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "id,text\r\n1,\"two\nlines\"\r\n2,b\r\ncut at 2 rows; cursor=QUJD-_,\r\n";

    /// What is written of a file that comes in parts of so many bytes, and where it goes on.
    fn written(file: &str, size: usize, passing_over: bool, goes_on: bool) -> (String, Option<String>) {
        let mut out = Vec::new();
        let mut lines = Lines { to: &mut out, held: Vec::new(), passing_over };
        for part in file.as_bytes().chunks(size) {
            lines.take(part).unwrap();
        }
        let cursor = lines.end(goes_on).unwrap();
        (String::from_utf8(out).unwrap(), cursor)
    }

    #[test]
    fn a_file_is_written_as_it_comes_and_its_last_line_says_where_it_goes_on() {
        let (head, rows, note) = ("id,text\r\n", "1,\"two\nlines\"\r\n2,b\r\n", "cut at 2 rows; cursor=QUJD-_,\r\n");
        let cursor = Some("QUJD-_".to_owned());
        for size in 1..=FILE.len() {
            assert_eq!(written(FILE, size, false, false), (FILE.to_owned(), cursor.clone()), "{size}");
            assert_eq!(written(FILE, size, false, true), (format!("{head}{rows}"), cursor.clone()), "{size}");
            assert_eq!(written(FILE, size, true, true), (rows.to_owned(), cursor.clone()), "{size}");
            assert_eq!(written(FILE, size, true, false), (format!("{rows}{note}"), cursor.clone()), "{size}");
            assert_eq!(written(&format!("{head}{rows}"), size, true, true), (rows.to_owned(), None), "{size}");
        }
        assert_eq!(written(head, 3, false, true), (head.to_owned(), None));
        assert_eq!(written(head, 3, true, true), (String::new(), None));
    }

    #[test]
    fn what_only_looks_like_a_cut_is_a_line_like_any_other() {
        for line in [
            "cut at 2 rows; cursor=QUJD\",,\r\n",
            "cut at 2 rows; cursor=\u{1b}[2J,\r\n",
            "cut at 2 rows; cursor=,\r\n",
            "1,cut at 2 rows; cursor=QUJD\r\n",
        ] {
            assert_eq!(written(line, 5, false, true), (line.to_owned(), None));
        }
    }
}
