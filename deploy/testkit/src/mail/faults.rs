//! The ways in which a relay fails, on demand.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

/// The failures that a [`MailCatcher`](super::MailCatcher) is to show. They apply to every connection, from the next
/// command on. Codes are SMTP reply codes: 4xx asks the sender to try again, 5xx tells it not to.
#[derive(Debug, Default)]
pub struct Faults {
    script: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    recipients: HashMap<String, u16>,
    next_mail: Next,
    next_rcpt: Next,
    next_data: Next,
    next_content: Next,
    drop_after_content: u32,
    hold_after_content: u32,
    greeting: Option<u16>,
    slow_banner: Option<Duration>,
    delay: Duration,
}

#[derive(Debug, Default, Clone, Copy)]
struct Next {
    count: u32,
    code: u16,
}

impl Next {
    fn take(&mut self) -> Option<u16> {
        self.count = self.count.checked_sub(1)?;
        Some(self.code)
    }
}

/// What becomes of the answer to a content that has arrived whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterContent {
    Accept,
    Reject(u16),
    Drop,
    Hold,
}

impl Faults {
    /// Refuses `RCPT TO:<address>` with `code` until [`accept_recipient`](Self::accept_recipient).
    pub fn reject_recipient(&self, address: &str, code: u16) {
        self.script.lock().recipients.insert(address.to_lowercase(), code);
    }

    /// Takes mail for `address` again.
    pub fn accept_recipient(&self, address: &str) {
        self.script.lock().recipients.remove(&address.to_lowercase());
    }

    /// Refuses the next `count` `MAIL` commands with `code`.
    pub fn reject_next_mail(&self, count: u32, code: u16) {
        self.script.lock().next_mail = Next { count, code };
    }

    /// Refuses the next `count` `RCPT` commands with `code`, whoever they name.
    pub fn reject_next_rcpt(&self, count: u32, code: u16) {
        self.script.lock().next_rcpt = Next { count, code };
    }

    /// Refuses the next `count` `DATA` commands with `code`, before any content.
    pub fn reject_next_data(&self, count: u32, code: u16) {
        self.script.lock().next_data = Next { count, code };
    }

    /// Refuses the next `count` contents with `code` after they have arrived; they are not kept.
    pub fn reject_next_content(&self, count: u32, code: u16) {
        self.script.lock().next_content = Next { count, code };
    }

    /// Keeps the next `count` contents, but closes the connection in place of an answer: the sender cannot know.
    /// Such mails have `acknowledged == false`.
    pub fn drop_after_content(&self, count: u32) {
        self.script.lock().drop_after_content = count;
    }

    /// Keeps the next `count` contents, but answers nothing until the sender goes away: time for a test to kill it.
    /// Such mails have `acknowledged == false`.
    pub fn hold_after_content(&self, count: u32) {
        self.script.lock().hold_after_content = count;
    }

    /// Greets each new connection with `code` (421, 554, …) and closes it. `None` greets as usual.
    pub fn greet_with(&self, code: Option<u16>) {
        self.script.lock().greeting = code;
    }

    /// Writes the greeting one byte per `pause`. `None` writes it at once.
    pub fn slow_banner(&self, pause: Option<Duration>) {
        self.script.lock().slow_banner = pause;
    }

    /// Waits before each reply, the greeting too.
    pub fn delay_replies(&self, delay: Duration) {
        self.script.lock().delay = delay;
    }

    /// An honest relay again.
    pub fn clear(&self) {
        *self.script.lock() = Script::default();
    }

    pub(crate) fn greeting(&self) -> (Option<u16>, Option<Duration>) {
        let script = self.script.lock();
        (script.greeting, script.slow_banner)
    }

    pub(crate) fn delay(&self) -> Duration {
        self.script.lock().delay
    }

    pub(crate) fn on_mail(&self) -> Option<u16> {
        self.script.lock().next_mail.take()
    }

    pub(crate) fn on_rcpt(&self, address: &str) -> Option<u16> {
        let mut script = self.script.lock();
        let scripted = script.recipients.get(&address.to_lowercase()).copied();
        scripted.or_else(|| script.next_rcpt.take())
    }

    pub(crate) fn on_data(&self) -> Option<u16> {
        self.script.lock().next_data.take()
    }

    pub(crate) fn on_content(&self) -> AfterContent {
        let mut script = self.script.lock();
        if let Some(code) = script.next_content.take() {
            return AfterContent::Reject(code);
        }
        if let Some(left) = script.drop_after_content.checked_sub(1) {
            script.drop_after_content = left;
            return AfterContent::Drop;
        }
        if let Some(left) = script.hold_after_content.checked_sub(1) {
            script.hold_after_content = left;
            return AfterContent::Hold;
        }
        AfterContent::Accept
    }
}
