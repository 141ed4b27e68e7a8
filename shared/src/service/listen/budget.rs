//! A budget that nobody may spend alone: so much in all, and so much for each of those who ask.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Places or bytes, counted in all and by key: by network, by game, by user. Clones share the same budget.
pub struct Budget<K>(Arc<Inner<K>>);

struct Inner<K> {
    total: usize,
    each: usize,
    spent: Mutex<Spent<K>>,
}

struct Spent<K> {
    all: usize,
    by: HashMap<K, usize>,
}

/// Why a budget gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Short {
    /// It is spent as a whole.
    Total,
    /// Whoever asks holds their share of it.
    Share,
}

impl Short {
    /// The word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Share => "share",
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
        let spent = Mutex::new(Spent { all: 0, by: HashMap::new() });
        Self(Arc::new(Inner { total: total.max(1), each: each.max(1), spent }))
    }

    /// Takes `amount` for `key` until the permit is dropped.
    ///
    /// # Errors
    /// [`Short`]; nothing was taken.
    pub fn take(&self, key: &K, amount: usize) -> Result<Permit<K>, Short> {
        let mut permit = Permit { budget: self.clone(), key: key.clone(), amount: 0 };
        permit.grow(amount)?;
        Ok(permit)
    }

    /// What is taken now, by all.
    #[must_use]
    pub fn spent(&self) -> usize {
        self.0.spent.lock().all
    }
}

/// What somebody has of a [`Budget`]; it goes back when dropped.
pub struct Permit<K: Eq + Hash + Clone> {
    budget: Budget<K>,
    key: K,
    amount: usize,
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
        let budget = &self.budget.0;
        let mut spent = budget.spent.lock();
        let own = spent.by.get(&self.key).copied().unwrap_or_default();
        if own.saturating_add(more) > budget.each {
            return Err(Short::Share);
        }
        if spent.all.saturating_add(more) > budget.total {
            return Err(Short::Total);
        }
        spent.all += more;
        spent.by.insert(self.key.clone(), own + more);
        self.amount += more;
        Ok(())
    }
}

impl<K: Eq + Hash + Clone> Drop for Permit<K> {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let mut spent = self.budget.0.spent.lock();
        spent.all = spent.all.saturating_sub(self.amount);
        // Keys are the peers' to choose: one that holds nothing must not stay.
        if let Some(own) = spent.by.get_mut(&self.key) {
            *own = own.saturating_sub(self.amount);
            if *own == 0 {
                spent.by.remove(&self.key);
            }
        }
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
}
