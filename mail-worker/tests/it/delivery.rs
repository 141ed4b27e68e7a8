use shared::db::mail::{NewMail, enqueue};
use shared::mail::{Priority, Style};
use testkit::eventually;
use testkit::mail::{MailCatcherConfig, TlsMode};

use crate::stage::{SOON, Stage, code, message_id, started};

async fn delivers(tls: TlsMode, credentials: Option<(String, String)>) {
    let stage = Stage::with(MailCatcherConfig { tls, credentials, ..MailCatcherConfig::default() }).await;
    let worker = stage.worker();
    let id = stage.enqueue(&started("Zoë's <Rim>\n.\nx"), "k", &["ann@example.org"]).await;
    let mail = stage.relay.wait_for(|m| m.is_to("ann@example.org"), SOON).await;
    assert_eq!(mail.encrypted, tls != TlsMode::None);
    assert_eq!(mail.envelope_from, "noreply@galaxy.test");
    assert_eq!(mail.message_id, message_id(id));
    assert_eq!(mail.subject, "Zoë's <Rim> . x has started");
    let text = mail.text.as_deref().unwrap().replace("\r\n", "\n");
    assert!(text.contains("\"Zoë's <Rim> . x\""), "{text:?}");
    assert!(mail.html.as_deref().unwrap().contains("Zoë&#39;s &#60;Rim&#62;"), "{:?}", mail.html);
    assert_eq!(mail.header("Auto-Submitted").map(str::trim), Some("auto-generated"));
    let unsubscribe = mail.header("List-Unsubscribe").map(str::trim);
    assert_eq!(unsubscribe, Some("<mailto:noreply@galaxy.test?subject=unsubscribe>"));
    assert!(mail.header("Date").is_some() && mail.header("MIME-Version").is_some());

    let delivery = stage.reaches(id, "sent").await;
    assert!(delivery.sent_at.is_some() && delivery.finished_at.is_some() && delivery.data_started_at.is_none());
    assert_eq!((delivery.attempt_no, delivery.failures), (1, 0));
    let attempts = stage.attempts(id).await;
    assert_eq!((attempts.len(), attempts[0].outcome.as_str(), attempts[0].smtp_code), (1, "sent", Some(250)));
    assert!(attempts[0].started_at <= attempts[0].finished_at.unwrap());
    assert_eq!(stage.recipients(id).await, [("ann@example.org".to_owned(), "accepted".to_owned(), Some(250))]);
    assert!(stage.payload(id).await.body_text.is_some(), "only secrets are wiped");
    worker.stop().await;
    assert_eq!(stage.relay.open_connections(), 0, "it took leave");
    stage.end().await;
}

#[tokio::test]
async fn without_encryption() {
    delivers(TlsMode::None, None).await;
}

#[tokio::test]
async fn with_starttls_and_login() {
    delivers(TlsMode::StartTls, Some(("galaxy".to_owned(), "s3cret".to_owned()))).await;
}

#[tokio::test]
async fn with_tls_from_the_first_byte() {
    delivers(TlsMode::Tls, None).await;
}

#[tokio::test]
async fn connections_are_used_again() {
    let stage = Stage::new().await;
    let worker = stage.worker();
    for n in 0..5 {
        let id = stage.enqueue(&started("Rim"), &n.to_string(), &["ann@example.org"]).await;
        stage.reaches(id, "sent").await;
    }
    assert_eq!(stage.relay.connections(), 1);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn the_second_enqueue_of_a_mail_writes_nothing() {
    let stage = Stage::new().await;
    let id = stage.enqueue(&code("111111"), "challenge-1", &["ann@example.org"]).await;
    let mut conn = stage.pool().acquire().await.unwrap();
    let to = ["eve@example.org".to_owned()];
    let (template, other) = (code("222222"), started("Rim"));
    let style = Style::default();
    let again = |template| NewMail {
        template,
        style: &style,
        time_zone: None,
        idempotency_key: "challenge-1",
        to: &to,
        priority: Priority::Urgent,
        expires_at: None,
        request_id: None,
        traceparent: None,
    };
    assert_eq!(enqueue(&mut conn, again(&template)).await.unwrap(), None);
    assert!(enqueue(&mut conn, again(&other)).await.unwrap().is_some(), "a key belongs to its template");
    assert_eq!(stage.recipients(id).await.len(), 1);
    assert!(stage.payload(id).await.body_text.unwrap().contains("111111"));
    let nobody = NewMail { to: &[], ..again(&template) };
    assert!(enqueue(&mut conn, nobody).await.is_err());
    stage.end().await;
}

#[tokio::test]
async fn neither_a_subject_nor_an_address_can_inject_anything() {
    let stage = Stage::new().await;
    let rim = stage.enqueue(&started("Rim\r\nBcc: eve@example.org\r\n\r\nhi"), "1", &["ann@example.org"]).await;
    let raw =
        stage.enqueue(&started("Rim"), "2", &["bob@example.org", "x@example.org>\r\nRCPT TO:<eve@example.org"]).await;
    sqlx::query("UPDATE mail_payloads SET subject = E'Hi\\r\\nBcc: eve@example.org' WHERE delivery_id = $1")
        .bind(raw.uuid())
        .execute(&stage.pool())
        .await
        .unwrap();
    let worker = stage.worker();
    stage.reaches(rim, "sent").await;
    stage.reaches(raw, "sent").await;
    for mail in stage.relay.messages() {
        assert!(mail.header("Bcc").is_none(), "{:?}", mail.headers);
        assert!(!mail.is_to("eve@example.org"), "{:?}", mail.envelope_to);
    }
    let statuses: Vec<String> = stage.recipients(raw).await.into_iter().map(|(_, status, _)| status).collect();
    assert_eq!(statuses, ["accepted", "refused"]);
    worker.stop().await;
    stage.end().await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_gets_no_mail() {
    let stage = Stage::with(MailCatcherConfig { tls: TlsMode::StartTls, ..MailCatcherConfig::default() }).await;
    let other = Stage::new().await; // whose authority signed nothing of the relay's
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), other.relay.ca_pem()).unwrap();
    let worker = stage.worker_with(&[("BACKEND_SMTP_TLS_CA_FILE", ca.path().to_str().unwrap())], |_| {});
    let id = stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    eventually(SOON, "degraded", || async { worker.smtp_degraded() }).await;
    assert!(stage.relay.messages().is_empty());
    assert_eq!(stage.delivery(id).await.failures, 0);
    worker.stop().await;
    other.end().await;
    stage.end().await;
}

#[tokio::test]
async fn starttls_is_not_optional() {
    let stage = Stage::new().await; // a relay that does not offer it
    let worker = stage.worker_with(&[("BACKEND_SMTP_TLS_MODE", "starttls")], |_| {});
    stage.enqueue(&started("Rim"), "k", &["ann@example.org"]).await;
    eventually(SOON, "degraded", || async { worker.smtp_degraded() }).await;
    assert!(stage.relay.messages().is_empty());
    worker.stop().await;
    stage.end().await;
}
