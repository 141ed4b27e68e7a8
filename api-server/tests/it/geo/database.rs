//! The file that countries come from: changed, broken, away.

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{eventually, mmdb};

use super::{File, SOON, WORLD, countries, declared, sign_up_from};
use crate::harness::Api;

#[tokio::test]
async fn a_changed_file_is_read_anew_and_a_broken_one_changes_nothing() {
    let file = File::new(WORLD);
    let api = file.api().await;
    let country = async |n: u32| {
        let user = sign_up_from(&api, &format!("{n}@example.org"), "192.0.2.7").await;
        declared(&api, &user).await
    };
    let becomes = async |first: u32, expected: &str| {
        let mut n = first;
        loop {
            let seen = country(n).await;
            if seen == expected {
                return;
            }
            n += 1;
            assert!(n < first + 500, "it stays {seen}");
        }
    };
    assert_eq!(country(0).await, "DE");
    file.replace(&mmdb::countries(&[("192.0.2.0/24", "AT")]));
    becomes(1_000, "AT").await;
    file.rewrite(&mmdb::countries(&[("192.0.2.0/24", "CH")]));
    becomes(2_000, "CH").await;

    let good = mmdb::countries(&[("192.0.2.0/24", "PL")]);
    let mut crooked = good.clone();
    // In the middle of the data section: the tree and the metadata are well.
    let at = good.windows(8).position(|w| w == b"iso_code").unwrap();
    crooked[at - 1] = 0xff;
    for bad in [b"no database".as_slice(), &good[..good.len() / 2], &crooked, b""] {
        file.replace(bad);
        eventually(SOON, "the replica says so", || async { degraded(&api).await }).await;
        assert_eq!(country(u32::try_from(3_000 + bad.len()).unwrap()).await, "CH", "the one before stays in use");
        file.replace(&mmdb::countries(&[("192.0.2.0/24", "CH")]));
        eventually(SOON, "it is well again", || async { !degraded(&api).await }).await;
    }
    std::fs::remove_file(file.path()).unwrap();
    assert_eq!(country(4_000).await, "CH");
    file.replace(&good);
    becomes(5_000, "PL").await;
    assert!(!degraded(&api).await);
}

#[tokio::test]
async fn every_database_that_the_format_allows_is_used() {
    let without: [&'static [&'static str]; 4] =
        [&[], &["description"], &["languages"], &["description", "languages", "build_epoch", "database_type"]];
    let file = File::new(WORLD);
    let api = file.api().await;
    let mut n = 0;
    for ip_version in [4, 6] {
        for record_size in [24, 28, 32] {
            for without in without {
                let shape = mmdb::Shape { ip_version, record_size, without };
                // A country of its own for each, so that the answer says which file it is from.
                let code = format!("{}{}", char::from(b'A' + n / 26), char::from(b'A' + n % 26));
                file.replace(&mmdb::countries_like(
                    shape,
                    &[("192.0.2.0/24", code.as_str()), ("198.51.100.0/24", "FR")],
                ));
                for asked in 0.. {
                    let user = sign_up_from(&api, &format!("{n}-{asked}@example.org"), "192.0.2.7").await;
                    let seen = declared(&api, &user).await;
                    if seen == code.as_str() {
                        break;
                    }
                    assert!(asked < 500, "{shape:?}: it stays {seen}");
                }
                assert!(!degraded(&api).await, "{shape:?}");
                n += 1;
            }
        }
    }
}

#[tokio::test]
async fn a_broken_record_costs_its_own_addresses_their_country_and_nobody_else() {
    let mut bytes = mmdb::countries(&[("192.0.2.0/24", "PL"), ("198.51.100.0/24", "FR")]);
    let at = bytes.windows(2).position(|w| w == b"PL").unwrap();
    // The text's length: it runs beyond the data.
    bytes[at - 1] = 0x5d;
    let file = File::new(WORLD);
    file.rewrite(&bytes);
    let api = file.api().await;
    assert!(!degraded(&api).await);
    for (email, address, country) in
        [("a@example.org", "198.51.100.7", json!("FR")), ("b@example.org", "192.0.2.7", Value::Null)]
    {
        let user = sign_up_from(&api, email, address).await;
        assert_eq!(declared(&api, &user).await, country, "{address}");
    }
}

/// Whether readiness names the geo database, while the replica is ready.
async fn degraded(api: &Api) -> bool {
    let answer = reqwest::get(format!("http://{}/readyz", api.rest)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let report: Value = answer.json().await.unwrap();
    let part = report["parts"].as_array().unwrap().iter().find(|p| p["name"] == "geoip").unwrap().clone();
    part["status"] == "degraded"
}

#[tokio::test]
async fn without_a_file_requests_are_served_and_countries_come_with_it() {
    let file = File::new(WORLD);
    std::fs::remove_file(file.path()).unwrap();
    let api = file.api().await;
    assert!(degraded(&api).await);
    let user = sign_up_from(&api, "a@example.org", "192.0.2.7").await;
    assert_eq!(declared(&api, &user).await, Value::Null);
    file.replace(&mmdb::countries(WORLD));
    eventually(SOON, "the file is found", || async { !degraded(&api).await }).await;
    let user = sign_up_from(&api, "b@example.org", "192.0.2.7").await;
    assert_eq!(declared(&api, &user).await, "DE");
}

#[tokio::test]
async fn switched_off_it_does_nothing() {
    let api = Api::start_with(&[("BACKEND_GEOIP_DB_PATH", "")]).await;
    let user = sign_up_from(&api, "a@example.org", "192.0.2.7").await;
    assert_eq!(declared(&api, &user).await, Value::Null);
    assert_eq!(countries(&api, &user).await, json!([]));
    let answer: Value = reqwest::get(format!("http://{}/readyz", api.rest)).await.unwrap().json().await.unwrap();
    assert!(answer["parts"].as_array().unwrap().iter().all(|p| p["name"] != "geoip"));
}
