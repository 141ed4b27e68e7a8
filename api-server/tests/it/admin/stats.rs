//! Figures of each minute, as they are read.

use serde_json::{Value, json};
use testkit::openapi::ContractResponse;

use crate::harness::Api;

const STATS: &str = "/api/v1/admin/stats";

/// A point, so many minutes before this one.
async fn point(api: &Api, series: &str, minutes: i32, value: f64) {
    sqlx::query(
        "INSERT INTO stat_minutes (at, series, value) VALUES (date_trunc('minute', now()) - make_interval(mins => $2), $1, $3)",
    )
    .bind(series)
    .bind(minutes)
    .bind(value)
    .execute(&api.pool())
    .await
    .unwrap();
}

async fn read(api: &Api, query: &[(&str, &str)]) -> ContractResponse {
    let mut request = api.admin().get(STATS);
    for (name, value) in query {
        request = request.query(name, value);
    }
    request.send().await
}

/// A time so many minutes ago, on the database's clock.
async fn ago(api: &Api, minutes: i32) -> String {
    sqlx::query_scalar(
        "SELECT to_char((now() - make_interval(mins => $1)) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
    )
    .bind(minutes)
    .fetch_one(&api.pool())
    .await
    .unwrap()
}

fn values(line: &Value, member: &str) -> Vec<f64> {
    line["points"].as_array().unwrap().iter().map(|point| point[member].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn a_series_is_read_minute_by_minute_and_one_of_a_later_release_is_passed_over() {
    let api = Api::start().await;
    for (minutes, value) in [(90, 9.0), (30, 3.0), (20, 5.0)] {
        point(&api, "turns_generated", minutes, value).await;
    }
    point(&api, "mails_sent", 20, 7.0).await;
    point(&api, "of_tomorrow", 20, 8.0).await;
    let seen = read(&api, &[("series", "turns_generated")]).await.expect(200).json();
    assert_eq!((&seen["step"], seen["series"].as_array().unwrap().len()), (&json!(1), 1));
    let line = &seen["series"][0];
    assert_eq!((values(line, "mean"), values(line, "max")), (vec![3.0, 5.0], vec![3.0, 5.0]), "of the last hour");
    let all = read(&api, &[]).await.expect(200).json();
    let names: Vec<&str> =
        all["series"].as_array().unwrap().iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.contains(&"mails_sent") && !names.contains(&"of_tomorrow"), "{names:?}");
    let empty = all["series"].as_array().unwrap().iter().find(|line| line["name"] == "games_paused").unwrap();
    assert_eq!(empty["points"], json!([]), "nothing was written of it");
}

#[tokio::test]
async fn points_are_gathered_in_steps() {
    let api = Api::start().await;
    for minutes in 0..2_000 {
        point(&api, "mails_waiting", minutes, f64::from(minutes % 3)).await;
    }
    let from = ago(&api, 1_900).await;
    let seen = read(&api, &[("series", "mails_waiting"), ("from", &from), ("step", "60")]).await.expect(200).json();
    let line = &seen["series"][0];
    assert!((31..=33).contains(&values(line, "max").len()), "{line}");
    assert!(values(line, "max")[1..30].iter().all(|max| *max == 2.0), "{line}");
    assert!(values(line, "mean")[1..30].iter().all(|mean| (0.9..1.1).contains(mean)), "{line}");
    let at: Vec<&str> = line["points"].as_array().unwrap().iter().map(|p| p["at"].as_str().unwrap()).collect();
    assert!(at.is_sorted() && at.iter().all(|at| at.contains(":00:00")), "whole hours in UTC: {at:?}");
    let by_itself = read(&api, &[("series", "mails_waiting"), ("from", &from)]).await.expect(200).json();
    assert_eq!(by_itself["step"], 15, "at most 300 steps");
}

#[tokio::test]
async fn what_is_asked_for_in_vain_is_refused_by_name() {
    let api = Api::start().await;
    let tomorrow = ago(&api, -1_440).await;
    let two_days_ago = ago(&api, 2 * 1_440).await;
    for (query, pointer) in [
        (vec![("from", tomorrow.as_str())], "/query/from"),
        (vec![("from", "1990-01-01T00:00:00Z")], "/query/from"),
        (vec![("from", two_days_ago.as_str()), ("step", "1")], "/query/step"),
    ] {
        let answer = read(&api, &query).await.expect_problem(400, "invalid_request").json();
        assert_eq!(answer["errors"][0]["pointer"], pointer, "{answer}");
    }
    for (name, value) in [("series", "of_tomorrow"), ("step", "0"), ("step", "1441")] {
        let answer = api.admin().get(STATS).bad().query(name, value).send().await;
        answer.expect_problem(400, "invalid_request");
    }
}
