//! The players' mailboxes: the mail catcher's JSON API.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use testkit::mail::Mail;
use testkit::stack::Summary;

/// How the subjects of the mails with sign-in codes begin; the time at which the code was asked for follows.
pub const CODE_SUBJECT: &str = "Your Galaxy sign-in code, ";

/// The subject of the mails with invites.
pub const INVITE_SUBJECT: &str = "You are invited to a game on Galaxy";

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Reads what arrived at the mail catcher.
pub struct Mailbox {
    client: reqwest::Client,
    page: String,
}

impl Mailbox {
    /// The mailboxes of this stack.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(summary: &Summary) -> Result<Mailbox> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build()?;
        Ok(Mailbox { client, page: summary.mail_page.clone() })
    }

    /// The mails after number `since`, to this address or to all.
    ///
    /// # Errors
    /// When the catcher does not answer.
    pub async fn mails(&self, to: Option<&str>, since: u64) -> Result<Vec<Mail>> {
        let mut url = format!("{}/api/messages?since={since}", self.page);
        if let Some(to) = to {
            url = format!("{url}&to={to}");
        }
        let response = self.client.get(url).send().await.context("ask the mail catcher")?.error_for_status()?;
        response.json().await.context("the mail catcher's answer")
    }

    /// The number of the newest mail, to this address or of all, 0 when there is none.
    ///
    /// # Errors
    /// When the catcher does not answer.
    pub async fn newest(&self, to: Option<&str>) -> Result<u64> {
        Ok(self.mails(to, 0).await?.iter().map(|mail| mail.number).max().unwrap_or(0))
    }

    /// Throws away what arrived so far. The numbers of later mails go on.
    ///
    /// # Errors
    /// When the catcher does not answer.
    pub async fn clear(&self) -> Result<()> {
        let cleared = self.client.delete(format!("{}/api/messages", self.page)).send().await;
        cleared.context("clear the mail catcher")?.error_for_status()?;
        Ok(())
    }

    /// The first mail to this address after `since` that `wanted` accepts, as soon as it is there.
    ///
    /// # Errors
    /// When `limit` passes first, naming `what`.
    pub async fn wait(
        &self,
        to: &str,
        since: u64,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Mail) -> bool,
    ) -> Result<Mail> {
        let end = Instant::now() + limit;
        loop {
            if let Some(mail) = self.mails(Some(to), since).await?.into_iter().find(|mail| wanted(mail)) {
                return Ok(mail);
            }
            if Instant::now() > end {
                bail!("{what}: expected as a mail to {to} within {limit:?}, and did not come");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The sign-in code in a mail: the one run of exactly six digits in its text, or the one word of three groups of a guarded address.
pub fn code(mail: &Mail) -> Option<String> {
    let text = mail.text.as_deref()?;
    let is_group =
        |group: &str| group.len() == 4 && group.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    let is_long = |word: &&str| word.split('-').count() == 3 && word.split('-').all(is_group);
    let mut runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| run.len() == 6);
    let mut long = text.split_whitespace().filter(is_long);
    match (runs.next(), runs.next(), long.next(), long.next()) {
        (Some(code), None, None, _) | (None, _, Some(code), None) => Some(code.to_owned()),
        _ => None,
    }
}
