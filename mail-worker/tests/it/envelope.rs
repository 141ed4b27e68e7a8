//! Whom a mail is addressed to on the wire, and what its header shows.

use testkit::mail::{At, Say, ScriptedRelay};

use crate::stage::{Stage, started};

/// The envelope's recipients in the order in which they were named.
fn named(relay: &ScriptedRelay) -> Vec<String> {
    let commands = relay.commands();
    commands.iter().filter_map(|line| line.strip_prefix("RCPT TO:")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_envelope_is_the_address_as_it_is_stored() {
    let stage = Stage::new().await;
    let worker = stage.worker();
    for (n, (address, envelope)) in [
        ("\"a b\"@example.org", "\"a b\"@example.org"),
        ("\"a@b\"@example.org", "\"a@b\"@example.org"),
        ("\"a,b;c\"@example.org", "\"a,b;c\"@example.org"),
        ("u@münchen.example", "u@xn--mnchen-3ya.example"),
        ("u@xn--mnchen-3ya.example", "u@xn--mnchen-3ya.example"),
        ("jörg@example.org", "jörg@example.org"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = stage.enqueue(&started("Rim"), &n.to_string(), &[address]).await;
        stage.reaches(id, "sent").await;
        let mail = stage.relay.messages().pop().unwrap();
        assert_eq!(mail.envelope_to, [envelope], "{address}");
        assert_eq!(mail.header("To").map(str::trim), Some(envelope), "{address}");
    }
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn smtputf8_is_asked_for_only_where_a_local_part_needs_it() {
    let stage = Stage::new().await;
    let relay = ScriptedRelay::start().await.unwrap();
    let port = relay.addr().port().to_string();
    let worker = stage.worker_with(&[("BACKEND_SMTP_PORT", &port)], |_| {});
    // This relay does not offer it.
    let id = stage.enqueue(&started("Zoë"), "domain", &["u@münchen.example"]).await;
    stage.reaches(id, "sent").await;
    assert_eq!(named(&relay), ["<u@xn--mnchen-3ya.example>"]);
    assert!(relay.messages()[0].is_ascii());
    let id = stage.enqueue(&started("Rim"), "local", &["ann@example.org", "jörg@example.org"]).await;
    stage.reaches(id, "sent").await;
    let seen = stage.recipients(id).await;
    assert_eq!(seen.iter().map(|(_, status, _)| status.as_str()).collect::<Vec<_>>(), ["accepted", "refused"]);
    let why: String =
        sqlx::query_scalar("SELECT detail FROM mail_recipients WHERE delivery_id = $1 AND status = 'refused'")
            .bind(id.uuid())
            .fetch_one(&stage.pool())
            .await
            .unwrap();
    assert!(why.contains("SMTPUTF8"), "{why}");
    assert!(!relay.commands().iter().any(|line| line.contains("SMTPUTF8")));
    let alone = stage.enqueue(&started("Rim"), "alone", &["jörg@example.org"]).await;
    stage.reaches(alone, "dead_lettered").await;
    assert!(stage.dead_letter(alone).await.unwrap().contains("SMTPUTF8"));

    relay.clear();
    relay.always(At::Ehlo, Say::Bytes(b"250-scripted.test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n".to_vec()));
    for (key, to, utf8) in [("plain", "u@münchen.example", false), ("utf8", "jörg@example.org", true)] {
        let id = stage.enqueue(&started("Zoë"), key, &[to]).await;
        stage.reaches(id, "sent").await;
        let mail = relay.commands().into_iter().rfind(|line| line.starts_with("MAIL")).unwrap();
        assert_eq!(mail.contains("SMTPUTF8"), utf8, "{to}: {mail}");
    }
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn what_a_relay_says_is_kept_clean_and_short() {
    let stage = Stage::new().await;
    let relay = ScriptedRelay::start().await.unwrap();
    let port = relay.addr().port().to_string();
    let worker = stage.worker_with(&[("BACKEND_SMTP_PORT", &port)], |_| {});
    let flood = [b"550 5.1.1 no\0\xE9 ann@example.org ".to_vec(), b"word ".repeat(1 << 20)].concat();
    relay.say(At::Rcpt, Say::Last(flood));
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    let delivery = stage.reaches(id, "dead_lettered").await;
    let error = delivery.last_error.unwrap();
    assert!(error.starts_with("RCPT TO: 550 5.1.1 no") && error.chars().count() <= 330, "{error}");
    assert!(!error.contains('@') && !error.contains('\0'), "{error}");
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_subject_reaches_the_reader_as_it_was_typed() {
    let stage = Stage::new().await;
    let worker = stage.worker_with(&[("BACKEND_SMTP_FROM", "\"=?utf-8?q?Gal=61xy?=\" <noreply@galaxy.test>")], |_| {});
    let name = "=?utf-8?q?Galaxy_=E2=80=AE_=D0=B0dmin?=";
    let id = stage.enqueue(&started(name), "k", &["ann@example.org"]).await;
    stage.reaches(id, "sent").await;
    let mail = stage.relay.messages().pop().unwrap();
    assert_eq!(mail.subject, format!("{name} has started"));
    assert!(!mail.subject.contains('\u{202E}'));
    let raw = String::from_utf8_lossy(&mail.raw).into_owned();
    let head = raw.split("\r\n\r\n").next().unwrap();
    assert!(!head.contains("=?utf-8?q?Gal"), "encoded again: {head}");
    worker.stop().await;
    stage.end().await;
}
