//! A budget that nobody may spend alone: so much in all, and so much for each of those who ask.
//!
//! What somebody has while they wait for their peer is *lent*: it is asked back where it is needed, from whoever has
//! had it for longest. So two networks that sit on all of it leave a third its part.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// For so long nothing is asked back: whoever is only a little slow is not cut off.
pub(super) const GRACE: Duration = Duration::from_millis(250);

/// Places or bytes, counted in all and by key: by network, by game, by user. Clones share the same budget.
pub struct Budget<K>(Arc<Inner<K>>);

struct Inner<K> {
    total: usize,
    each: usize,
    spent: Mutex<Spent<K>>,
}

struct Spent<K> {
    all: usize,
    /// Asked back, and not given back yet: no part of `all`, and bounded, so that `all` tells the truth but for so much.
    leaving: usize,
    by: HashMap<K, Account>,
    next: u64,
}

#[derive(Default)]
struct Account {
    spent: usize,
    /// What is lent, by since when.
    lent: BTreeMap<Lent, (usize, Recall)>,
}

/// Since when, and a number of its own.
type Lent = (Instant, u64);
type Recall = Box<dyn FnOnce() + Send>;

/// Why a budget gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Short {
    /// It is spent as a whole, and nobody who has more than their part waits for their peer.
    Total,
    /// Whoever asks holds their share of it, and has waited for nothing for long.
    Share,
    /// What whoever asks had was asked back.
    GaveWay,
}

impl Short {
    /// The word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Share => "share",
            Self::GaveWay => "gave_way",
        }
    }
}

impl<K> Clone for Budget<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash + Clone> Budget<K> {
    /// `total` in all, of which one key has at most `each`; never less than one, or nobody would ever be served.
    #[must_use]
    pub fn new(total: usize, each: usize) -> Self {
        let spent = Mutex::new(Spent { all: 0, leaving: 0, by: HashMap::new(), next: 0 });
        Self(Arc::new(Inner { total: total.max(1), each: each.max(1), spent }))
    }

    /// Takes `amount` for `key` until the permit is dropped. What it needs is asked back from those to whom it was lent
    /// for longest: of the same key where that has its share, of the key that has most, and more than this one, where
    /// all is spent.
    ///
    /// # Errors
    /// [`Short`]; nothing was taken.
    pub fn take(&self, key: &K, amount: usize) -> Result<Permit<K>, Short> {
        let mut permit = Permit { budget: self.clone(), key: key.clone(), amount: 0, lent: None };
        permit.grow(amount)?;
        Ok(permit)
    }

    /// What is taken now, by all.
    #[must_use]
    pub fn spent(&self) -> usize {
        self.0.spent.lock().all
    }
}

impl<K: Eq + Hash + Clone> Inner<K> {
    /// Makes room for `more` of `key`'s; what is asked back for it is put into `recalls`.
    fn make_room(
        &self,
        spent: &mut Spent<K>,
        key: &K,
        me: Option<Lent>,
        more: usize,
        recalls: &mut Vec<Recall>,
    ) -> Result<(), Short> {
        loop {
            let own = spent.by.get(key).map_or(0, |own| own.spent).saturating_add(more);
            let (from, short) = if own > self.each {
                (Some(key.clone()), Short::Share)
            } else if spent.all.saturating_add(more) > self.total {
                let greedier = spent.by.iter().filter(|(_, of)| of.spent > own && of.longest(me).is_some());
                (greedier.max_by_key(|(_, of)| of.spent).map(|(of, _)| of.clone()), Short::Total)
            } else {
                return Ok(());
            };
            let most = self.total / 4 + 1;
            let recall = from.and_then(|from| spent.ask_back(&from, me, most));
            recalls.push(recall.ok_or(short)?);
        }
    }
}

impl<K: Eq + Hash> Spent<K> {
    /// Takes back what `from` was lent for longest, if no more than `most` is then on its way back.
    fn ask_back(&mut self, from: &K, me: Option<Lent>, most: usize) -> Option<Recall> {
        let account = self.by.get_mut(from)?;
        let longest = account.longest(me)?;
        let amount = account.lent.get(&longest).map_or(0, |(amount, _)| *amount);
        if self.leaving.saturating_add(amount) > most {
            return None;
        }
        let (amount, recall) = account.lent.remove(&longest)?;
        self.leaving += amount;
        self.give_back(from, amount);
        Some(recall)
    }

    fn give_back(&mut self, key: &K, amount: usize) {
        self.all = self.all.saturating_sub(amount);
        // Keys are the peers' to choose: one that holds nothing must not stay.
        if let Some(own) = self.by.get_mut(key) {
            own.spent = own.spent.saturating_sub(amount);
            if own.spent == 0 {
                self.by.remove(key);
            }
        }
    }
}

impl Account {
    /// What was lent for longest, and long enough.
    fn longest(&self, me: Option<Lent>) -> Option<Lent> {
        let longest = self.lent.keys().find(|lent| Some(**lent) != me)?;
        (longest.0.elapsed() >= GRACE).then_some(*longest)
    }
}

/// What somebody has of a [`Budget`]; it goes back when dropped.
pub struct Permit<K: Eq + Hash + Clone> {
    budget: Budget<K>,
    key: K,
    amount: usize,
    lent: Option<Lent>,
}

impl<K: Eq + Hash + Clone> Permit<K> {
    /// Takes `more` beside what it has.
    ///
    /// # Errors
    /// [`Short`]; it keeps what it had.
    pub fn grow(&mut self, more: usize) -> Result<(), Short> {
        if more == 0 {
            return Ok(());
        }
        let mut recalls = Vec::new();
        let grown = self.grow_by(more, &mut recalls);
        // Not under the lock: what is asked back may be given back at once.
        recalls.into_iter().for_each(|recall| recall());
        grown
    }

    fn grow_by(&mut self, more: usize, recalls: &mut Vec<Recall>) -> Result<(), Short> {
        let budget = &self.budget.0;
        let mut spent = budget.spent.lock();
        if self.was_asked_back(&spent) {
            return Err(Short::GaveWay);
        }
        budget.make_room(&mut spent, &self.key, self.lent, more, recalls)?;
        spent.all += more;
        let account = spent.by.entry(self.key.clone()).or_default();
        account.spent += more;
        self.amount += more;
        if let Some(lent) = self.lent
            && let Some((amount, _)) = account.lent.get_mut(&lent)
        {
            *amount = self.amount;
        }
        Ok(())
    }

    /// From now on it may be asked back, by `recall`, which must see to it that it is dropped soon.
    pub fn lend(&mut self, recall: impl FnOnce() + Send + 'static) {
        if self.amount == 0 || self.lent.is_some() {
            return;
        }
        let mut spent = self.budget.0.spent.lock();
        spent.next += 1;
        let lent = (Instant::now(), spent.next);
        if let Some(account) = spent.by.get_mut(&self.key) {
            account.lent.insert(lent, (self.amount, Box::new(recall)));
            self.lent = Some(lent);
        }
    }

    /// It is not asked back any more.
    ///
    /// # Errors
    /// [`Short::GaveWay`] where it was before.
    pub fn keep(&mut self) -> Result<(), Short> {
        let mut spent = self.budget.0.spent.lock();
        if self.was_asked_back(&spent) {
            return Err(Short::GaveWay);
        }
        if let (Some(lent), Some(account)) = (self.lent.take(), spent.by.get_mut(&self.key)) {
            account.lent.remove(&lent);
        }
        Ok(())
    }

    fn was_asked_back(&self, spent: &Spent<K>) -> bool {
        self.lent.is_some_and(|lent| !spent.by.get(&self.key).is_some_and(|account| account.lent.contains_key(&lent)))
    }
}

impl<K: Eq + Hash + Clone> Drop for Permit<K> {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let mut spent = self.budget.0.spent.lock();
        if self.was_asked_back(&spent) {
            spent.leaving = spent.leaving.saturating_sub(self.amount);
            return;
        }
        if let (Some(lent), Some(account)) = (self.lent, spent.by.get_mut(&self.key)) {
            account.lent.remove(&lent);
        }
        spent.give_back(&self.key, self.amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_spends_it_alone_and_all_of_it_comes_back() {
        let budget = Budget::new(10, 6);
        let mut ada = budget.take(&"ada", 4).unwrap();
        assert_eq!(ada.grow(3), Err(Short::Share));
        ada.grow(2).unwrap();
        assert_eq!(budget.take(&"ada", 1).err(), Some(Short::Share));
        let bob = budget.take(&"bob", 4).unwrap();
        assert_eq!(budget.take(&"eve", 1).err(), Some(Short::Total));
        drop(ada);
        assert_eq!(budget.spent(), 4);
        let _eve = budget.take(&"eve", 6).unwrap();
        drop(bob);
        assert_eq!(budget.spent(), 6);
        assert_eq!(budget.0.spent.lock().by.len(), 1, "who holds nothing is forgotten");
    }

    #[test]
    fn the_smallest_budget_still_serves() {
        assert!(Budget::new(0, 0).take(&(), 1).is_ok());
    }

    /// What was asked back, in its order.
    type Asked = Arc<Mutex<Vec<&'static str>>>;

    fn lend(permit: &mut Permit<&'static str>, name: &'static str, asked: &Asked) {
        let asked = Arc::clone(asked);
        permit.lend(move || asked.lock().push(name));
    }

    #[tokio::test(start_paused = true)]
    async fn two_who_sit_on_all_of_it_leave_a_third_their_part() {
        let (budget, asked) = (Budget::new(8, 4), Asked::default());
        let mut held: Vec<_> =
            ["eve", "mallory"].repeat(4).iter().map(|who| (*who, budget.take(who, 1).unwrap())).collect();
        for (who, permit) in &mut held {
            lend(permit, who, &asked);
        }
        assert_eq!(budget.take(&"ada", 1).err(), Some(Short::Total), "who is only a little slow is not cut off");
        tokio::time::advance(GRACE).await;
        let mut ada = budget.take(&"ada", 1).unwrap();
        assert_eq!(asked.lock().len(), 1, "one is enough");
        ada.grow(1).unwrap();
        asked.lock().sort_unstable();
        assert_eq!(*asked.lock(), ["eve", "mallory"], "the second from whoever had most then");
        assert_eq!(ada.grow(1), Err(Short::Total), "nobody who waits has more than she would");
        assert_eq!(budget.spent(), 8);
        drop(held);
        assert_eq!(budget.spent(), 2);
        assert_eq!(budget.0.spent.lock().leaving, 0, "what was asked back has come back");
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_asked_gets_no_more_and_what_is_kept_is_not_asked_back() {
        let (budget, asked) = (Budget::new(100, 4), Asked::default());
        let (mut first, mut second) = (budget.take(&"ada", 2).unwrap(), budget.take(&"ada", 2).unwrap());
        lend(&mut first, "first", &asked);
        tokio::time::advance(GRACE).await;
        lend(&mut second, "second", &asked);
        tokio::time::advance(GRACE).await;
        // The longest of her own gives way where her share is out.
        second.grow(1).unwrap();
        assert_eq!(*asked.lock(), ["first"]);
        assert_eq!(first.grow(1), Err(Short::GaveWay));
        assert_eq!(first.keep(), Err(Short::GaveWay));
        second.keep().unwrap();
        assert_eq!(second.grow(2), Err(Short::Share));
        drop((first, second));
        assert_eq!((budget.spent(), budget.0.spent.lock().by.len()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_back_is_bounded() {
        let (budget, asked) = (Budget::new(8, 8), Asked::default());
        let mut held: Vec<_> = (0..8).map(|_| budget.take(&"eve", 1).unwrap()).collect();
        held.iter_mut().for_each(|permit| lend(permit, "eve", &asked));
        tokio::time::advance(GRACE).await;
        let ada: Vec<_> = (0..8).map_while(|_| budget.take(&"ada", 1).ok()).collect();
        assert_eq!(ada.len(), 3, "a quarter and one");
        drop(held);
        assert_eq!(budget.spent(), 3);
    }
}
