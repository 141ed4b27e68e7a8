//! Several rounds of one measurement in a word.

/// The median of some figures, the least and the most of them.
pub struct Spread {
    /// The middle one.
    pub median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// Of at least one figure.
    pub fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_unstable_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        Self { median: at(figures.len() / 2), least: at(0), most: at(figures.len().saturating_sub(1)) }
    }

    /// Without decimals.
    pub fn whole(&self) -> String {
        format!("{:.0} ({:.0}–{:.0})", self.median, self.least, self.most)
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:.2} ({:.2}–{:.2})", self.median, self.least, self.most))
    }
}

/// Of figures in their order the one below which such a share of them lies.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share) as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// Parts of a row of samples, of which two are compared.
const PARTS: usize = 5;

/// The median of the second fifth of some samples, and of the last: the first is for pools, plans and caches to grow.
pub fn grown(samples: &[f64]) -> (f64, f64) {
    let part = (samples.len() / PARTS).max(1);
    let median = |part: Option<&[f64]>| Spread::of(part.unwrap_or_default().to_vec()).median;
    (median(samples.chunks(part).nth(1)), median(samples.rchunks(part).next()))
}

/// Bytes as MiB.
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_told_from_growing_up() {
        let up: Vec<f64> = (0..600).map(|n| if n < 100 { f64::from(n) } else { 100.0 }).collect();
        assert_eq!(grown(&up), (100.0, 100.0));
        let leak: Vec<f64> = (0..600).map(|n| 100.0 + f64::from(n) / 10.0).collect();
        let (before, after) = grown(&leak);
        assert!(after > before * 1.05, "{before} {after}");
    }
}
