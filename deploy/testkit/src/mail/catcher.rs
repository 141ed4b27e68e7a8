//! The server: its listener, its connections, what tests ask it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::faults::Faults;
use super::message::Mail;
use super::page;
use super::session::{self, Shared};
use super::store::Store;
use super::tls::Identity;
use super::tls_mode::TlsMode;

/// How a [`MailCatcher`] is set up.
#[derive(Debug, Clone)]
pub struct MailCatcherConfig {
    /// Where SMTP listens.
    pub smtp_addr: SocketAddr,
    /// How connections are encrypted.
    pub tls: TlsMode,
    /// Name and password to demand before `MAIL` (AUTH PLAIN or LOGIN); `None` demands nothing.
    pub credentials: Option<(String, String)>,
    /// How many mails are kept; older ones are forgotten.
    pub max_messages: usize,
    /// The largest content taken, in bytes.
    pub max_size: usize,
    /// A file that keeps the mails over restarts. `None`: in memory alone.
    pub store: Option<PathBuf>,
    /// Names of the server's certificate beside `localhost` and the loopback addresses.
    pub names: Vec<String>,
    /// A file that keeps the certificate over restarts. `None`: a new one at every start.
    pub identity: Option<PathBuf>,
}

impl Default for MailCatcherConfig {
    /// A free port of 127.0.0.1, no encryption, no credentials, 10 000 mails of 10 MiB, in memory.
    fn default() -> Self {
        MailCatcherConfig {
            smtp_addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: TlsMode::None,
            credentials: None,
            max_messages: 10_000,
            max_size: 10 << 20,
            store: None,
            names: Vec::new(),
            identity: None,
        }
    }
}

/// A real SMTP server for tests and the demo. Ends when dropped.
pub struct MailCatcher {
    shared: Arc<Shared>,
    addr: SocketAddr,
    ca_pem: String,
    connections: Arc<AtomicU64>,
    running: Mutex<Option<Running>>,
    page: CancellationToken,
}

struct Running {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl MailCatcher {
    /// Listens, with a new certificate or the one that is kept.
    ///
    /// # Errors
    /// When the address is taken, or the store's file cannot be read.
    pub async fn start(config: MailCatcherConfig) -> Result<MailCatcher> {
        let identity = Identity::new(&config.names, config.identity.as_deref())?;
        let shared = Arc::new(Shared {
            mode: config.tls,
            acceptor: identity.acceptor,
            credentials: config.credentials,
            max_size: config.max_size,
            store: Store::new(config.max_messages, config.store.as_deref())?,
            faults: Faults::default(),
        });
        let mut catcher = MailCatcher {
            shared,
            addr: config.smtp_addr,
            ca_pem: identity.ca_pem,
            connections: Arc::default(),
            running: Mutex::new(None),
            page: CancellationToken::new(),
        };
        let listener = TcpListener::bind(config.smtp_addr)
            .await
            .with_context(|| format!("SMTP cannot listen on {}", config.smtp_addr))?;
        catcher.addr = listener.local_addr()?;
        catcher.accept(listener);
        Ok(catcher)
    }

    /// Where SMTP listens.
    pub fn smtp_addr(&self) -> SocketAddr {
        self.addr
    }

    /// The certificate of the authority that signed the server's own, as PEM: what a client must trust. The server's
    /// names are `localhost`, `127.0.0.1`, `::1`, and those of its configuration.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The failures to show.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// All mails kept, in the order of arrival; those whose answer a fault withheld too.
    pub fn messages(&self) -> Vec<Mail> {
        self.shared.store.all()
    }

    /// The mails kept for one recipient.
    pub fn messages_to(&self, address: &str) -> Vec<Mail> {
        self.messages().into_iter().filter(|mail| mail.is_to(address)).collect()
    }

    /// The first mail for which `wanted` holds, as soon as there is one.
    ///
    /// # Panics
    /// When `deadline` passes first; the message lists what is there.
    #[track_caller]
    pub fn wait_for(&self, wanted: impl Fn(&Mail) -> bool, deadline: Duration) -> impl Future<Output = Mail> {
        let caller = std::panic::Location::caller();
        let found = self.wait_until(move |mails| mails.iter().find(|mail| wanted(mail)).cloned(), deadline);
        async move {
            found.await.unwrap_or_else(|seen| panic!("no such mail within {deadline:?} (asked at {caller}); {seen}"))
        }
    }

    /// All mails, as soon as there are at least `count`.
    ///
    /// # Panics
    /// When `deadline` passes first; the message lists what is there.
    #[track_caller]
    pub fn wait_for_count(&self, count: usize, deadline: Duration) -> impl Future<Output = Vec<Mail>> {
        let caller = std::panic::Location::caller();
        let found = self.wait_until(move |mails| (mails.len() >= count).then(|| mails.to_vec()), deadline);
        async move {
            found
                .await
                .unwrap_or_else(|seen| panic!("not {count} mails within {deadline:?} (asked at {caller}); {seen}"))
        }
    }

    async fn wait_until<T>(&self, look: impl Fn(&[Mail]) -> Option<T>, deadline: Duration) -> Result<T, String> {
        let mut changes = self.shared.store.watch();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = look(&self.messages()) {
                    return found;
                }
                let _ = changes.changed().await;
            }
        };
        tokio::time::timeout(deadline, waiting).await.map_err(|_| {
            let seen: Vec<_> = self
                .messages()
                .iter()
                .map(|m| format!("#{} to {} {:?}", m.number, m.envelope_to.join(", "), m.subject))
                .collect();
            format!("there are {}: {}", seen.len(), seen.join("; "))
        })
    }

    /// Forgets all mails and counts.
    ///
    /// # Panics
    /// When the store's file cannot be written.
    pub fn clear(&self) {
        self.shared.store.clear().expect("write the mail store");
    }

    /// How many connections have been accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        // The task that accepts is one of them.
        self.running.lock().as_ref().map_or(0, |running| running.tasks.len().saturating_sub(1))
    }

    /// How often content with this `Message-ID` (without angle brackets) has arrived and was kept, acknowledged or not.
    pub fn contents_with_id(&self, message_id: &str) -> u32 {
        self.shared.store.contents_with_id(message_id)
    }

    /// Cuts all connections and refuses new ones, as a relay that is down. The mails stay.
    pub async fn stop(&self) {
        let running = self.running.lock().take();
        if let Some(running) = running {
            running.stop.cancel();
            running.tasks.close();
            running.tasks.wait().await;
        }
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    /// When somebody else has taken the port meanwhile.
    pub async fn start_again(&self) -> Result<()> {
        if self.running.lock().is_some() {
            return Ok(());
        }
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.addr).with_context(|| format!("listen on {} again", self.addr))?;
        self.accept(socket.listen(1024)?);
        Ok(())
    }

    /// Serves the web page and the JSON API on `addr` for as long as the catcher lives; gives the address taken.
    ///
    /// # Errors
    /// When the address is taken.
    pub async fn serve_page(&self, addr: SocketAddr) -> Result<SocketAddr> {
        page::serve(self.shared.clone(), addr, self.page.clone()).await
    }

    fn accept(&self, listener: TcpListener) {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (shared, count) = (self.shared.clone(), self.connections.clone());
        let (token, tracker) = (stop.clone(), tasks.clone());
        tasks.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = token.cancelled() => return,
                };
                // Out of file descriptors, or the client went: the next one may do better.
                let Ok((io, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                count.fetch_add(1, Ordering::Relaxed);
                let (shared, token) = (shared.clone(), token.clone());
                tracker.spawn(async move {
                    tokio::select! {
                        // A client that breaks off is its own affair.
                        _ = session::serve(shared, io) => {}
                        () = token.cancelled() => {}
                    }
                });
            }
        });
        *self.running.lock() = Some(Running { stop, tasks });
    }
}

impl Drop for MailCatcher {
    fn drop(&mut self) {
        self.page.cancel();
        if let Some(running) = self.running.lock().take() {
            running.stop.cancel();
        }
    }
}
