//! The lobby's state machine as one table (SPEC §7): pure, so that it is tested exhaustively.

use super::word::words;

words! {
    /// Where a game stands.
    GameStatus, "game status" {
        /// Being described; nobody but who runs it sees a private one.
        Draft = "draft",
        /// Takes applications or invites.
        EnrollmentOpen = "enrollment_open",
        /// Enrolment is over, enough players are in.
        ReadyToStart = "ready_to_start",
        /// A start job is under way.
        Starting = "starting",
        /// The start job failed; it can be tried again.
        StartFailed = "start_failed",
        /// Turns are generated on schedule.
        Running = "running",
        /// No turns, by hand or because the engine failed.
        Paused = "paused",
        /// The engine named the end, or somebody did.
        Finished = "finished",
        /// Called off before it ran.
        Cancelled = "cancelled",
    }
}

words! {
    /// What can be asked of a game, or told of it by its runtime.
    GameAction, "action on a game" {
        /// Let players in.
        OpenEnrollment = "open-enrollment",
        /// End enrolment.
        ReadyToStart = "ready-to-start",
        /// Start the engine.
        Start = "start",
        /// Start again after a failure.
        RetryStart = "retry-start",
        /// Stop the turns.
        Pause = "pause",
        /// Let the turns go on.
        Resume = "resume",
        /// Call it off.
        Cancel = "cancel",
        /// End it before its engine does, once it has run.
        End = "end",
        /// Administrators: start, also on a kept state directory.
        ForceStart = "force-start",
        /// Administrators: stop the container; the game stays paused.
        ForceStop = "force-stop",
        /// Change its description, limits, schedule.
        Edit = "edit",
        /// Administrators: choose the engine that the next start uses, and nothing else.
        ChooseEngine = "choose-engine",
        /// Take a member in: approve an application, redeem an invite.
        Enroll = "enroll",
    }
}

words! {
    /// What can be done to a membership.
    MemberAction, "action on a member" {
        /// The member goes of their own accord.
        Leave = "leave",
        /// The member is sent away, and may come back.
        Remove = "remove",
        /// The member is sent away, and may not come back.
        Block = "block",
        /// Administrators: the same, in any game.
        Ban = "ban",
    }
}

words! {
    /// A part of a game's description that is settled at some point.
    GamePart, "part of a game" {
        /// Name and description.
        Texts = "name and description",
        /// When turns are due.
        Schedule = "turn schedule",
        /// Fewest and most players.
        Players = "players",
        /// When enrolment closes.
        EnrollmentEnd = "end of enrolment",
        /// The engine that the next start uses.
        EngineVersion = "engine version",
        /// What the engine is told when the game begins.
        Settings = "settings",
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The user who owns the game.
    Owner,
    /// An administrator.
    Administrator,
    /// Any other user, members included.
    Other,
}

words! {
    /// Whether a game is made by administrators for everybody, or by a user for guests.
    Visibility, "visibility" {
        /// Anybody may see it and apply.
        Public = "public",
        /// Only who owns it, who is invited and who is a member sees it.
        Private = "private",
    }

    /// Why a game is paused.
    PauseReason, "reason of a pause" {
        /// The engine did not answer within the budget.
        EngineUnreachable = "engine_unreachable",
        /// The engine answered, but without the next turn.
        GenerationFailed = "generation_failed",
        /// By its owner or an administrator.
        Manual = "manual",
        /// Its schedule names no further turn.
        ScheduleEnded = "schedule_ended",
        /// Its state is far over its limit.
        StateLimit = "state_limit",
        /// Its container was stopped by hand: then an administrator may choose another engine.
        Stopped = "stopped",
    }
}

impl PauseReason {
    /// Those of games that can be resumed. Where the container was stopped only a start helps.
    pub const RESUMABLE: &'static [Self] =
        &[Self::EngineUnreachable, Self::GenerationFailed, Self::Manual, Self::ScheduleEnded, Self::StateLimit];
}

/// Why an action is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not this actor.
    Forbidden,
    /// Not in this state.
    State,
}

/// The state after `action`, or why not. An action that keeps the state answers the state it found.
///
/// # Errors
/// [`Refusal::Forbidden`] is decided before [`Refusal::State`]: a stranger learns nothing of the state.
pub fn act(
    status: GameStatus,
    visibility: Visibility,
    action: GameAction,
    actor: Actor,
) -> Result<GameStatus, Refusal> {
    use GameAction as A;
    use GameStatus as S;
    let allowed = match actor {
        // Administrators do for public games what owners do for private ones; forcing is theirs for every game.
        Actor::Administrator => {
            visibility == Visibility::Public
                || matches!(action, A::ForceStart | A::ForceStop | A::Cancel | A::End | A::Pause | A::Resume)
                // What belongs to a force-start.
                || (action == A::ChooseEngine && matches!(status, S::StartFailed | S::Paused))
        }
        Actor::Owner => !matches!(action, A::ForceStart | A::ForceStop | A::ChooseEngine),
        Actor::Other => false,
    };
    if !allowed {
        return Err(Refusal::Forbidden);
    }
    match (status, action) {
        (S::Draft, A::OpenEnrollment) => Ok(S::EnrollmentOpen),
        (S::EnrollmentOpen, A::ReadyToStart) => Ok(S::ReadyToStart),
        (S::ReadyToStart, A::Start | A::ForceStart) | (S::StartFailed, A::RetryStart | A::ForceStart) => {
            Ok(S::Starting)
        }
        // On a kept state directory, after a force-stop.
        (S::Paused, A::ForceStart) => Ok(S::Starting),
        (S::Running, A::Pause | A::ForceStop) => Ok(S::Paused),
        (S::Paused, A::ForceStop) => Ok(S::Paused),
        (S::Paused, A::Resume) => Ok(S::Running),
        (S::Draft | S::EnrollmentOpen | S::ReadyToStart | S::Starting | S::StartFailed, A::Cancel) => Ok(S::Cancelled),
        // Whether a start that failed was not the first is for the caller to look at.
        (S::Running | S::Paused | S::StartFailed, A::End) => Ok(S::Finished),
        (S::Draft | S::EnrollmentOpen | S::ReadyToStart | S::StartFailed | S::Paused, A::Edit | A::ChooseEngine) => {
            Ok(status)
        }
        (S::EnrollmentOpen, A::Enroll) => Ok(S::EnrollmentOpen),
        _ => Err(Refusal::State),
    }
}

/// Whether an [`GameAction::Edit`] that is allowed as such may change this part. `started` says that the game ran before:
/// its players are then settled, and its engine is an administrator's to choose, while it has none running.
#[must_use]
pub fn may_change(status: GameStatus, started: bool, stopped: bool, part: GamePart, actor: Actor) -> bool {
    use GameStatus as S;
    let administrator = actor == Actor::Administrator;
    match (part, status) {
        (
            GamePart::Texts | GamePart::Schedule,
            S::Draft | S::EnrollmentOpen | S::ReadyToStart | S::StartFailed | S::Paused,
        ) => true,
        (
            GamePart::Players | GamePart::EngineVersion | GamePart::Settings,
            S::Draft | S::EnrollmentOpen | S::ReadyToStart,
        ) => true,
        (GamePart::EnrollmentEnd, S::Draft | S::EnrollmentOpen) => true,
        (GamePart::Players | GamePart::Settings, S::StartFailed) => !started,
        (GamePart::EngineVersion, S::StartFailed) => !started || administrator,
        (GamePart::EngineVersion, S::Paused) => stopped && administrator,
        _ => false,
    }
}

/// Whether `action` may be done to a membership of a game in this state; `own` says that it is the caller's own. No game
/// changes its state by it: one that then has fewer than `min_players` stays where it is.
///
/// # Errors
/// As [`act`].
pub fn act_on_member(
    status: GameStatus,
    visibility: Visibility,
    action: MemberAction,
    actor: Actor,
    own: bool,
) -> Result<(), Refusal> {
    use GameStatus as S;
    let allowed = match action {
        MemberAction::Leave => own,
        MemberAction::Remove | MemberAction::Block => match actor {
            Actor::Owner => true,
            Actor::Administrator => visibility == Visibility::Public,
            Actor::Other => false,
        },
        MemberAction::Ban => actor == Actor::Administrator,
    };
    match status {
        _ if !allowed => Err(Refusal::Forbidden),
        S::EnrollmentOpen | S::ReadyToStart | S::Starting | S::StartFailed | S::Running | S::Paused => Ok(()),
        // A draft has no members; those of a game that is over are history.
        S::Draft | S::Finished | S::Cancelled => Err(Refusal::State),
    }
}

impl GameStatus {
    /// Whether an engine may know the game's races: who leaves then is banished there. A start may have got as far as that
    /// before it failed.
    #[must_use]
    pub const fn may_have_races(self) -> bool {
        matches!(self, Self::Starting | Self::StartFailed | Self::Running | Self::Paused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GameAction as A;
    use GameStatus as S;

    /// The diagram of SPEC §7, written down a second time as data: every other pair of state and action is refused.
    const OWNER: &[(S, A, S)] = &[
        (S::Draft, A::OpenEnrollment, S::EnrollmentOpen),
        (S::Draft, A::Cancel, S::Cancelled),
        (S::Draft, A::Edit, S::Draft),
        (S::EnrollmentOpen, A::ReadyToStart, S::ReadyToStart),
        (S::EnrollmentOpen, A::Enroll, S::EnrollmentOpen),
        (S::EnrollmentOpen, A::Cancel, S::Cancelled),
        (S::EnrollmentOpen, A::Edit, S::EnrollmentOpen),
        (S::ReadyToStart, A::Start, S::Starting),
        (S::ReadyToStart, A::Cancel, S::Cancelled),
        (S::ReadyToStart, A::Edit, S::ReadyToStart),
        (S::Starting, A::Cancel, S::Cancelled),
        (S::StartFailed, A::RetryStart, S::Starting),
        (S::StartFailed, A::Cancel, S::Cancelled),
        (S::StartFailed, A::Edit, S::StartFailed),
        (S::StartFailed, A::End, S::Finished),
        (S::Running, A::End, S::Finished),
        (S::Paused, A::End, S::Finished),
        (S::Running, A::Pause, S::Paused),
        (S::Paused, A::Resume, S::Running),
        (S::Paused, A::Edit, S::Paused),
    ];

    const FORCED: &[(S, A, S)] = &[
        (S::ReadyToStart, A::ForceStart, S::Starting),
        (S::StartFailed, A::ForceStart, S::Starting),
        (S::Paused, A::ForceStart, S::Starting),
        (S::Running, A::ForceStop, S::Paused),
        (S::Paused, A::ForceStop, S::Paused),
    ];

    #[test]
    fn every_state_action_and_actor_is_as_the_diagram_says() {
        for visibility in [Visibility::Public, Visibility::Private] {
            for &status in S::ALL {
                for &action in A::ALL {
                    let find = |action: A, table: &[(S, A, S)]| {
                        table.iter().find(|(s, a, _)| (*s, *a) == (status, action)).map(|e| e.2)
                    };
                    let edge = |table: &[(S, A, S)]| find(action, table);
                    let forced = matches!(action, A::ForceStart | A::ForceStop);
                    let chooses = action == A::ChooseEngine;
                    let owner =
                        if forced || chooses { Err(Refusal::Forbidden) } else { edge(OWNER).ok_or(Refusal::State) };
                    assert_eq!(act(status, visibility, action, Actor::Owner), owner, "{status} {action}");
                    assert_eq!(act(status, visibility, action, Actor::Other), Err(Refusal::Forbidden));
                    let steers = forced
                        || matches!(action, A::Cancel | A::End | A::Pause | A::Resume)
                        || (chooses && matches!(status, S::StartFailed | S::Paused));
                    // Whoever may edit may choose the engine with it.
                    let edge = |table: &[(S, A, S)]| if chooses { find(A::Edit, table) } else { edge(table) };
                    let administrator = if visibility == Visibility::Private && !steers {
                        Err(Refusal::Forbidden)
                    } else {
                        edge(OWNER).or_else(|| edge(FORCED)).ok_or(Refusal::State)
                    };
                    assert_eq!(
                        act(status, visibility, action, Actor::Administrator),
                        administrator,
                        "{status} {action}"
                    );
                }
            }
        }
    }

    #[test]
    fn each_part_of_a_game_is_settled_in_its_time() {
        use GamePart as P;
        // The states in which each may be changed, before the first start; whoever asks.
        let before: [(P, &[S]); 6] = [
            (P::Texts, &[S::Draft, S::EnrollmentOpen, S::ReadyToStart, S::StartFailed, S::Paused]),
            (P::Schedule, &[S::Draft, S::EnrollmentOpen, S::ReadyToStart, S::StartFailed, S::Paused]),
            (P::Players, &[S::Draft, S::EnrollmentOpen, S::ReadyToStart, S::StartFailed]),
            (P::EnrollmentEnd, &[S::Draft, S::EnrollmentOpen]),
            (P::EngineVersion, &[S::Draft, S::EnrollmentOpen, S::ReadyToStart, S::StartFailed]),
            (P::Settings, &[S::Draft, S::EnrollmentOpen, S::ReadyToStart, S::StartFailed]),
        ];
        for (part, states) in before {
            for &status in S::ALL {
                for actor in [Actor::Owner, Actor::Administrator] {
                    for (started, stopped) in [(false, false), (false, true), (true, false), (true, true)] {
                        // What ran is settled; its engine is an administrator's to change, while it has none running.
                        let expected = match (part, status) {
                            (P::Players | P::Settings, S::StartFailed) => !started,
                            (P::EngineVersion, S::StartFailed) => !started || actor == Actor::Administrator,
                            (P::EngineVersion, S::Paused) => stopped && actor == Actor::Administrator,
                            _ => states.contains(&status),
                        };
                        let verdict = may_change(status, started, stopped, part, actor);
                        assert_eq!(verdict, expected, "{status} {part} {actor:?} {started} {stopped}");
                    }
                }
            }
        }
    }

    #[test]
    fn members_go_from_games_that_go_on_and_each_actor_does_his_part_only() {
        use MemberAction as M;
        // Who may do what: (action, visibility, actor, own).
        let may = |action: M, visibility: Visibility, actor: Actor, own: bool| match (action, actor) {
            (M::Leave, _) => own,
            (M::Remove | M::Block, Actor::Owner) | (M::Ban, Actor::Administrator) => true,
            (M::Remove | M::Block, Actor::Administrator) => visibility == Visibility::Public,
            (M::Remove | M::Block, Actor::Other) | (M::Ban, Actor::Owner | Actor::Other) => false,
        };
        let mut granted = 0;
        for &status in S::ALL {
            let goes_on = !matches!(status, S::Draft | S::Finished | S::Cancelled);
            for visibility in [Visibility::Public, Visibility::Private] {
                for &action in M::ALL {
                    for actor in [Actor::Owner, Actor::Administrator, Actor::Other] {
                        for own in [false, true] {
                            let expected = match (may(action, visibility, actor, own), goes_on) {
                                (false, _) => Err(Refusal::Forbidden),
                                (true, false) => Err(Refusal::State),
                                (true, true) => Ok(()),
                            };
                            let verdict = act_on_member(status, visibility, action, actor, own);
                            assert_eq!(verdict, expected, "{status} {visibility:?} {action} {actor:?} {own}");
                            granted += usize::from(verdict.is_ok());
                        }
                    }
                }
            }
        }
        // In six states: each of three actors leaves two kinds of games (6), an owner removes and blocks (8), an
        // administrator does in public games (4), and bans (4).
        assert_eq!(granted, 6 * (6 + 8 + 4 + 4));
    }

    #[test]
    fn races_are_known_from_the_first_start_to_the_end() {
        let knowing: Vec<S> = S::ALL.iter().copied().filter(|status| status.may_have_races()).collect();
        assert_eq!(knowing, [S::Starting, S::StartFailed, S::Running, S::Paused]);
    }
}
