//! The table of the catalogue, and what is made of it: [`Kind`], [`Payload`], its way to FlatBuffers and back
//! ([`client_events`](crate::client_events)), and what documents, the schema and clients in other languages are told of
//! each kind (`cargo xtask gen`).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::field::{self, Field, FieldValue, Told};
use super::{Addressee, Channel};
use crate::ids::{ApplicationId, DeliveryId, GameId, UserId};

/// `has_game!(game_id …)`: whether the first field of a payload is the game. The table writes it first wherever there is one.
macro_rules! has_game {
    (game_id $($rest:tt)*) => {
        true
    };
    ($($other:tt)*) => {
        false
    };
}

/// `missing!(default)`: what a field is where nothing was read for it. Nothing, unless it may be left out.
macro_rules! missing {
    () => {
        None
    };
    (default) => {
        Some(Default::default())
    };
}

macro_rules! catalogue {
    ($(
        $(#[doc = $doc:literal])+
        $name:literal $variant:ident by [$($channel:ident),+] to $addressee:ident $($whom:literal)? $(anew [$($anew:literal),+])? {
            $($(#[doc = $field_doc:literal])+ $(#[serde($serde:ident)])? $field:ident: $type:ty),+ $(,)?
        }
    )+) => {
        /// A kind of notification: the closed catalogue of SPEC §13.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Kind {
            /// The whole catalogue, in SPEC's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable name: in the database, on the wire, as mail template and on metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The channels it goes over.
            #[must_use]
            pub const fn channels(self) -> &'static [Channel] {
                match self {
                    $(Self::$variant => &[$(Channel::$channel,)+],)+
                }
            }

            /// Whom it is for.
            #[must_use]
            pub const fn addressee(self) -> Addressee {
                match self {
                    $(Self::$variant => Addressee::$addressee,)+
                }
            }

            /// What happened, in sentences.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($doc),+).trim_start(),)+
                }
            }

            /// Which of its users the producer names, in words; empty where [`Self::addressee`] says it all.
            #[must_use]
            pub const fn whom(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($whom)?),)+
                }
            }

            /// What it makes old for whoever is told: ids of operations of the REST contract whose answers are to be read
            /// anew. A kind that goes over [`Channel::Push`] has some.
            #[must_use]
            pub const fn anew(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($($anew),+)?],)+
                }
            }

            /// The fields of its payload, in the order of its FlatBuffers table.
            #[must_use]
            pub fn fields(self) -> Vec<Field> {
                match self {
                    $(Self::$variant => vec![$(Field {
                        name: stringify!($field),
                        about: concat!($($field_doc),+).trim_start(),
                        form: <$type as Told>::FORM,
                        required: Option::<$type>::is_none(&missing!($($serde)?)),
                    },)+],)+
                }
            }

            pub(super) const fn has_game(self) -> bool {
                match self {
                    $(Self::$variant => has_game!($($field)+),)+
                }
            }
        }

        /// What a notification says: one variant a kind.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "payload")]
        pub enum Payload {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $name)]
                $variant { $($(#[doc = $field_doc])+ $(#[serde($serde)])? $field: $type,)+ },
            )+
        }

        impl Payload {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant { .. } => Kind::$variant,)+
                }
            }

            /// What its fields say, in the order of [`Kind::fields`].
            #[must_use]
            pub fn values(&self) -> Vec<FieldValue<'_>> {
                match self {
                    $(Self::$variant { $($field),+ } => vec![$($field.value()),+],)+
                }
            }

            /// Made of what its fields say, in the order of [`Kind::fields`]; `None` where one says nothing.
            ///
            /// # Errors
            /// The name of a field that says nothing, or what it cannot say.
            pub fn from_values<'a>(
                kind: Kind,
                values: impl IntoIterator<Item = Option<FieldValue<'a>>>,
            ) -> Result<Self, &'static str> {
                let mut values = values.into_iter();
                // Fields are evaluated in the order in which they are written.
                Ok(match kind {
                    $(Kind::$variant => Self::$variant {
                        $($field: field::read(stringify!($field), values.next().flatten(), missing!($($serde)?))?,)+
                    },)+
                })
            }
        }
    };
}

catalogue! {
    /// Somebody was invited to a private game.
    "lobby.invite.received" LobbyInviteReceived by [Push, Email] to Users "who is invited" anew ["list_my_invites"] {
        /// The game.
        game_id: GameId,
        /// Who invites.
        inviter_user_id: UserId,
    }
    /// An invite was taken back.
    "lobby.invite.revoked" LobbyInviteRevoked by [Push] to Users "who was invited" anew ["list_my_invites"] {
        /// The game.
        game_id: GameId,
    }
    /// Somebody applied; to the game's owner.
    "lobby.application.submitted" LobbyApplicationSubmitted by [Push] to Users "the game's owner"
        anew ["get_application", "list_applications"] {
        /// The game.
        game_id: GameId,
        /// The application.
        application_id: ApplicationId,
    }
    /// An application was approved.
    "lobby.application.approved" LobbyApplicationApproved by [Push, Email] to Users "the applicant"
        anew ["list_my_applications", "list_my_games", "get_lobby_game", "list_my_race_names"] {
        /// The game.
        game_id: GameId,
    }
    /// An application was rejected.
    "lobby.application.rejected" LobbyApplicationRejected by [Push, Email] to Users "the applicant"
        anew ["list_my_applications"] {
        /// The game.
        game_id: GameId,
    }
    /// A member was removed from a game.
    "lobby.membership.removed" LobbyMembershipRemoved by [Push, Email] to Users "who was a member"
        anew ["list_my_games", "get_lobby_game", "list_my_race_names"] {
        /// The game.
        game_id: GameId,
        /// Why, in words.
        reason: String,
    }
    /// A member was blocked from a game.
    "lobby.membership.blocked" LobbyMembershipBlocked by [Push, Email] to Users "who was a member"
        anew ["list_my_games", "get_lobby_game", "list_my_race_names"] {
        /// The game.
        game_id: GameId,
    }
    /// A race name is its holder's for good.
    "lobby.race_name.registered" LobbyRaceNameRegistered by [Push] to Users "the holder" anew ["list_my_race_names"] {
        /// The name as written.
        race_name: String,
    }
    /// A race name may be registered until it lapses.
    "lobby.race_name.pending" LobbyRaceNamePending by [Push, Email] to Users "the holder" anew ["list_my_race_names"] {
        /// The name as written.
        race_name: String,
        /// When it lapses.
        expires_at: DateTime<Utc>,
    }
    /// A race name lapsed unregistered.
    "lobby.race_name.expired" LobbyRaceNameExpired by [Push] to Users "who held it" anew ["list_my_race_names"] {
        /// The name as written.
        race_name: String,
    }
    /// An engine image could not be pulled.
    "runtime.image_pull_failed" RuntimeImagePullFailed by [AdminEmail] to Administrators {
        /// The game.
        game_id: GameId,
        /// The image reference.
        image_ref: String,
    }
    /// An engine container could not be started.
    "runtime.container_start_failed" RuntimeContainerStartFailed by [AdminEmail] to Administrators {
        /// The game.
        game_id: GameId,
    }
    /// The engine refused how the game is set up.
    "runtime.start_config_invalid" RuntimeStartConfigInvalid by [AdminEmail] to Administrators {
        /// The game.
        game_id: GameId,
        /// What the engine said.
        reason: String,
    }
    /// No live controller serves a daemon whose games want engines; once for each time that it is so.
    "runtime.daemon_unserved" RuntimeDaemonUnserved by [AdminEmail] to Administrators {
        /// The daemon, as runtimes name it.
        daemon_id: String,
        /// How many of its games wait.
        games: u32,
        /// Since when nobody serves it.
        since: DateTime<Utc>,
    }
    /// A start of a game was given up; to the game's owner.
    "game.start_failed" GameStartFailed by [Push, Email] to Users "the game's owner" anew ["get_lobby_game", "list_my_games"] {
        /// The game.
        game_id: GameId,
        /// Why, in a sentence.
        reason: String,
    }
    /// A game is running.
    "game.started" GameStarted by [Push, Email] to GameMembers anew ["get_lobby_game", "list_my_games"] {
        /// The game.
        game_id: GameId,
    }
    /// A turn was generated: reports can be read, orders given. Key `turn-ready:<game_id>:<turn>`.
    "game.turn.ready" GameTurnReady by [Push] to GameMembers anew ["get_lobby_game", "get_report"] {
        /// The game.
        game_id: GameId,
        /// The turn that is open now.
        turn: u32,
    }
    /// A game was paused, by hand or by a failure. Key `paused:<game_id>:<turn>`, later pauses of that turn append `:<n>`.
    "game.paused" GamePaused by [Push] to GameMembers anew ["get_lobby_game", "list_my_games"] {
        /// The game.
        game_id: GameId,
        /// The open turn.
        turn: u32,
        /// Why: a runtime status, `stopped`, or by hand.
        reason: String,
    }
    /// A paused game goes on.
    "game.resumed" GameResumed by [Push] to GameMembers anew ["get_lobby_game", "list_my_games"] {
        /// The game.
        game_id: GameId,
        /// The open turn.
        turn: u32,
    }
    /// A turn could not be generated.
    "game.generation.failed" GameGenerationFailed by [AdminEmail] to Administrators {
        /// The game.
        game_id: GameId,
        /// The turn that was being closed.
        turn: u32,
        /// What the engine said.
        reason: String,
    }
    /// A game is over.
    "game.finished" GameFinished by [Push, Email] to GameMembers
        anew ["get_lobby_game", "list_my_games", "list_my_race_names", "get_report"] {
        /// The game.
        game_id: GameId,
        /// The last turn.
        turn: u32,
        /// Race names of the winners.
        winners: Vec<String>,
    }
    /// A mail was given up.
    "mail.dead_lettered" MailDeadLettered by [AdminEmail] to Administrators {
        /// The delivery.
        delivery_id: DeliveryId,
        /// Its template.
        template_id: String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(dead_code, reason = "a catalogue makes more than this test asks")]
    mod of_tomorrow {
        use super::*;

        catalogue! {
            /// A storm is near.
            "game.weather" GameWeather by [Push] to GameMembers anew ["get_report"] {
                /// The game.
                game_id: GameId,
                /// What kind of storm.
                #[serde(default)]
                storm: String,
            }
        }
    }

    #[test]
    fn a_field_that_was_added_later_may_say_nothing_and_others_may_not() {
        use of_tomorrow::{Kind, Payload};
        let game_id = GameId::new();
        let required: Vec<_> = Kind::GameWeather.fields().iter().map(|field| (field.name, field.required)).collect();
        assert_eq!(required, [("game_id", true), ("storm", false)]);
        let id = || Some(FieldValue::Text(game_id.to_string().into()));
        let calm = Payload::GameWeather { game_id, storm: String::new() };
        assert_eq!(Payload::from_values(Kind::GameWeather, [id(), None]), Ok(calm.clone()));
        assert_eq!(Payload::from_values(Kind::GameWeather, [id()]), Ok(calm), "a table that ends before it");
        assert_eq!(
            Payload::from_values(Kind::GameWeather, [None, Some(FieldValue::Text("ions".into()))]),
            Err("game_id")
        );
    }

    #[test]
    fn a_value_of_another_form_is_refused_by_the_name_of_its_field() {
        for wrong in [FieldValue::Text("no id".into()), FieldValue::Number(7)] {
            assert_eq!(Payload::from_values(Kind::GameStarted, [Some(wrong)]), Err("game_id"));
        }
        let late = [Some(FieldValue::Text("Vega".into())), Some(FieldValue::Time(i64::MAX))];
        assert_eq!(Payload::from_values(Kind::LobbyRaceNamePending, late), Err("expires_at"));
    }
}
