//! The places of one listener: who has how many, and who gives way.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Limits;
use super::activity::{Activity, End};
use super::budget::{GRACE, Short};
use crate::domain::network::Network;

/// Connections that were told to give way and have not gone yet; more newcomers than this are turned away, so that
/// descriptors stay bounded whatever happens.
const MOST_LEAVING: usize = 64;

/// The places of a listener. Clones share them.
#[derive(Clone)]
pub(super) struct Shares(Arc<Inner>);

struct Inner {
    total: usize,
    each: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    by: HashMap<Network, usize>,
    connections: HashMap<u64, Arc<Activity>>,
    leaving: usize,
    next: u64,
}

impl Shares {
    pub(super) fn new(total: usize, each: usize) -> Self {
        let total = total.max(1);
        Self(Arc::new(Inner { total, each: each.clamp(1, total), held: Mutex::default() }))
    }

    /// Gives a newcomer a place. Where its network has its share, a connection of that network gives way; where places
    /// are out, one of the network that has most of them, if that is more than the newcomer's. It is the longest idle
    /// one, else the one that has waited longest for its peer.
    ///
    /// # Errors
    /// [`Short`], where nobody who could give way is idle or waits.
    pub(super) fn admit(&self, network: Network) -> Result<(Place, Arc<Activity>), Short> {
        let mut held = self.0.held.lock();
        let own = held.of(network);
        if own >= self.0.each {
            held.give_way(network).ok_or(Short::Share)?;
        } else if held.connections.len() >= self.0.total {
            let most = held.greediest(network, own).ok_or(Short::Total)?;
            held.give_way(most).ok_or(Short::Total)?;
        }
        let activity = Arc::new(Activity::new(network));
        let id = held.next;
        held.next += 1;
        held.connections.insert(id, Arc::clone(&activity));
        *held.by.entry(network).or_default() += 1;
        Ok((Place { shares: self.clone(), id }, activity))
    }

    /// Asks every connection that has passed one of its limits to end.
    pub(super) fn sweep(&self, limits: &Limits) {
        let now = Instant::now();
        for activity in self.0.held.lock().connections.values() {
            if let Some(end) = activity.overdue(limits, now) {
                activity.end(end);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.held.lock().connections.is_empty()
    }
}

impl Held {
    fn of(&self, network: Network) -> usize {
        self.by.get(&network).copied().unwrap_or_default()
    }

    /// Takes the place of a connection of this network.
    fn give_way(&mut self, network: Network) -> Option<()> {
        if self.leaving >= MOST_LEAVING {
            return None;
        }
        let own = self.connections.iter().filter(|(_, activity)| activity.network == network);
        let (_, id) = own.filter_map(|(id, activity)| Some((Ease::of(activity)?, *id))).min()?;
        let victim = self.forget(id)?;
        self.leaving += 1;
        victim.end(End::GaveWay);
        Some(())
    }

    /// The network with the most connections, of those with one that could give way to a newcomer whose network has
    /// `own`: a newcomer takes no place from who has as few, unless that place is not used.
    fn greediest(&self, newcomer: Network, own: usize) -> Option<Network> {
        let able = self.connections.values().filter_map(|activity| {
            let (ease, network) = (Ease::of(activity)?, activity.network);
            let has = self.of(network);
            let more = match ease {
                Ease::Idle(_) => has > own,
                Ease::Stalled(_) => has > own + 1,
            };
            (more || network == newcomer).then_some((has, network))
        });
        able.max_by_key(|(has, _)| *has).map(|(_, network)| network)
    }

    fn forget(&mut self, id: u64) -> Option<Arc<Activity>> {
        let activity = self.connections.remove(&id)?;
        if let Some(own) = self.by.get_mut(&activity.network) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.by.remove(&activity.network);
            }
        }
        Some(activity)
    }
}

/// How easily a connection gives way: the smallest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Ease {
    /// Nothing is under way, since then.
    Idle(Instant),
    /// All that is under way has waited for the peer since then, and for long enough.
    Stalled(Instant),
}

impl Ease {
    fn of(activity: &Activity) -> Option<Self> {
        let stalled = || activity.stalled_since().filter(|since| since.elapsed() >= GRACE).map(Self::Stalled);
        activity.idle_since().map(Self::Idle).or_else(stalled)
    }
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    shares: Shares,
    id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.shares.0.held.lock();
        // Whoever gave way has no place any more, and only now is gone.
        if held.forget(self.id).is_none() {
            held.leaving = held.leaving.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_never_has_more_than_its_share_and_its_own_longest_idle_gives_way() {
        let shares = Shares::new(8, 2);
        let (mallory, ada) = (network("192.0.2.1"), network("192.0.2.2"));
        let (_first, oldest) = shares.admit(mallory).unwrap();
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        let (_second, younger) = shares.admit(mallory).unwrap();
        let (_ada, adas) = shares.admit(ada).unwrap();
        let (_third, third) = shares.admit(mallory).unwrap();
        assert_eq!((oldest.reason(), younger.reason(), adas.reason()), (Some(End::GaveWay), None, None));
        younger.begin();
        third.begin();
        assert_eq!(shares.admit(mallory).err(), Some(Short::Share), "what is under way is not cut off");
        assert!(shares.admit(ada).is_ok());
        younger.finish(false);
        assert!(shares.admit(mallory).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn where_places_are_out_the_greediest_network_gives_way() {
        let shares = Shares::new(4, 2);
        let names = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"].map(network);
        let (_lone, lone) = shares.admit(names[0]).unwrap();
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        let held = [names[1], names[1], names[2]].map(|of| shares.admit(of).unwrap());
        let _newcomer = shares.admit(names[3]).unwrap();
        assert_eq!(lone.reason(), None, "though it is idle for longest");
        assert!(held[0].1.reason().is_some() || held[1].1.reason().is_some());
        for (_, activity) in &held {
            activity.begin();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_is_idle_a_newcomer_is_turned_away_and_places_come_back() {
        let shares = Shares::new(2, 1);
        let held = ["192.0.2.1", "192.0.2.2"].map(|of| shares.admit(network(of)).unwrap());
        held.iter().for_each(|(_, activity)| activity.begin());
        assert_eq!(shares.admit(network("192.0.2.3")).err(), Some(Short::Total));
        drop(held);
        assert!(shares.is_empty());
        assert!(shares.admit(network("192.0.2.3")).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn neighbours_in_one_64_share() {
        let shares = Shares::new(8, 1);
        let (_place, first) = shares.admit(network("2001:db8:1:2::1")).unwrap();
        let _second = shares.admit(network("2001:db8:1:2:ffff::9")).unwrap();
        assert_eq!(first.reason(), Some(End::GaveWay));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_gave_way_and_do_not_go_stay_few() {
        let shares = Shares::new(8, 1);
        let of = network("192.0.2.1");
        let mut kept = vec![shares.admit(of).unwrap()];
        while let Ok(admitted) = shares.admit(of) {
            kept.push(admitted);
            assert!(kept.len() <= MOST_LEAVING + 1);
        }
        drop(kept);
        assert!(shares.admit(of).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn two_networks_whose_bodies_do_not_come_leave_a_third_its_place() {
        let shares = Shares::new(8, 4);
        let (mallory, eve, ada) = (network("192.0.2.1"), network("192.0.2.2"), network("192.0.2.3"));
        let held: Vec<_> = [mallory, eve].repeat(4).into_iter().map(|of| shares.admit(of).unwrap()).collect();
        for (_, activity) in &held {
            activity.begin();
        }
        assert_eq!(shares.admit(ada).err(), Some(Short::Total), "what is answered is not cut off");
        held.iter().for_each(|(_, activity)| activity.waits());
        assert_eq!(shares.admit(ada).err(), Some(Short::Total), "nor who is only a little slow");
        tokio::time::advance(GRACE).await;
        let admit = || shares.admit(ada).ok().inspect(|(_, activity)| activity.begin());
        let admitted: Vec<_> = (0..4).map_while(|_| admit()).collect();
        assert_eq!(admitted.len(), 2, "until they have hardly more than she");
        let ended = |of| held.iter().filter(|(_, a)| a.network == of && a.reason() == Some(End::GaveWay)).count();
        assert_eq!((ended(mallory), ended(eve)), (1, 1), "from whoever had most");
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_one_idle_connection_keeps_it_from_those_who_hold_many() {
        let shares = Shares::new(4, 3);
        let (mallory, eve, ada) = (network("192.0.2.1"), network("192.0.2.2"), network("192.0.2.3"));
        let (_place, adas) = shares.admit(ada).unwrap();
        let busy = [mallory, mallory, eve].map(|of| shares.admit(of).unwrap());
        busy.iter().for_each(|(_, activity)| activity.begin());
        assert_eq!(shares.admit(eve).err(), Some(Short::Total));
        assert_eq!(shares.admit(mallory).err(), Some(Short::Total));
        assert_eq!(adas.reason(), None);
    }
}
