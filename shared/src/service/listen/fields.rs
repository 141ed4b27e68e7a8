//! Counts the fields of a head of HTTP/2 as HPACK writes them, before they are decoded. A byte can name a field of 4 KiB
//! out of the connection's table, and the parser decodes on past the size that it announced, so that both sides' tables
//! stay alike: 12 000 such bytes cost 3 ms, twenty times a request of a probe.

/// The most fields of a head. Each counts as 32 bytes and itself (RFC 9113 §6.5.2), so more are beyond the 16 KiB that
/// our settings announce, whatever they hold. As many cost an eighth of a millisecond at most, about what a request does.
pub(super) const MOST_FIELDS: usize = 512;

/// A head's fields, as far as it has come. No text is kept, and none decoded.
#[derive(Debug, Default)]
pub(super) struct Fields {
    count: usize,
    at: At,
    /// Texts of the field that are still to come: of its name and its value.
    texts: u8,
}

#[derive(Debug, Default)]
enum At {
    /// Before a field, or a change of the table's size, which counts as one.
    #[default]
    Field,
    /// In an index of several bytes.
    Index,
    /// Before a text's length.
    Length,
    /// In a length of several bytes: what it is so far, and where its next bits go.
    LongLength(usize, u32),
    /// In a text of which so much is to come.
    Text(usize),
}

impl Fields {
    /// Whether the head has no more than [`MOST_FIELDS`] with these bytes of its block. What is malformed is the parser's
    /// to refuse.
    pub(super) fn read(&mut self, mut block: &[u8]) -> bool {
        while let Some((&byte, rest)) = block.split_first() {
            block = match self.at {
                At::Text(left) => {
                    let here = left.min(block.len());
                    self.at = if here < left { At::Text(left - here) } else { self.next() };
                    block.get(here..).unwrap_or_default()
                }
                _ => {
                    self.at = self.after(byte);
                    rest
                }
            };
            if self.count > MOST_FIELDS {
                return false;
            }
        }
        true
    }

    fn after(&mut self, byte: u8) -> At {
        match self.at {
            At::Field => self.field(byte),
            At::Index if byte & 0x80 != 0 => At::Index,
            At::Index => self.next(),
            At::Length => match usize::from(byte & 0x7f) {
                0x7f => At::LongLength(0x7f, 0),
                length => self.text(length),
            },
            At::LongLength(length, shift) => {
                // No text is as long as 28 bits: its end does not come within a head's bytes.
                let more = usize::from(byte & 0x7f).checked_shl(shift).unwrap_or(usize::MAX);
                let length = length.saturating_add(if shift < 28 { more } else { usize::MAX });
                if byte & 0x80 != 0 { At::LongLength(length, shift.saturating_add(7)) } else { self.text(length) }
            }
            At::Text(left) => At::Text(left),
        }
    }

    /// The first byte of a field (RFC 7541 §6).
    fn field(&mut self, byte: u8) -> At {
        self.count += 1;
        let (bits, texts) = match byte {
            // By its index alone.
            0x80.. => (0x7f, 0),
            0x40.. => (0x3f, 1),
            // The table's size.
            0x20.. => (0x1f, 0),
            _ => (0x0f, 1),
        };
        let index = byte & bits;
        // Without an index for its name, the name is a text too.
        self.texts = if texts > 0 && index == 0 { 2 } else { texts };
        if index == bits { At::Index } else { self.next() }
    }

    fn text(&mut self, length: usize) -> At {
        self.texts = self.texts.saturating_sub(1);
        if length > 0 { At::Text(length) } else { self.next() }
    }

    fn next(&self) -> At {
        if self.texts > 0 { At::Length } else { At::Field }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many fields a block has, read whole and byte by byte.
    fn count(block: &[u8]) -> usize {
        let (mut whole, mut slow) = (Fields::default(), Fields::default());
        let fits = whole.read(block);
        assert_eq!(block.chunks(1).all(|byte| slow.read(byte)), fits, "{block:?}");
        assert_eq!(whole.count, slow.count, "{block:?}");
        assert_eq!(fits, whole.count <= MOST_FIELDS);
        whole.count
    }

    #[test]
    fn every_form_of_a_field_is_one() {
        let long = |prefix: u8, length: usize| {
            let mut field = vec![prefix, 1, b'x', 0x7f];
            let mut rest = length - 0x7f;
            while rest >= 0x80 {
                field.push(0x80 | u8::try_from(rest % 0x80).unwrap());
                rest /= 0x80;
            }
            field.push(u8::try_from(rest).unwrap());
            // What would be read as a field each, if it were not known to be a text.
            field.extend(vec![0x82; length]);
            field
        };
        for (field, what) in [
            (vec![0x82], "an index"),
            (vec![0xff, 0x80, 0x01], "an index of three bytes"),
            (vec![0x41, 2, 0x82, 0x82], "kept, with a name of the table"),
            (vec![0x7f, 0x00, 2, 0x82, 0x82], "kept, with a name of a long index"),
            (vec![0x40, 1, 0x82, 2, 0x82, 0x82], "kept, with a name"),
            (vec![0x40, 0x81, 0x82, 0x82, 0x82, 0x82], "in Huffman's code"),
            (vec![0x00, 0, 0], "of nothing"),
            (vec![0x10, 1, 0x82, 0], "never kept, of no value"),
            (vec![0x1f, 0x80, 0x01, 1, 0x82], "never kept, with a long index"),
            (vec![0x3f, 0xe1, 0x1f], "a size of the table"),
            (vec![0x20], "no table"),
            (long(0x00, 0x7f), "a text whose length just takes a second byte"),
            (long(0x40, 3_900), "a text whose length takes three bytes"),
        ] {
            for times in [1, 3, 100] {
                assert_eq!(count(&field.repeat(times)), times, "{what}");
            }
            assert_eq!(count(&[field.repeat(3), vec![0x82; 5]].concat()), 8, "{what}");
        }
    }

    #[test]
    fn a_head_has_no_more_than_fit_what_is_announced() {
        assert_eq!(count(&[0x82; MOST_FIELDS]), MOST_FIELDS);
        assert_eq!(count(&[0x82; 12_000]), MOST_FIELDS + 1, "the rest is not looked at");
    }

    mod fuzz {
        use super::*;

        #[test]
        fn a_block_is_read_alike_in_whatever_pieces_it_came() {
            let samples: [&[u8]; 2] =
                [b"\x82\x86\x04\x01/\x40\x01x\x7f\xbd\x1dyyyy", b"\x00\x7f\xff\xff\xff\xff\xff\xff"];
            testkit::fuzz::Target::new(10_000).samples(samples).words(&["\u{7f}", "\0", "@"]).bytes(|given| {
                let (mut whole, mut pieces) = (Fields::default(), Fields::default());
                let fits = whole.read(given);
                assert_eq!(given.chunks(3).all(|piece| pieces.read(piece)), fits);
                assert!(whole.count <= given.len());
            });
        }
    }
}
