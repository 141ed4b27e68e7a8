//! Administrators' writes from another site (SPEC §4): a browser sends remembered credentials along, so they prove nothing.

use testkit::openapi::ContractRequest;

use crate::every_operation::{Callers, path};
use crate::harness::{Api, contract};

#[tokio::test]
async fn every_write_of_an_administrator_is_refused_from_another_site() {
    let api = Api::start_with(&[("BACKEND_CORS_ORIGINS", "https://admin.example")]).await;
    let callers = Callers::new(&api).await;
    let contract = contract();
    let own = format!("http://{}", api.rest);
    let mut seen = 0;
    for operation in contract.operations().iter().filter(|o| super::writes(o)) {
        let admin = operation.path.starts_with("/api/v1/admin/");
        seen += usize::from(admin);
        let ask = || callers.bad(operation, path(operation));
        let said: [&[(&str, &str)]; 6] = [
            &[("Origin", "http://evil.example")],
            &[("Origin", "null")],
            &[("Origin", own.as_str()), ("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "cross-site")],
            &[("Sec-Fetch-Site", "same-site")],
            &[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Content-Type", "text/plain")],
        ];
        for said in said {
            let with = |request: ContractRequest, (name, value): &(&str, &str)| request.header(name, *value);
            let answer = said.iter().fold(ask(), with).send().await;
            match admin {
                true => drop(answer.expect_problem(403, "cross_site")),
                // Other groups' credentials are no browser's to remember.
                false => assert_ne!(answer.status, 403, "{} {said:?}", operation.name()),
            }
        }
        if !admin {
            continue;
        }
        for form in ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"] {
            for body in ["", "a=b", "{}"] {
                ask().body(form, body).send().await.expect_problem(415, "unsupported_media_type");
            }
        }
    }
    assert!(seen > 20, "{seen}");
    assert_eq!(api.count("audit_log").await, 0, "something was done");
}

#[tokio::test]
async fn this_site_named_sites_and_programs_may_write() {
    let api = Api::start_with(&[("BACKEND_CORS_ORIGINS", "https://admin.example")]).await;
    let admin = api.admin();
    let pause = "/api/v1/admin/queues/mail/pause";
    let own = format!("http://{}", api.rest);
    admin.post(pause).send().await.expect(200);
    admin.post(pause).header("Sec-Fetch-Site", "none").send().await.expect(200);
    admin.post(pause).header("Origin", &own).header("Sec-Fetch-Site", "same-origin").send().await.expect(200);
    let named = admin.post(pause).header("Origin", "https://admin.example").header("Sec-Fetch-Site", "cross-site");
    let answer = named.send().await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://admin.example");
    // Reading needs no such proof: the browser keeps the answer from the other site's script.
    admin.get("/api/v1/admin/queues").header("Origin", "http://evil.example").send().await.expect(200);
}
