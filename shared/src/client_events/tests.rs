use super::*;
use crate::ids::{ApplicationId, DeliveryId, GameId, UserId};

/// One payload of each kind, with text that is not ASCII where text is free.
fn one_of_each() -> Vec<Payload> {
    let game_id = GameId::new();
    let text = || "Зоряні 星 \"quoted\" <b>".to_owned();
    let expires_at = DateTime::from_timestamp_millis(1_800_000_000_123).unwrap();
    let payloads = vec![
        Payload::LobbyInviteReceived { game_id, inviter_user_id: UserId::new() },
        Payload::LobbyInviteRevoked { game_id },
        Payload::LobbyApplicationSubmitted { game_id, application_id: ApplicationId::new() },
        Payload::LobbyApplicationApproved { game_id },
        Payload::LobbyApplicationRejected { game_id },
        Payload::LobbyMembershipRemoved { game_id, reason: text() },
        Payload::LobbyMembershipBlocked { game_id },
        Payload::LobbyRaceNameRegistered { race_name: text() },
        Payload::LobbyRaceNamePending { race_name: text(), expires_at },
        Payload::LobbyRaceNameExpired { race_name: text() },
        Payload::RuntimeImagePullFailed { game_id, image_ref: text() },
        Payload::RuntimeContainerStartFailed { game_id },
        Payload::RuntimeStartConfigInvalid { game_id, reason: text() },
        Payload::GameStartFailed { game_id, reason: text() },
        Payload::GameStarted { game_id },
        Payload::GameTurnReady { game_id, turn: u32::MAX },
        Payload::GamePaused { game_id, turn: 0, reason: String::new() },
        Payload::GameResumed { game_id, turn: 3 },
        Payload::GameGenerationFailed { game_id, turn: 4, reason: text() },
        Payload::GameFinished { game_id, turn: 5, winners: vec![text(), "Terran".to_owned()] },
        Payload::MailDeadLettered { delivery_id: DeliveryId::new(), template_id: text() },
    ];
    let kinds: Vec<_> = payloads.iter().map(Payload::kind).collect();
    assert_eq!(kinds, Kind::ALL, "every kind of the catalogue must stand here");
    payloads
}

#[test]
fn every_kind_of_the_catalogue_comes_back_from_its_table_as_it_went_in() {
    for payload in one_of_each() {
        assert_eq!(decode(payload.kind(), &encode(&payload)).unwrap(), payload);
        assert_eq!(Payload::from_json(payload.kind().as_str(), payload.to_json()).unwrap(), payload);
    }
}

#[test]
fn bytes_that_are_no_buffer_are_refused_and_not_read() {
    for payload in one_of_each() {
        let bytes = encode(&payload);
        assert!(decode(payload.kind(), &[]).is_err());
        assert!(decode(payload.kind(), &[0xff; 64]).is_err());
        for end in 0..bytes.len() {
            // Cut anywhere it may still verify by luck of padding, but it never panics.
            let _ = decode(payload.kind(), &bytes[..end]);
        }
    }
}

#[test]
fn an_id_that_is_no_uuid_is_refused_by_name() {
    let mut b = FlatBufferBuilder::new();
    let game_id = Some(b.create_string("not-a-uuid"));
    let root = tables::GameStarted::create(&mut b, &tables::GameStartedArgs { game_id });
    b.finish(root, None);
    assert!(matches!(decode(Kind::GameStarted, b.finished_data()), Err(DecodeError::Field("game_id"))));
}

#[test]
fn the_schema_has_a_table_for_every_kind_and_no_other() {
    let schema = include_str!("../../schema/notification.fbs");
    let mut tables: Vec<String> =
        schema.lines().filter_map(|l| l.strip_prefix("table ")).map(|l| l.trim_end_matches(" {").to_owned()).collect();
    let mut kinds: Vec<String> = Kind::ALL.iter().map(|k| format!("{k:?}")).collect();
    tables.sort();
    kinds.sort();
    assert_eq!(tables, kinds);
}
