//! What is answered to whoever asks for a sign-in code (SPEC §6): the challenge that lives already, or another one. A pure rule
//! over the rows of one address; `docs/accounts.md` has it as a table.

use crate::ids::ChallengeId;

/// A challenge of the address that lives, or was made within the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recent {
    /// The challenge's id.
    pub challenge_id: ChallengeId,
    /// Carries a long code.
    pub guarded: bool,
    /// Neither used nor expired. It may be burnt all the same.
    pub live: bool,
    /// Has no tries left, and is of those that tries burn.
    pub burnt: bool,
    /// Made within the throttle's window.
    pub in_window: bool,
}

/// The mailbox, as its row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Guarded at this moment.
    pub guarded: bool,
    /// Wrong tries of this UTC day.
    pub wrong_tries: i32,
}

/// The challenges of a mailbox, over all tags of its address, the asking one's own too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mailbox {
    /// Made within the hour.
    pub in_hour: i64,
    /// Live ones within the throttle's window.
    pub in_window: i64,
    /// Live ones with a long code.
    pub long: i64,
}

/// The settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Live challenges in the window past which none is made.
    pub throttle_max: usize,
    /// Code mails within an hour that guard the address.
    pub guard_mails: usize,
    /// Wrong tries of a day that guard the address.
    pub guard_wrong_tries: i32,
}

/// Why an address is guarded from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Too many wrong tries.
    WrongTries,
    /// Too many code mails.
    Mails,
}

impl Cause {
    /// The label in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WrongTries => "wrong_tries",
            Self::Mails => "mails",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// This one lives: it is answered, and no mail goes out.
    Again(ChallengeId),
    /// A new one with six digits.
    Short,
    /// A new one with a long code.
    Long,
}

/// Whether the mailbox becomes guarded now, if it is not.
#[must_use]
pub fn guards(standing: Standing, mailbox: Mailbox, rules: Rules) -> Option<Cause> {
    if standing.guarded {
        None
    } else if standing.wrong_tries >= rules.guard_wrong_tries {
        Some(Cause::WrongTries)
    } else {
        (usize::try_from(mailbox.in_hour).unwrap_or(0) >= rules.guard_mails).then_some(Cause::Mails)
    }
}

/// Whether the mailbox has room for one more code mail, short or long. Only an address with a tag that no account has waits for
/// that: of those a stranger makes as many as they like. Whoever has an account, or no tag, has [`answer`] alone to thank.
#[must_use]
pub fn has_room(mailbox: Mailbox, long: bool, rules: Rules) -> bool {
    if long { mailbox.long == 0 } else { usize::try_from(mailbox.in_window).unwrap_or(0) < rules.throttle_max }
}

/// What an address is answered; `recent` has the newest first.
///
/// Burnt challenges count for the throttle as long as they are in its window: tries between two requests do not lift it. Where
/// all that the throttle lets out were burnt, the owner must get one that nobody can burn.
#[must_use]
pub fn answer(guarded: bool, recent: &[Recent], rules: Rules) -> Answer {
    let live = || recent.iter().filter(|c| c.live);
    let long = live().find(|c| c.guarded).map(|c| Answer::Again(c.challenge_id));
    if guarded {
        return long.unwrap_or(Answer::Long);
    }
    let counted = || live().filter(|c| c.in_window);
    if counted().count() < rules.throttle_max {
        return Answer::Short;
    }
    let usable = counted().find(|c| !c.burnt).map(|c| Answer::Again(c.challenge_id));
    usable.or(long).unwrap_or(Answer::Long)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { throttle_max: 3, guard_mails: 10, guard_wrong_tries: 50 };

    fn short() -> Recent {
        Recent { challenge_id: ChallengeId::new(), guarded: false, live: true, burnt: false, in_window: true }
    }

    fn long() -> Recent {
        Recent { guarded: true, ..short() }
    }

    #[test]
    fn the_throttle_answers_the_newest_that_can_still_be_used() {
        let burnt = || Recent { burnt: true, ..short() };
        let used = || Recent { live: false, ..short() };
        let old = || Recent { in_window: false, ..short() };
        assert_eq!(answer(false, &[], RULES), Answer::Short);
        assert_eq!(answer(false, &[short(), short()], RULES), Answer::Short);
        let three = [short(), short(), short()];
        assert_eq!(answer(false, &three, RULES), Answer::Again(three[0].challenge_id));
        // Neither what was used nor what is out of the window counts.
        assert_eq!(answer(false, &[used(), used(), used(), short()], RULES), Answer::Short);
        assert_eq!(answer(false, &[short(), old(), old(), old()], RULES), Answer::Short);
        // What was burnt counts, and is not answered.
        let mixed = [burnt(), short(), burnt()];
        assert_eq!(answer(false, &mixed, RULES), Answer::Again(mixed[1].challenge_id));
        assert_eq!(answer(false, &[burnt(), burnt(), burnt()], RULES), Answer::Long);
        let saved = Recent { in_window: false, ..long() };
        assert_eq!(answer(false, &[burnt(), burnt(), burnt(), saved], RULES), Answer::Again(saved.challenge_id));
    }

    #[test]
    fn a_guarded_address_has_one_long_challenge_at_a_time() {
        assert_eq!(answer(true, &[], RULES), Answer::Long);
        assert_eq!(answer(true, &[short(), short(), short()], RULES), Answer::Long);
        let one = Recent { in_window: false, ..long() };
        assert_eq!(answer(true, &[short(), one], RULES), Answer::Again(one.challenge_id));
        assert_eq!(answer(true, &[Recent { live: false, ..long() }], RULES), Answer::Long);
    }

    #[test]
    fn an_address_is_guarded_by_wrong_tries_of_the_day_or_mails_of_the_hour() {
        let standing = |guarded, wrong_tries| Standing { guarded, wrong_tries };
        let mails = |in_hour| Mailbox { in_hour, in_window: 0, long: 0 };
        assert_eq!(guards(standing(false, 49), mails(9), RULES), None);
        assert_eq!(guards(standing(false, 50), mails(0), RULES), Some(Cause::WrongTries));
        assert_eq!(guards(standing(false, 0), mails(10), RULES), Some(Cause::Mails));
        assert_eq!(guards(standing(true, 50), mails(10), RULES), None, "it is already");
    }

    #[test]
    fn a_mailbox_has_room_as_one_address_has() {
        let mailbox = |in_window, long| Mailbox { in_hour: 0, in_window, long };
        assert!(has_room(mailbox(2, 0), false, RULES) && !has_room(mailbox(3, 0), false, RULES));
        assert!(has_room(mailbox(3, 0), true, RULES) && !has_room(mailbox(0, 1), true, RULES));
    }
}
