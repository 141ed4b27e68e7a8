//! The payloads of client events on the wire (SPEC §12): FlatBuffers, one table per kind of the notification catalogue.
//!
//! A table has the fields of its kind in the catalogue's order, and is read and written by their forms: there is nothing
//! here for any kind alone. `shared/schema/notification.fbs`, which `cargo xtask gen` writes, tells clients the same.
//! Decoding is safe on bytes from anywhere: what is read was verified, and comes to no more than a small multiple of the
//! buffer.

mod samples;

use flatbuffers::{
    FlatBufferBuilder, ForwardsUOffset, InvalidFlatbuffer, TableVerifier, UOffsetT, VOffsetT, Vector, Verifier,
    VerifierOptions, WIPOffset, field_index_to_field_offset as slot, root_with_opts,
};

use crate::domain::notification::{Field, FieldValue, Form, Kind, Payload};

pub use self::samples::samples;

/// The `encoding` of client events whose payload [`encode`] wrote.
pub const FLATBUFFERS: &str = "flatbuffers";

/// The `encoding` of client events whose payload is JSON: kinds that this build has no table for.
pub const JSON: &str = "json";

/// A buffer that does not hold its kind's table.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not a FlatBuffer of that table.
    #[error("not a buffer of its kind: {0}")]
    Buffer(#[from] InvalidFlatbuffer),
    /// A field holds what its kind does not allow, as an id that is no UUID, or is missing.
    #[error("field {0} does not hold what it should")]
    Field(&'static str),
}

/// A value within a table.
enum Inline {
    /// How far away it begins.
    Offset(WIPOffset<UOffsetT>),
    Number(u32),
    Time(i64),
}

impl Inline {
    const fn size(&self) -> usize {
        match self {
            Self::Offset(_) | Self::Number(_) => 4,
            Self::Time(_) => 8,
        }
    }
}

/// Writes a payload as a buffer of its kind's table: byte by byte what flatc's code for the table would write.
#[must_use]
pub fn encode(payload: &Payload) -> Vec<u8> {
    let mut b = FlatBufferBuilder::with_capacity(128);
    let mut values: Vec<(VOffsetT, _)> = (0..).zip(payload.values()).collect();
    // What a table only points to is in the buffer before it: lists first, then texts.
    values.sort_by_key(|(_, value)| !matches!(value, FieldValue::Texts(_)));
    let mut inline: Vec<_> = values.into_iter().map(|(nth, value)| (nth, value_of(&mut b, value))).collect();
    // The longest values first, so that alignment leaves no holes, and the last field first.
    inline.sort_by_key(|(nth, value)| std::cmp::Reverse((value.size(), *nth)));
    let table = b.start_table();
    for (nth, value) in inline {
        match value {
            Inline::Offset(offset) => b.push_slot_always(slot(nth), offset),
            Inline::Number(number) => b.push_slot(slot(nth), number, 0),
            Inline::Time(millis) => b.push_slot(slot(nth), millis, 0),
        }
    }
    let table = b.end_table(table);
    b.finish(table, None);
    b.finished_data().to_vec()
}

fn value_of(b: &mut FlatBufferBuilder<'_>, value: FieldValue<'_>) -> Inline {
    match value {
        FieldValue::Text(text) => Inline::Offset(WIPOffset::new(b.create_string(&text).value())),
        FieldValue::Texts(texts) => {
            let texts: Vec<_> = texts.into_iter().map(|text| b.create_string(text)).collect();
            Inline::Offset(WIPOffset::new(b.create_vector(&texts).value()))
        }
        FieldValue::Number(number) => Inline::Number(number),
        FieldValue::Time(millis) => Inline::Time(millis),
    }
}

/// Reads what [`encode`] wrote, as clients do. Times come back with the millisecond as their unit.
///
/// # Errors
/// [`DecodeError`] when the bytes are not a buffer of that kind's table.
pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Payload, DecodeError> {
    let options = VerifierOptions {
        // Many offsets may lead to one long text. Each byte of an honest buffer is looked at twice at most.
        max_apparent_size: bytes.len().saturating_mul(2),
        ..VerifierOptions::default()
    };
    let mut verifier = Verifier::new(&options, bytes);
    let root = verifier.get_uoffset(0)?;
    let mut table = verifier.visit_table(usize::try_from(root).unwrap_or(usize::MAX))?;
    let mut values = Vec::new();
    for (nth, field) in (0..).zip(kind.fields()) {
        values.push(read(&mut table, slot(nth), field, bytes, &options)?);
    }
    Payload::from_values(kind, values).map_err(DecodeError::Field)
}

/// What a field says; `None` where the table does not have it. A number that is left out is 0.
fn read<'a>(
    table: &mut TableVerifier<'_, '_, 'a>,
    slot: VOffsetT,
    field: Field,
    bytes: &'a [u8],
    options: &VerifierOptions,
) -> Result<Option<FieldValue<'a>>, InvalidFlatbuffer> {
    let place = table.deref(slot)?;
    // A text or a list is the root of the buffer that begins at its offset.
    let pointed = place.map(|place| bytes.get(place..).unwrap_or_default());
    Ok(match field.form {
        Form::Id | Form::Text => {
            let text = pointed.map(|at| root_with_opts::<&str>(options, at)).transpose()?;
            text.map(|text| FieldValue::Text(text.into()))
        }
        Form::Texts => {
            let texts =
                pointed.map(|at| root_with_opts::<Vector<'_, ForwardsUOffset<&str>>>(options, at)).transpose()?;
            texts.map(|texts| FieldValue::Texts(texts.iter().collect()))
        }
        Form::Number => Some(FieldValue::Number(u32::from_le_bytes(scalar(pointed)?))),
        Form::Time => Some(FieldValue::Time(i64::from_le_bytes(scalar(pointed)?))),
    })
}

/// The bytes of a number where it is there; zeroes where it is left out.
fn scalar<const N: usize>(pointed: Option<&[u8]>) -> Result<[u8; N], InvalidFlatbuffer> {
    match pointed {
        None => Ok([0; N]),
        Some(at) => match at.first_chunk() {
            Some(bytes) => Ok(*bytes),
            None => Err(InvalidFlatbuffer::RangeOutOfBounds { range: at.len()..N, error_trace: Default::default() }),
        },
    }
}

#[cfg(test)]
mod tests;
