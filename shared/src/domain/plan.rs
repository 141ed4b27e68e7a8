//! What a plan allows (SPEC §6): one table.

use super::word::words;

words! {
    /// What an account has paid for, or was given.
    Plan, "plan" {
        /// What everybody has.
        Free = "free",
        /// Paid by the month.
        Monthly = "monthly",
        /// Paid by the year.
        Yearly = "yearly",
        /// For good.
        Permanent = "permanent",
    }
}

impl Plan {
    /// Whether somebody pays for it, or did.
    #[must_use]
    pub const fn is_paid(self) -> bool {
        !matches!(self, Self::Free)
    }
}

/// How much of each an account may have at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Own private games that are neither finished nor cancelled.
    pub private_games: i64,
    /// Active memberships in games that are neither finished nor cancelled.
    pub memberships: i64,
    /// Registered race names.
    pub race_names: i64,
}

/// The limits of a plan.
#[must_use]
pub const fn limits(plan: Plan) -> Limits {
    match plan {
        Plan::Free => Limits { private_games: 3, memberships: 10, race_names: 1 },
        Plan::Monthly => Limits { private_games: 10, memberships: 30, race_names: 6 },
        Plan::Yearly => Limits { private_games: 20, memberships: 50, race_names: 12 },
        Plan::Permanent => Limits { private_games: 50, memberships: 100, race_names: 24 },
    }
}

/// What an administrator allows one account instead of its plan's; `None` is the plan's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    /// In place of [`Limits::private_games`].
    pub private_games: Option<i32>,
    /// In place of [`Limits::memberships`].
    pub memberships: Option<i32>,
    /// In place of [`Limits::race_names`].
    pub race_names: Option<i32>,
}

impl Limits {
    /// These, but where an administrator decided otherwise.
    #[must_use]
    pub fn overridden(self, by: &Overrides) -> Self {
        let one = |own: Option<i32>, plans: i64| own.map_or(plans, i64::from);
        Self {
            private_games: one(by.private_games, self.private_games),
            memberships: one(by.memberships, self.memberships),
            race_names: one(by.race_names, self.race_names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_plan_never_allows_less() {
        let plans: Vec<Limits> = Plan::ALL.iter().copied().map(limits).collect();
        for pair in plans.windows(2) {
            assert!(
                pair[0].private_games < pair[1].private_games
                    && pair[0].memberships < pair[1].memberships
                    && pair[0].race_names < pair[1].race_names
            );
        }
    }

    #[test]
    fn an_override_counts_whether_it_is_more_or_less() {
        let by = Overrides { private_games: Some(0), memberships: Some(500), race_names: None };
        let limits = limits(Plan::Monthly).overridden(&by);
        assert_eq!(limits, Limits { private_games: 0, memberships: 500, race_names: 6 });
    }
}
