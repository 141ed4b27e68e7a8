use serde_json::json;

use super::*;

/// Two payloads of each kind.
fn all() -> Vec<Payload> {
    Kind::ALL.iter().flat_map(|kind| samples(*kind).unwrap()).collect()
}

#[test]
fn every_kind_of_the_catalogue_comes_back_from_its_table_as_it_went_in() {
    for payload in all() {
        assert_eq!(decode(payload.kind(), &encode(&payload)).unwrap(), payload);
        assert_eq!(Payload::from_json(payload.kind().as_str(), payload.to_json()).unwrap(), payload);
    }
}

#[test]
fn the_bytes_are_those_that_flatcs_own_code_wrote() {
    let mut rows = 0;
    let table = include_str!("../../tests/tables/client_events.tsv");
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [kind, fields, bytes] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let payload = Payload::from_json(kind, serde_json::from_str(fields).unwrap()).unwrap();
        assert_eq!(hex::encode(encode(&payload)), bytes, "{kind} {fields}");
        assert_eq!(decode(payload.kind(), &hex::decode(bytes).unwrap()).unwrap(), payload);
        rows += 1;
    }
    assert_eq!(rows, 42, "two of each kind that was there");
}

#[test]
fn bytes_that_are_no_buffer_are_refused_and_not_read() {
    for payload in all() {
        let bytes = encode(&payload);
        assert!(decode(payload.kind(), &[]).is_err());
        assert!(decode(payload.kind(), &[0xff; 64]).is_err());
        for end in 0..bytes.len() {
            // Cut anywhere it may still verify by luck of padding, but it never panics.
            let _ = decode(payload.kind(), &bytes[..end]);
        }
        for at in 0..bytes.len() {
            for wrong in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] = wrong;
                let _ = decode(payload.kind(), &bytes);
            }
        }
    }
}

#[test]
fn a_buffer_of_many_offsets_to_one_long_text_is_refused() {
    let mut b = FlatBufferBuilder::new();
    let game_id = b.create_string("019cb4db-5900-7297-8ab7-7e702c787b4c");
    let long = b.create_string(&"x".repeat(30_000));
    let winners = b.create_vector(&[long; 8_000]);
    let table = b.start_table();
    b.push_slot_always(slot(2), winners);
    b.push_slot_always(slot(0), game_id);
    let table = b.end_table(table);
    b.finish(table, None);
    let refused = decode(Kind::GameFinished, b.finished_data());
    assert!(matches!(refused, Err(DecodeError::Buffer(InvalidFlatbuffer::ApparentSizeTooLarge))), "{refused:?}");
}

#[test]
fn many_short_texts_are_no_attack() {
    let kind = Kind::GameFinished;
    for winners in [vec![String::new(); 5_000], vec!["x".to_owned(); 5_000], vec!["x".repeat(60_000)]] {
        let [full, _] = samples(kind).unwrap();
        let mut fields = full.to_json();
        fields["winners"] = json!(winners);
        let payload = Payload::from_json(kind.as_str(), fields).unwrap();
        assert_eq!(decode(kind, &encode(&payload)).unwrap(), payload);
    }
}

/// A buffer of a table with texts alone.
fn texts(texts: &[&str]) -> Vec<u8> {
    let mut b = FlatBufferBuilder::new();
    let offsets: Vec<_> = texts.iter().map(|text| b.create_string(text)).collect();
    let table = b.start_table();
    for (nth, offset) in (0..).zip(offsets) {
        b.push_slot_always(slot(nth), offset);
    }
    let table = b.end_table(table);
    b.finish(table, None);
    b.finished_data().to_vec()
}

#[test]
fn an_id_that_is_no_uuid_and_a_field_that_is_missing_are_refused_by_name() {
    let id = "019cb4db-5900-7297-8ab7-7e702c787b4c";
    let refused = |kind, fields: &[&str], name| {
        let refused = decode(kind, &texts(fields));
        assert!(matches!(refused, Err(DecodeError::Field(field)) if field == name), "{refused:?}");
    };
    refused(Kind::GameStarted, &["not-a-uuid"], "game_id");
    refused(Kind::GameStarted, &[], "game_id");
    refused(Kind::GameStartFailed, &[id], "reason");
}

#[test]
fn a_field_of_a_newer_version_is_not_looked_at() {
    let id = "019cb4db-5900-7297-8ab7-7e702c787b4c";
    let game_id = id.parse().unwrap();
    assert_eq!(decode(Kind::GameStarted, &texts(&[id, "fine weather"])).unwrap(), Payload::GameStarted { game_id });
}
