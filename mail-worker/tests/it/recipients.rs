use testkit::eventually;

use crate::stage::{SOON, Stage, code, started};

#[tokio::test]
async fn a_4xx_is_tried_again_and_then_sent() {
    let stage = Stage::new().await;
    stage.relay.faults().reject_next_mail(1, 451);
    stage.relay.faults().reject_next_rcpt(1, 450);
    stage.relay.faults().reject_next_data(1, 451);
    stage.relay.faults().reject_next_content(1, 452);
    let worker = stage.worker();
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    let delivery = stage.reaches(id, "sent").await;
    assert_eq!(delivery.failures, 4);
    let seen: Vec<_> = stage.attempts(id).await.into_iter().map(|a| (a.attempt_no, a.outcome, a.smtp_code)).collect();
    let wanted = [(1, "retry", 451), (2, "retry", 450), (3, "retry", 451), (4, "retry", 452), (5, "sent", 250)];
    assert_eq!(seen, wanted.map(|(n, outcome, code)| (n, outcome.to_owned(), Some(code))));
    assert_eq!(stage.relay.messages().len(), 1);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_5xx_is_a_dead_letter_at_once() {
    let stage = Stage::new().await;
    let worker = stage.worker();
    type Fault = fn(&testkit::mail::Faults);
    let faults: [(&str, Fault, i16); 4] = [
        ("mail", |f| f.reject_next_mail(1, 552), 552),
        ("rcpt", |f| f.reject_next_rcpt(1, 550), 550),
        ("data", |f| f.reject_next_data(1, 554), 554),
        ("content", |f| f.reject_next_content(1, 554), 554),
    ];
    for (key, fault, smtp_code) in faults {
        fault(stage.relay.faults());
        let id = stage.enqueue(&code("123456"), key, &["ann@example.org"]).await;
        let delivery = stage.reaches(id, "dead_lettered").await;
        assert_eq!(delivery.attempt_no, 1, "{key}");
        let attempts = stage.attempts(id).await;
        assert_eq!((attempts[0].outcome.as_str(), attempts[0].smtp_code), ("permanent", Some(smtp_code)), "{key}");
        let error = stage.dead_letter(id).await.expect("a dead letter");
        assert!(error.contains(&smtp_code.to_string()) && !error.contains('@'), "{error}");
        assert_eq!(delivery.last_error.as_deref(), Some(error.as_str()));
        assert_eq!(stage.recipients(id).await[0].1, "refused", "{key}");
        assert!(stage.payload(id).await.wiped_at.is_some(), "a code is wiped when its mail dies");
        assert_eq!(stage.announced(id).await, 1, "the administrators are told, in the same transaction");
    }
    assert!(stage.relay.messages().is_empty());
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn recipients_are_decided_one_by_one() {
    let stage = Stage::new().await;
    let (ann, bob, cid) = ("ann@example.org", "bob@example.org", "cid@example.org");
    stage.relay.faults().reject_recipient(bob, 550);
    stage.relay.faults().reject_recipient(cid, 450);
    let worker = stage.worker_with(&[], |s| s.max_attempts = 1000);
    let id = stage.enqueue(&started("Rim"), "k", &[ann, bob, cid]).await;
    let mail = stage.relay.wait_for(|m| m.is_to(ann), SOON).await;
    assert_eq!(mail.envelope_to, [ann]);
    eventually(SOON, "decided apart", || async {
        let seen = stage.recipients(id).await.into_iter().map(|(_, s, _)| s).collect::<Vec<_>>();
        if seen == ["accepted", "refused", "undecided"] { Ok(()) } else { Err(seen) }
    })
    .await;
    assert_ne!(stage.delivery(id).await.status, "sent", "somebody is undecided");
    stage.relay.faults().accept_recipient(cid);
    stage.reaches(id, "sent").await;
    let mails = stage.relay.messages();
    assert_eq!(mails.len(), 2, "only the undecided was asked again");
    assert_eq!(mails[1].envelope_to, [cid]);
    assert_eq!(mails[1].raw, mails[0].raw, "every copy is the same");
    let attempts = stage.attempts(id).await;
    assert!(attempts.iter().rev().skip(1).all(|a| a.outcome == "retry"));
    assert_eq!(attempts.last().unwrap().outcome, "sent");
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn the_last_undecided_refuses_and_the_mail_is_sent_all_the_same() {
    let stage = Stage::new().await;
    let (ann, bob) = ("ann@example.org", "bob@example.org");
    stage.relay.faults().reject_recipient(bob, 450);
    let worker = stage.worker_with(&[], |s| s.max_attempts = 1000);
    let id = stage.enqueue(&started("Rim"), "k", &[ann, bob]).await;
    stage.relay.wait_for(|m| m.is_to(ann), SOON).await;
    stage.relay.faults().reject_recipient(bob, 550);
    stage.reaches(id, "sent").await;
    assert_eq!(stage.attempts(id).await.last().unwrap().outcome, "permanent");
    assert_eq!(stage.relay.messages().len(), 1);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn the_budget_ends() {
    let stage = Stage::new().await;
    stage.relay.faults().reject_recipient("ann@example.org", 450);
    let worker = stage.worker_with(&[("BACKEND_MAIL_MAX_ATTEMPTS", "3")], |_| {});
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    let delivery = stage.reaches(id, "dead_lettered").await;
    assert_eq!(delivery.failures, 3);
    assert_eq!(stage.attempts(id).await.len(), 3);
    assert!(stage.dead_letter(id).await.unwrap().contains("450"));
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn addresses_beyond_ascii_go_out_under_smtputf8() {
    let stage = Stage::new().await;
    let worker = stage.worker();
    let id = stage.enqueue(&started("Rim"), "k", &["jörg@example.org"]).await;
    stage.reaches(id, "sent").await;
    assert_eq!(stage.relay.messages()[0].envelope_to, ["jörg@example.org"]);
    worker.stop().await;
    stage.end().await;
}
