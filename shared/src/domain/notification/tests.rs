use super::*;
use crate::ids::DeliveryId;

#[test]
fn names_are_read_back_and_unique() {
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse::<Kind>().unwrap(), *kind);
    }
    let mut names: Vec<_> = Kind::ALL.iter().map(|k| k.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Kind::ALL.len());
    assert!("auth.login_code".parse::<Kind>().is_err());
}

#[test]
fn the_administrators_are_reached_by_their_address_alone() {
    for kind in Kind::ALL {
        assert_eq!(kind.for_administrators(), kind.channels() == [Channel::AdminEmail], "{kind}");
        assert_eq!(kind.channels_to(AudienceKind::Administrators).is_empty(), !kind.for_administrators(), "{kind}");
        assert_eq!(kind.channels_to(AudienceKind::Users).is_empty(), kind.for_administrators(), "{kind}");
    }
}

#[test]
fn pushes_about_a_game_are_ordered_and_nothing_else_is() {
    for kind in Kind::ALL {
        let about_a_game = kind.fields().iter().any(|field| field.name == "game_id");
        assert_eq!(kind.ordered(), about_a_game && kind.channels().contains(&Channel::Push), "{kind}");
    }
    assert!(Kind::GameTurnReady.ordered());
    assert!(!Kind::LobbyRaceNamePending.ordered(), "it is about no game");
    assert!(!Kind::GameGenerationFailed.ordered(), "it is mailed alone");
}

#[test]
fn whoever_is_told_knows_why_and_what_to_read_anew() {
    for kind in Kind::ALL {
        assert!(kind.about().ends_with('.') && kind.fields().iter().all(|field| field.about.ends_with('.')), "{kind}");
        assert_eq!(kind.whom().is_empty(), kind.addressee() != Addressee::Users, "{kind}");
        assert_eq!(kind.anew().is_empty(), !kind.channels().contains(&Channel::Push), "{kind}");
    }
}

#[test]
fn a_payload_is_stored_without_its_kind_and_read_back() {
    let game_id = GameId::new();
    let payload = Payload::GameTurnReady { game_id, turn: 7 };
    assert_eq!(payload.to_json(), serde_json::json!({ "game_id": game_id, "turn": 7 }));
    assert_eq!(Payload::from_json("game.turn.ready", payload.to_json()).unwrap(), payload);
}

#[test]
fn fields_of_a_newer_version_are_ignored_and_wrong_ones_named() {
    let game_id = GameId::new();
    let newer = serde_json::json!({ "game_id": game_id, "turn": 7, "weather": "fine" });
    assert_eq!(Payload::from_json("game.turn.ready", newer).unwrap(), Payload::GameTurnReady { game_id, turn: 7 });
    let error = Payload::from_json("game.turn.ready", serde_json::json!({ "turn": 7 })).unwrap_err();
    assert!(error.to_string().contains("game.turn.ready") && error.to_string().contains("game_id"), "{error}");
    assert!(matches!(Payload::from_json("game.weather", Value::Null), Err(PayloadError::Kind(_))));
}

#[test]
fn a_dead_letter_about_a_dead_letter_is_about_itself() {
    let about = |template_id: &str| Payload::MailDeadLettered {
        delivery_id: DeliveryId::new(),
        template_id: template_id.to_owned(),
    };
    assert!(about("mail.dead_lettered").about_itself());
    assert!(!about("game.started").about_itself());
}

#[test]
fn a_later_pause_of_the_same_turn_has_a_key_of_its_own() {
    let game = GameId::new();
    let turn = TurnName { turn: 3, accepted: 0 };
    assert_eq!(pause_key(game, turn, 1), format!("paused:{game}:3"));
    assert_eq!(pause_key(game, turn, 2), format!("paused:{game}:3:2"));
    let again = TurnName { accepted: 1, ..turn };
    assert_eq!(pause_key(game, again, 1), format!("paused:{game}:3.1"));
    assert_eq!(turn_ready_key(game, again), format!("turn-ready:{game}:3.1"));
}
