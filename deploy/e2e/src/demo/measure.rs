//! Latencies from the commit of an intent to its effect (issue 2, quality bars).

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// What the median has to stay under on an idle system.
const BAR: Duration = Duration::from_millis(50);

/// The samples, by effect. For mails and events the clock starts when the caller has the answer to the call that committed
/// the intent; for containers both ends are in the runtime's own log, by the database's clock.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// Until the mail was handed to SMTP.
    pub mail: Vec<Duration>,
    /// Until the event was at the subscriber.
    pub push: Vec<Duration>,
    /// Until the container was being created.
    pub container: Vec<Duration>,
}

/// The time between two clock readings of one machine; none when the effect was faster than the answer.
pub(super) fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> Duration {
    (to - from).to_std().unwrap_or_default()
}

/// The median of the samples, between the two middle ones of an even number; `None` without any.
fn median(samples: &[Duration]) -> Option<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some((lower + upper) / 2)
}

impl Latencies {
    /// Each effect with its median.
    pub fn medians(&self) -> [(&'static str, Option<Duration>); 3] {
        [
            ("a mail is handed to SMTP", median(&self.mail)),
            ("an event is at the subscriber", median(&self.push)),
            ("a container is being created", median(&self.container)),
        ]
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [self.mail.len(), self.push.len(), self.container.len()];
        for ((what, median), samples) in self.medians().into_iter().zip(counts) {
            let Some(median) = median else {
                writeln!(f, "    {what:<32} not measured")?;
                continue;
            };
            let verdict = if median < BAR { "good" } else { "TOO SLOW" };
            let millis = median.as_secs_f64() * 1000.0;
            let bar = BAR.as_millis();
            writeln!(f, "    {what:<32} {millis:6.1} ms median of {samples:2}, bar {bar} ms: {verdict}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_those_of_the_sorted_samples() {
        let ms = |n| Duration::from_millis(n);
        let latencies =
            Latencies { mail: vec![ms(9), ms(1), ms(5)], push: Vec::new(), container: vec![ms(70), ms(90)] };
        let medians = latencies.medians().map(|(_, median)| median);
        assert_eq!(medians, [Some(ms(5)), None, Some(ms(80))]);
        let text = latencies.to_string();
        assert!(text.contains("good") && text.contains("TOO SLOW") && text.contains("not measured"), "{text}");
    }
}
