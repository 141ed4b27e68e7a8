//! A real SMTP server that keeps what it gets, misbehaves on demand, and shows the mails on a page.
//!
//! [`MailCatcher::start`] listens on 127.0.0.1 in one of three modes ([`TlsMode`]); [`MailCatcher::faults`] scripts the
//! failures of a bad relay; [`MailCatcher::serve_page`] adds the web page. The binary `mail-catcher` of this crate is
//! the same as a process.

mod catcher;
mod faults;
mod message;
mod page;
mod scripted;
mod session;
mod store;
mod tls;
mod tls_mode;
mod wire;

pub use catcher::{MailCatcher, MailCatcherConfig};
pub use faults::Faults;
pub use message::Mail;
pub use scripted::{At, Say, ScriptedRelay};
pub use tls_mode::TlsMode;
