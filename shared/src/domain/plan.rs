//! What a plan allows (SPEC §6): one table.

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

/// The limits of a plan. A word that this build does not know reads as `free`: the least that anybody has.
#[must_use]
pub fn limits(plan: &str) -> Limits {
    match plan {
        "monthly" => Limits { private_games: 10, memberships: 30, race_names: 6 },
        "yearly" => Limits { private_games: 20, memberships: 50, race_names: 12 },
        "permanent" => Limits { private_games: 50, memberships: 100, race_names: 24 },
        _ => Limits { private_games: 3, memberships: 10, race_names: 1 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_plan_never_allows_less() {
        let plans = ["free", "monthly", "yearly", "permanent"].map(limits);
        for pair in plans.windows(2) {
            assert!(
                pair[0].private_games < pair[1].private_games
                    && pair[0].memberships < pair[1].memberships
                    && pair[0].race_names < pair[1].race_names
            );
        }
        assert_eq!(limits("unheard of"), limits("free"));
    }
}
