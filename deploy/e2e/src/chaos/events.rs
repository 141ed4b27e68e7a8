//! What the follower of the push stream has seen, held against the log. That its cursors are dense, that no event came twice and
//! none was said to be lost is the journal's own business, as it reads; what is here is that it has read all.

use std::collections::{HashMap, HashSet};

use shared::domain::notification::Payload;
use uuid::Uuid;

use super::load::Invite;
use crate::gateway::{Journal, News};

/// How many ids a fault names.
const NAMED: usize = 5;

/// Answers what is wrong with the journal: a breach of the contract, an event that was published and did not come or came without
/// having been published, an invite that its guest was not told of once.
pub(super) fn judge(journal: &Journal, published: &[Uuid], invites: &[Invite]) -> Vec<String> {
    let mut faults: Vec<String> = journal.fault.iter().map(|fault| format!("the push stream: {fault}")).collect();
    let mut heard = HashSet::new();
    let mut told: HashMap<(Uuid, Uuid), usize> = HashMap::new();
    for entry in &journal.entries {
        let News::Event { user_id, payload, event_id } = &entry.news else { continue };
        heard.insert(*event_id);
        if let Payload::LobbyInviteReceived { game_id, .. } = payload {
            *told.entry((*user_id, game_id.uuid())).or_default() += 1;
        }
    }
    let published: HashSet<Uuid> = published.iter().copied().collect();
    faults.extend(named("were published, and did not come", published.difference(&heard)));
    faults.extend(named("came, and were never published", heard.difference(&published)));
    for Invite { email, user_id, game_id } in invites {
        let times = told.get(&(*user_id, *game_id)).copied().unwrap_or(0);
        if times != 1 {
            faults.push(format!("{email} was told {times} times by push of the invite to game {game_id}"));
        }
    }
    faults
}

fn named<'a>(what: &str, ids: impl Iterator<Item = &'a Uuid>) -> Option<String> {
    let ids: Vec<&Uuid> = ids.collect();
    let some: Vec<String> = ids.iter().take(NAMED).map(|id| id.to_string()).collect();
    (!ids.is_empty()).then(|| format!("{} events {what}: {}", ids.len(), some.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::strike::tests::at;
    use super::*;
    use crate::gateway::Entry;

    const USER: Uuid = Uuid::from_u128(1);
    const GAME: Uuid = Uuid::from_u128(2);
    const EVENT: Uuid = Uuid::from_u128(3);

    fn told_of_an_invite() -> Journal {
        let payload = Payload::LobbyInviteReceived { game_id: GAME.into(), inviter_user_id: USER.into() };
        let news = News::Event { user_id: USER, payload, event_id: EVENT };
        let cursor = "00001000000000000001".parse().unwrap();
        let mut journal = Journal::default();
        journal.entries.push(Entry { cursor, at: at(0), news, traceparent: String::new() });
        journal
    }

    #[test]
    fn what_was_published_came_and_no_other_and_guests_were_told_once() {
        let invite = Invite { email: "ada@players.example".into(), user_id: USER, game_id: GAME };
        let (told, silent) = (told_of_an_invite(), Journal::default());
        assert_eq!(judge(&told, &[EVENT], std::slice::from_ref(&invite)), Vec::<String>::new());
        assert_eq!(judge(&told, &[], &[]).len(), 1, "it was never published");
        assert_eq!(judge(&silent, &[EVENT], &[]).len(), 1, "it did not come");
        assert_eq!(judge(&silent, &[], &[invite]).len(), 1, "nobody told the guest");
    }
}
