//! What the follower of the push stream has seen, held against the log. That its cursors are dense, that no event came twice and
//! none was said to be lost is the journal's own business, as it reads; what is here is that it has read all.

use std::collections::{BTreeMap, HashMap, HashSet};

use shared::domain::notification::Payload;
use uuid::Uuid;

use super::database::Revoked;
use super::load::{Book, Code, Invite};
use crate::gateway::{Cursor, Journal, News};

/// How many ids a fault names.
const NAMED: usize = 5;

/// Answers what is wrong with the journal: a breach of the contract, an event that was published and did not come or came without
/// having been published, the same of sessions that ended, an invite that its guest was not told of once, a newcomer who was told of
/// one that nobody sent. What came after `head` was not published yet when it was looked at.
pub(super) fn judge(
    journal: &Journal,
    head: Cursor,
    published: &[Uuid],
    revoked: &Revoked,
    book: &Book,
) -> Vec<String> {
    let mut faults: Vec<String> = journal.fault.iter().map(|fault| format!("the push stream: {fault}")).collect();
    let mut heard = HashSet::new();
    let mut told: HashMap<(Uuid, Uuid), usize> = HashMap::new();
    // How much oftener each came than it was written.
    let mut ended: BTreeMap<(Uuid, Vec<Uuid>), i64> = BTreeMap::new();
    for entry in journal.entries.iter().filter(|entry| entry.cursor <= head) {
        let (user_id, payload, event_id) = match &entry.news {
            News::Event { user_id, payload, event_id } => (user_id, payload, event_id),
            News::Invalidation { user_id, sessions } => {
                *ended.entry(sorted(*user_id, sessions)).or_default() += 1;
                continue;
            }
        };
        heard.insert(*event_id);
        if let Payload::LobbyInviteReceived { game_id, .. } = payload {
            *told.entry((*user_id, game_id.uuid())).or_default() += 1;
        }
    }
    let published: HashSet<Uuid> = published.iter().copied().collect();
    faults.extend(named("were published, and did not come", published.difference(&heard)));
    faults.extend(named("came, and were never published", heard.difference(&published)));
    for (user, sessions) in &revoked.entries {
        *ended.entry(sorted(*user, sessions)).or_default() -= 1;
    }
    for ((user, _), more) in ended {
        if more < 0 || (more > 0 && revoked.all) {
            faults.push(format!("the end of sessions of {user} came {more:+} times against what was written"));
        }
    }
    for Invite { email, user_id, game_id } in &book.invites {
        let times = told.remove(&(*user_id, *game_id)).unwrap_or(0);
        if times != 1 {
            faults.push(format!("{email} was told {times} times by push of the invite to game {game_id}"));
        }
    }
    // What is left is the players' own, or nobody's.
    for Code { email, user_id, .. } in &book.codes {
        for (_, game) in told.keys().filter(|(guest, _)| guest == user_id) {
            faults.push(format!("{email} was told by push of an invite to game {game}, which nobody sent"));
        }
    }
    faults
}

/// The same sessions, in whatever order they are named.
fn sorted(user: Uuid, sessions: &[Uuid]) -> (Uuid, Vec<Uuid>) {
    let mut sessions = sessions.to_vec();
    sessions.sort_unstable();
    (user, sessions)
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

    fn head() -> Cursor {
        "00001000000000000001".parse().unwrap()
    }

    fn told_of_an_invite() -> Journal {
        let payload = Payload::LobbyInviteReceived { game_id: GAME.into(), inviter_user_id: USER.into() };
        let news = News::Event { user_id: USER, payload, event_id: EVENT };
        let cursor = head();
        let mut journal = Journal::default();
        journal.entries.push(Entry { cursor, at: at(0), news, traceparent: String::new() });
        journal
    }

    #[test]
    fn what_was_published_came_and_no_other_and_guests_were_told_once() {
        let email = || "ada@players.example".to_owned();
        let code = Code { email: email(), user_id: USER, asked: 1, tries: 1 };
        let uninvited = Book { codes: vec![code], ..Book::default() };
        let invite = Invite { email: email(), user_id: USER, game_id: GAME };
        let invited = Book { invites: vec![invite], ..uninvited.clone() };
        let (told, silent, nobody) = (told_of_an_invite(), Journal::default(), Book::default());
        let none = Revoked::default();
        let judge = |journal: &Journal, published: &[Uuid], book: &Book| judge(journal, head(), published, &none, book);
        assert_eq!(judge(&told, &[EVENT], &invited), Vec::<String>::new());
        assert_eq!(judge(&told, &[], &nobody).len(), 1, "it was never published");
        assert_eq!(judge(&silent, &[EVENT], &nobody).len(), 1, "it did not come");
        assert_eq!(judge(&silent, &[], &invited).len(), 1, "nobody told the guest");
        assert_eq!(judge(&told, &[EVENT], &uninvited).len(), 1, "nobody sent it");
        assert_eq!(judge(&told, &[EVENT], &nobody), Vec::<String>::new(), "players count theirs themselves");
        let earlier = "00001000000000000000".parse().unwrap();
        assert_eq!(super::judge(&told, earlier, &[], &none, &nobody), Vec::<String>::new(), "it came after the look");
    }

    #[test]
    fn ends_of_sessions_came_as_often_as_they_were_written() {
        let sessions = |ids: [u128; 2]| ids.map(Uuid::from_u128).to_vec();
        let mut told = Journal::default();
        let news = News::Invalidation { user_id: USER, sessions: sessions([4, 5]) };
        told.entries.push(Entry { cursor: head(), at: at(0), news, traceparent: String::new() });
        let silent = Journal::default();
        let kept = |entries, all| Revoked { entries, all };
        let nobody = Book::default();
        let faults = |journal: &Journal, revoked: &Revoked| judge(journal, head(), &[], revoked, &nobody).len();
        let once = kept(vec![(USER, sessions([5, 4]))], true);
        assert_eq!(faults(&told, &once), 0);
        assert_eq!(faults(&silent, &once), 1, "it did not come");
        assert_eq!(faults(&told, &kept(vec![(USER, sessions([4, 6]))], true)), 2, "others were meant");
        assert_eq!(faults(&told, &kept(Vec::new(), true)), 1, "nobody wrote it");
        assert_eq!(faults(&told, &kept(Vec::new(), false)), 0, "it may have been cleared away");
    }
}
