//! What comes over wires in forms of our own: ids, cursors, traces, and the payloads of client events.

use chrono::{DateTime, Utc};
use testkit::fuzz::Target;

use crate::client_events::{decode, encode, samples};
use crate::db::push_log::Cursor;
use crate::domain::country::CountryCode;
use crate::domain::notification::{Kind, Payload};
use crate::ids;
use crate::service::telemetry::parse_traceparent;

#[test]
fn an_id_is_one_text_but_for_its_case() {
    let samples =
        ["0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10", "urn:uuid:0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10", "{0190f3c1}"];
    Target::new(20_000).samples(samples).words(&["-", "{", "}", "urn:uuid:", "F", "\u{ff11}"]).texts(|given| {
        if let Some(id) = ids::parse(given) {
            assert_eq!(id.to_string(), given.to_ascii_lowercase());
        }
    });
}

#[test]
fn a_cursor_that_is_read_is_written_as_itself_and_orders_as_its_text() {
    let samples = ["01300000000000000042", "99999999999999999999", "00000000000000000000", "+1300000000000000042"];
    Target::new(20_000).samples(samples).words(&["0", "9", "-", "+", "\u{ff10}"]).texts(|given| {
        let digits = given.len() == 20 && given.bytes().all(|b| b.is_ascii_digit());
        let cursor = given.parse::<Cursor>();
        assert_eq!(cursor.is_ok(), digits);
        let Ok(cursor) = cursor else { return };
        assert_eq!(cursor.to_string(), given);
        let other = Cursor { epoch: 1_300, seq: 42 };
        assert_eq!(cursor.cmp(&other), given.cmp(other.to_string().as_str()));
    });
}

#[test]
fn a_trace_that_is_read_is_the_one_that_was_given() {
    let samples = [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-extra",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ];
    Target::new(20_000).samples(samples).words(&["-", "00", "ff", "A", "0000000000000000", " "]).texts(|given| {
        let Some(context) = parse_traceparent(given) else { return };
        assert!(context.is_valid() && context.is_remote());
        assert!(given.trim().get(3..).unwrap().starts_with(&format!("{}-{}-", context.trace_id(), context.span_id())));
    });
}

#[test]
fn a_country_is_two_capitals() {
    Target::new(5_000).samples(["DE", "de", "DEU", "É"]).texts(|given| {
        let fits = given.len() == 2 && given.bytes().all(|b| b.is_ascii_uppercase());
        assert_eq!(given.parse::<CountryCode>().is_ok_and(|code| code.as_str() == given), fits);
    });
}

/// A payload of a kind, all of whose fields are there.
fn payload(kind: Kind) -> Payload {
    let [full, _] = samples(kind).unwrap();
    full
}

/// The buffer that a first byte and the rest stand for, and its kind.
fn read(given: &[u8]) -> Option<(Kind, &[u8])> {
    let (kind, buffer) = given.split_first()?;
    Some((*Kind::ALL.get(usize::from(*kind) % Kind::ALL.len())?, buffer))
}

#[test]
fn a_buffer_that_is_read_holds_what_can_be_written_and_read_again() {
    let samples = (0_u8..).zip(Kind::ALL).map(|(at, kind)| [vec![at], encode(&payload(*kind))].concat());
    Target::new(20_000)
        .samples(samples)
        .words(&["\0\0\0\0", "\u{7f}", "\u{4}\0\0\0", "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10"])
        .bytes(|given| {
            let Some((kind, buffer)) = read(given) else { return };
            match decode(kind, buffer) {
                Ok(payload) => {
                    assert_eq!(payload.kind(), kind);
                    assert_eq!(decode(kind, &encode(&payload)).unwrap(), payload);
                    // A row keeps it as JSON; some times have no text there.
                    if let Ok(kept) = Payload::from_json(kind.as_str(), payload.to_json()) {
                        assert_eq!(kept, payload);
                    }
                }
                // Read by people, in a test's failure.
                Err(error) => assert!(error.to_string().len() < 2_000, "{error}"),
            }
        });
}

#[test]
fn a_row_that_is_read_is_written_as_a_buffer() {
    let samples = Kind::ALL.iter().map(|kind| format!("{}\t{}", kind.as_str(), payload(*kind).to_json()));
    let words = &[
        "null",
        "\"",
        "{",
        "}",
        "4294967296",
        "-1",
        ",",
        "+275760-09-13T00:00:00Z",
        "0190f3c1-6d2e-7a41-9c55-3b8f4e2d7a10",
    ];
    Target::new(10_000).samples(samples).words(words).texts(|given| {
        let Some((kind, fields)) = given.split_once('\t') else { return };
        let Ok(fields) = serde_json::from_str(fields) else { return };
        let Ok(payload) = Payload::from_json(kind, fields) else { return };
        let Ok(read) = decode(payload.kind(), &encode(&payload)) else { panic!("{payload:?} cannot be read") };
        // Values have milliseconds, as a buffer does.
        assert_eq!(read.values(), payload.values());
    });
}

#[test]
fn the_lowest_id_of_a_time_grows_with_it() {
    Target::new(5_000).samples([[0_u8; 8], [255; 8], [0, 0, 1, 128, 0, 0, 0, 0]]).bytes(|given| {
        let Some(millis) = given.first_chunk::<8>().map(|bytes| i64::from_be_bytes(*bytes)) else { return };
        let Some(at): Option<DateTime<Utc>> = DateTime::from_timestamp_millis(millis) else { return };
        let later = at.checked_add_signed(chrono::TimeDelta::milliseconds(1)).unwrap_or(at);
        assert!(ids::lowest_at(at) <= ids::lowest_at(later));
    });
}
