//! `GET /admin/stats`

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use poem::web::Data;
use poem_openapi::{OpenApi, param::Query, payload::Json};
use shared::db;
use shared::domain::stats::StatSeries;

use crate::app::App;
use crate::codes;
use crate::http::answer::problem::Fail;
use crate::http::document::tags::Tags;
use crate::http::objects::stats::Stats;
use crate::http::objects::words::Closed;
use crate::refusal::Problem;

/// What is shown where the caller does not say from when.
const HOUR: TimeDelta = TimeDelta::hours(1);
/// The most steps that one answer has of a series.
const MAX_STEPS: i64 = 1_500;
/// How many steps a chart wants at most, where the caller does not say how long one is.
const CHART: i64 = 300;
/// Lengths of a step that are chosen from then, in minutes.
const STEPS: [u16; 4] = [1, 5, 15, 60];
/// The longest step, in minutes.
const DAY: u16 = 1_440;

codes!(AdminGetStatsCodes:);

pub(crate) struct Operation;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Admin")]
impl Operation {
    /// Read figures of the last seven days
    ///
    /// One point a minute is written, and kept for seven days; here they are gathered in steps, which are counted from 1970 in
    /// UTC. A step in which nothing was written, since no runtime-controller ran, is left out. At most 1500 steps a series.
    #[oai(path = "/admin/stats", method = "get", operation_id = "admin_get_stats")]
    async fn call(
        &self,
        app: Data<&Arc<App>>,
        /// Only this series; all of them if absent.
        series: Query<Option<Closed<StatSeries>>>,
        /// From when on; for the last hour if absent.
        from: Query<Option<DateTime<Utc>>>,
        /// How many minutes a step has, 1 to 1440; if absent, as few as leave at most 300 steps.
        #[oai(validator(minimum(value = "1"), maximum(value = "1440")))]
        step: Query<Option<u16>>,
    ) -> Result<Json<Stats>, Fail<AdminGetStatsCodes>> {
        let mut conn = app.db.acquire().await?;
        let now = db::games::now(&mut conn).await?;
        let from = from.0.unwrap_or(now - HOUR);
        let step = length(now - from, step.0)?;
        let asked = series.0.map(|series| series.0);
        let asked = asked.as_ref().map_or(StatSeries::ALL, std::slice::from_ref);
        let bins = db::stats::history(&mut conn, asked, from, Duration::from_secs(u64::from(step) * 60)).await?;
        Ok(Json(Stats::new(asked, from, now, step, bins)))
    }
}

/// The minutes of a step, for a span that ends now.
fn length(span: TimeDelta, wanted: Option<u16>) -> Result<u16, Problem> {
    if span < TimeDelta::zero() {
        return Err(Problem::field("/query/from", "range", "must not be in the future"));
    }
    let steps = |minutes: u16| span.num_minutes() / i64::from(minutes.max(1));
    let minutes = wanted.unwrap_or_else(|| STEPS.into_iter().find(|step| steps(*step) <= CHART).unwrap_or(DAY));
    if steps(minutes) > MAX_STEPS {
        let fault = format!("makes {} steps of {minutes} min; at most {MAX_STEPS} are answered", steps(minutes));
        return Err(Problem::field(if wanted.is_some() { "/query/step" } else { "/query/from" }, "range", fault));
    }
    Ok(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_as_short_as_leaves_three_hundred_of_them() {
        for (span, expected) in [
            (TimeDelta::zero(), 1),
            (TimeDelta::hours(1), 1),
            (TimeDelta::hours(5), 1),
            (TimeDelta::hours(6), 5),
            (TimeDelta::days(1), 5),
            (TimeDelta::days(3), 15),
            (TimeDelta::days(7), 60),
            (TimeDelta::days(30), DAY),
        ] {
            assert_eq!(length(span, None).unwrap(), expected, "{span}");
        }
    }

    #[test]
    fn what_would_be_too_many_steps_is_refused_by_what_was_given() {
        let pointer = |span, step| length(span, step).unwrap_err().errors.remove(0).pointer;
        assert_eq!(pointer(TimeDelta::days(7), Some(1)), "/query/step");
        assert_eq!(pointer(TimeDelta::days(3_000), None), "/query/from");
        assert_eq!(pointer(TimeDelta::seconds(-1), None), "/query/from");
        assert_eq!(length(TimeDelta::days(1), Some(1)).unwrap(), 1);
    }
}
