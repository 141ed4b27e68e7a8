//! What all mails of an installation have in common, and how one reader's mail tells times and places.

use std::sync::Arc;

use chrono::{DateTime, Offset as _, Utc};
use chrono_tz::Tz;

use super::Line;
use crate::config::{Group, Reader, parse};

/// The longest name of a product, in characters.
const PRODUCT_CHARS: usize = 40;

/// How an installation's mails present it. Read by whoever renders mails: api-server and notify-worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// The name of the product.
    pub product: Arc<str>,
    /// Where people reach it, without a slash at the end; `None`: mails have no links.
    pub public_url: Option<Arc<str>>,
}

impl Default for Style {
    fn default() -> Self {
        Self { product: Arc::from("Galaxy"), public_url: None }
    }
}

impl Group for Style {
    fn read(r: &mut Reader) -> Self {
        r.section("Mails");
        let public_url = r.maybe(
            "BACKEND_PUBLIC_URL",
            "Where people reach the product: mails have a button to the place they tell of below it (docs/mail.md lists \
             the paths). Absent: mails have no links.",
            "https://play.example.org",
            parse::http_url,
        );
        let product = r.optional(
            "BACKEND_PRODUCT_NAME",
            "Galaxy",
            "The name of the product in mails, one line of at most 40 characters.",
            product,
        );
        Self { product: Arc::from(product), public_url: public_url.map(Arc::from) }
    }
}

fn product(value: &str) -> Result<String, String> {
    let clean = Line::new(value);
    let fits = (1..=PRODUCT_CHARS).contains(&value.chars().count()) && clean.as_str() == value;
    if fits { Ok(value.to_owned()) } else { Err(format!("{value:?} is not a visible line of 1 to 40 characters")) }
}

/// How a mail looks to one reader.
#[derive(Clone, Debug)]
pub struct View<'a> {
    style: &'a Style,
    zone: Tz,
}

impl<'a> View<'a> {
    /// The view of a reader in this IANA zone; UTC where it is not known, or no zone of ours.
    #[must_use]
    pub fn new(style: &'a Style, zone: Option<&str>) -> Self {
        Self { style, zone: zone.and_then(|zone| zone.parse().ok()).unwrap_or(Tz::UTC) }
    }

    /// The name of the product.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.style.product
    }

    /// The moment on the reader's clock, to the minute that it lies in, with the zone.
    #[must_use]
    pub fn time(&self, at: &DateTime<Utc>) -> String {
        format!("{} ({})", at.with_timezone(&self.zone).format("%A, %-d %B %Y, %H:%M"), self.zone_at(at))
    }

    /// The same to the second.
    #[must_use]
    pub fn exact(&self, at: &DateTime<Utc>) -> String {
        format!("{} ({})", at.with_timezone(&self.zone).format("%A, %-d %B %Y, %H:%M:%S"), self.zone_at(at))
    }

    /// The time of day alone, to the second.
    #[must_use]
    pub fn clock(&self, at: &DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%H:%M:%S").to_string()
    }

    /// The zone's name, with its distance from UTC at that moment: a name alone leaves an hour in autumn open.
    fn zone_at(&self, at: &DateTime<Utc>) -> String {
        if self.zone == Tz::UTC {
            return "UTC".to_owned();
        }
        format!("{}, UTC{}", self.zone.name(), at.with_timezone(&self.zone).offset().fix())
    }

    pub(super) fn action(&self, (label, path): (&'static str, String)) -> Option<Action> {
        let base = self.style.public_url.as_deref()?;
        Some(Action { label, url: format!("{base}{path}") })
    }
}

/// The one button of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    /// What it says.
    pub(super) label: &'static str,
    /// Where it leads.
    pub(super) url: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Source, load};

    #[test]
    fn times_are_the_readers_and_say_whose() {
        let style = Style::default();
        let at = DateTime::from_timestamp(1_793_489_405, 0).unwrap();
        let time = |zone| View::new(&style, zone).time(&at);
        assert_eq!(time(Some("Europe/Berlin")), "Sunday, 1 November 2026, 00:30 (Europe/Berlin, UTC+01:00)");
        assert_eq!(time(Some("Asia/Kathmandu")), "Sunday, 1 November 2026, 05:15 (Asia/Kathmandu, UTC+05:45)");
        for unknown in [None, Some(""), Some("Mars/Olympus"), Some("UTC")] {
            assert_eq!(time(unknown), "Saturday, 31 October 2026, 23:30 (UTC)", "{unknown:?}");
        }
        assert_eq!(View::new(&style, Some("America/New_York")).clock(&at), "19:30:05");
    }

    #[test]
    fn the_two_settings() {
        let read = |pairs: &[(&str, &str)]| {
            let env: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            load::<Style>("test", Source::new(BTreeMap::new(), env)).map(|loaded| loaded.config)
        };
        assert_eq!(read(&[]).unwrap(), Style::default());
        let style =
            read(&[("BACKEND_PUBLIC_URL", "https://play.example.org/app/"), ("BACKEND_PRODUCT_NAME", "Star Rim")]);
        let style = style.unwrap();
        assert_eq!(style.public_url.as_deref(), Some("https://play.example.org/app"));
        assert_eq!(&*style.product, "Star Rim");
        for wrong in ["a\u{202E}b", "two  blanks", "x".repeat(41).as_str()] {
            assert_eq!(read(&[("BACKEND_PRODUCT_NAME", wrong)]).unwrap_err().len(), 1, "{wrong:?}");
        }
        for wrong in ["play.example.org", "ftp://play.example.org", "https://x/?a=b", "https://x/#a"] {
            assert_eq!(read(&[("BACKEND_PUBLIC_URL", wrong)]).unwrap_err().len(), 1, "{wrong:?}");
        }
    }
}
