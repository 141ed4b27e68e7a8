use std::fmt;
use std::str::FromStr;

/// A position in the push log: after the event with this number. Ordered as the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    /// 1 to 99 999; moves when the database was restored or failed over.
    pub epoch: i32,
    /// Dense within the epoch; 0 is the place before its first event.
    pub seq: i64,
}

const DIGITS: usize = 20;
const EPOCH_DIGITS: usize = 5;

impl Cursor {
    /// The same epoch, another number.
    #[must_use]
    pub fn at(self, seq: i64) -> Self {
        Self { seq, ..self }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:05}{:015}", self.epoch, self.seq)
    }
}

/// The text is not 20 decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cursor is 20 decimal digits")]
pub struct MalformedCursor;

impl FromStr for Cursor {
    type Err = MalformedCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `parse` alone would take a sign.
        if text.len() != DIGITS || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(MalformedCursor);
        }
        let (epoch, seq) = text.split_at_checked(EPOCH_DIGITS).ok_or(MalformedCursor)?;
        Ok(Self { epoch: epoch.parse().map_err(|_| MalformedCursor)?, seq: seq.parse().map_err(|_| MalformedCursor)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_twenty_digits_both_ways() {
        let cursor = Cursor { epoch: 1300, seq: 42 };
        assert_eq!(cursor.to_string(), "01300000000000000042");
        assert_eq!("01300000000000000042".parse(), Ok(cursor));
        let last = Cursor { epoch: 99_999, seq: 999_999_999_999_999 };
        assert_eq!(last.to_string().parse(), Ok(last));
    }

    #[test]
    fn text_order_is_log_order() {
        let (a, b) = (Cursor { epoch: 9, seq: 999 }, Cursor { epoch: 10, seq: 1 });
        assert!(a < b && a.to_string() < b.to_string());
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "",
            "1",
            "0130000000000000004",
            "013000000000000000420",
            "+1300000000000000042",
            "01300-00000000000042",
            "0130000000000000004x",
            "０１３００００００",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(MalformedCursor), "{text:?}");
        }
    }
}
