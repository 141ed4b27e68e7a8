//! File descriptors: as many as the system gives, and some of them kept for what must go on when connections have taken
//! the rest.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// More than this is never needed, and a hard limit of a thousand million is no wish to have them.
const MOST: u64 = 65_536;
/// Kept for the log, files, timers, name look-ups, the probe of ourselves, and connections on their way out.
const RESERVED: usize = 128;

/// Raises the soft limit to the hard one; the limit that holds now.
pub fn raise() -> u64 {
    match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) => {
            let wanted = hard.min(MOST).max(soft);
            if wanted > soft
                && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)
            {
                tracing::warn!(%error, soft, hard, "the limit of file descriptors could not be raised");
            }
        }
        Err(error) => tracing::warn!(%error, "the limit of file descriptors is not known"),
    }
    limit()
}

/// The soft limit as it is.
#[must_use]
pub fn limit() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft)
}

/// Fits the caps of listeners into `limit` descriptors of which `others` are spoken for (database, outgoing calls):
/// each shrinks in proportion, and none below 8.
#[must_use]
pub fn fit<const N: usize>(limit: u64, others: usize, caps: [usize; N]) -> [usize; N] {
    let free = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(RESERVED.saturating_add(others));
    let wanted: usize = caps.iter().sum();
    if wanted <= free {
        return caps;
    }
    let fitted = caps.map(|cap| (cap.saturating_mul(free) / wanted.max(1)).max(8).min(cap));
    tracing::warn!(limit, ?caps, ?fitted, "few file descriptors: listeners take fewer connections");
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caps_shrink_with_the_descriptors_and_not_otherwise() {
        assert_eq!(fit(20_000, 100, [1280, 256, 64]), [1280, 256, 64]);
        let [rest, grpc, ops] = fit(1024, 100, [1280, 256, 64]);
        assert!(rest + grpc + ops <= 1024 - 100 - RESERVED, "{rest} {grpc} {ops}");
        assert!(rest > 500 && grpc > 100 && ops > 20, "{rest} {grpc} {ops}");
        assert_eq!(fit(64, 100, [1280, 4]), [8, 4], "a listener that takes nobody helps nobody");
    }

    #[test]
    fn the_soft_limit_is_raised_to_the_hard_one() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert!(raise() >= hard.min(MOST));
    }
}
