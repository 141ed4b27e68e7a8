//! The introduction: `EHLO`, and what the relay offers.

use std::time::Duration;

use super::failure::{Failure, Step};
use super::reply::Answer;
use super::wire::Wire;

/// What the relay offers, as far as we use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) start_tls: bool,
    pub(super) smtp_utf8: bool,
    pub(super) eight_bit: bool,
    pub(super) plain: bool,
    pub(super) login: bool,
}

impl Extensions {
    /// From the lines of an answer to `EHLO`.
    pub(super) fn of(answer: &Answer) -> Self {
        let mut offered = Self::default();
        for line in &answer.lines {
            let line = line.to_ascii_uppercase();
            // `AUTH=` is how some announce it to clients of the last century.
            let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("STARTTLS") => offered.start_tls = true,
                Some("SMTPUTF8") => offered.smtp_utf8 = true,
                Some("8BITMIME") => offered.eight_bit = true,
                Some("AUTH") => {
                    for mechanism in words {
                        offered.plain |= mechanism == "PLAIN";
                        offered.login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        offered
    }
}

/// Introduces ourselves. A relay that knows only `HELO` offers nothing.
///
/// # Errors
/// [`Failure::Relay`].
pub(super) async fn introduce(wire: &mut Wire, hello: &str, step: Duration) -> Result<Extensions, Failure> {
    let answer = wire.ask(Step::Hello, &format!("EHLO {hello}"), step).await?;
    if answer.whole && matches!(answer.code, 500 | 502 | 504) {
        let old = wire.ask(Step::Hello, &format!("HELO {hello}"), step).await?;
        return wanted(Step::Hello, old, 2).map(|_| Extensions::default());
    }
    wanted(Step::Hello, answer, 2).map(|answer| Extensions::of(&answer))
}

/// An answer after which the dialogue can go on, or why it cannot.
pub(super) fn wanted(step: Step, answer: Answer, class: u16) -> Result<Answer, Failure> {
    if answer.class() != class {
        return Err(Failure::said(step, &answer));
    }
    if !answer.whole {
        return Err(Failure::local(step, format!("the reply broke off: {} {}", answer.code, answer.text())));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_in_any_case_and_spelling() {
        let of = |lines: &[&str]| {
            let lines = lines.iter().map(|line| (*line).to_owned()).collect();
            Extensions::of(&Answer { code: 250, lines, whole: true })
        };
        let all = of(&["relay.test", "starttls", "8bitMIME", "SMTPUTF8", "AUTH CRAM-MD5 plain"]);
        assert!(all.start_tls && all.eight_bit && all.smtp_utf8 && all.plain && !all.login);
        assert!(of(&["AUTH=LOGIN"]).login);
        assert_eq!(of(&["relay.test", "XSTARTTLS", "SIZE 1"]), Extensions::default());
    }
}
