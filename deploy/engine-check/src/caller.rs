//! Calls to the engine under test.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use reqwest::Client;

use crate::answer::Answer;
use crate::ask::{Ask, Auth};
use crate::book::{Book, Fault};
use crate::table::{self, Rule};
use crate::watch::Watch;

/// Beyond the platform's own patience, so that a late answer is told from none.
const GRACE: Duration = Duration::from_secs(5);

/// The engine, where it answers now. Everything that it answers is watched.
pub(crate) struct Caller {
    client: Client,
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) watch: RefCell<Watch>,
    pub(crate) book: RefCell<Book>,
}

impl Caller {
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub(crate) fn new(base: String, token: String, watch: Watch) -> reqwest::Result<Self> {
        Ok(Self { client: client()?, base, token, watch: RefCell::new(watch), book: RefCell::default() })
    }

    /// The engine was started again: connections to its former life are of no use, whatever address it has now.
    ///
    /// # Errors
    /// If the HTTP client cannot be set up.
    pub(crate) fn moved(&mut self, base: String) -> reqwest::Result<()> {
        self.client = client()?;
        self.base = base;
        Ok(())
    }

    /// Notes a rule's outcome; answers whether it held.
    pub(crate) fn note(&self, rule: Rule, outcome: Result<(), Fault>) -> bool {
        self.book.borrow_mut().note(rule, outcome)
    }

    /// Asks, watches the answer, and notes whether it suits the rule; answers it if so.
    pub(crate) async fn expect(&self, rule: Rule, ask: Ask) -> Option<Answer> {
        let answer = self.ask(&ask).await;
        let suits = answer.as_ref().map_err(Clone::clone).and_then(|answer| answer.suits(&rule));
        self.note(rule, suits).then_some(answer.ok()).flatten()
    }

    /// Asks, and watches the answer.
    ///
    /// # Errors
    /// No answer, or one that broke off; noted already.
    pub(crate) async fn ask(&self, ask: &Ask) -> Result<Answer, Fault> {
        let answer = self.quietly(ask).await;
        match &answer {
            Ok(answer) => self.watch.borrow_mut().look(&mut self.book.borrow_mut(), ask, answer),
            Err(fault) => drop(self.note(table::SERVER_ERROR, Err(fault.clone()))),
        }
        answer
    }

    /// Asks without watching: where the engine is about to be killed, or the request is one that it may hang up on.
    ///
    /// # Errors
    /// No answer, or one that broke off.
    pub(crate) async fn quietly(&self, ask: &Ask) -> Result<Answer, Fault> {
        self.exchange(&self.client, ask).await
    }

    /// The same on a connection of its own, which the engine may close without harm to what is asked next.
    ///
    /// # Errors
    /// No answer, or one that broke off.
    pub(crate) async fn apart(&self, ask: &Ask) -> Result<Answer, Fault> {
        let client = client().map_err(|error| Fault::plain(error.to_string()))?;
        self.exchange(&client, ask).await
    }

    async fn exchange(&self, client: &Client, ask: &Ask) -> Result<Answer, Fault> {
        let curl = ask.curl(&self.base);
        let broken = |error: &dyn std::error::Error, what: &str| {
            let mut source = error;
            while let Some(inner) = source.source() {
                source = inner;
            }
            Fault { said: format!("{what}: {source}"), curl: curl.clone() }
        };
        let started = Instant::now();
        let request = client.request(ask.method.clone(), format!("{}{}", self.base, ask.path));
        let mut request = request.timeout(self.watch.borrow().limit(ask.pace()) + GRACE);
        request = match &ask.auth {
            Auth::Token => request.bearer_auth(&self.token),
            Auth::None => request,
            Auth::Other(value) => request.header("authorization", value),
        };
        if let Some(body) = &ask.body {
            request = request.header("content-type", ask.content_type).body(body.clone());
        }
        let response = request.send().await.map_err(|error| broken(&error, "no answer"))?;
        let status = response.status().as_u16();
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let bytes = response.bytes().await.map_err(|error| broken(&error, "the answer broke off"))?;
        Ok(Answer {
            status,
            content_type,
            body: serde_json::from_slice(&bytes).ok(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes: bytes.len(),
            took: started.elapsed(),
            curl: curl.clone(),
        })
    }
}

/// As the platform's own client: no proxy, no redirects, HTTP/1.1, connections kept for a short while.
fn client() -> reqwest::Result<Client> {
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(3))
        .http1_only()
        .build()
}
