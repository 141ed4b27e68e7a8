use std::net::SocketAddr;
use std::time::Duration;

use lettre::message::MultiPart;
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use testkit::mail::{MailCatcher, MailCatcherConfig, TlsMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(90);

async fn catcher(tls: TlsMode) -> MailCatcher {
    MailCatcher::start(MailCatcherConfig { tls, ..Default::default() }).await.unwrap()
}

fn relay(catcher: &MailCatcher, tls: TlsMode) -> AsyncSmtpTransportBuilder {
    let parameters = || {
        let ca = Certificate::from_pem(catcher.ca_pem().as_bytes()).unwrap();
        TlsParameters::builder("localhost".to_owned()).add_root_certificate(ca).build().unwrap()
    };
    let tls = match tls {
        TlsMode::None => Tls::None,
        TlsMode::StartTls => Tls::Required(parameters()),
        TlsMode::Tls => Tls::Wrapper(parameters()),
    };
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(catcher.smtp_addr().port()).tls(tls)
}

fn mail(to: &str) -> Message {
    Message::builder()
        .from("Galaxy <galaxy@example.org>".parse().unwrap())
        .to(to.parse().unwrap())
        .subject("Zug 7 ist da – größer")
        .message_id(Some("<turn-7@example.org>".to_owned()))
        .multipart(MultiPart::alternative_plain_html(
            "Line one\r\n.a line with a dot\r\n".to_owned(),
            "<p>Hello <b>there</b></p>".to_owned(),
        ))
        .unwrap()
}

#[tokio::test]
async fn takes_mail_in_all_three_modes() {
    for mode in [TlsMode::None, TlsMode::StartTls, TlsMode::Tls] {
        let catcher = catcher(mode).await;
        let transport = relay(&catcher, mode).build::<Tokio1Executor>();
        transport.send(mail("ann@example.org")).await.unwrap_or_else(|e| panic!("{mode:?}: {e}"));
        let got = catcher.wait_for(|m| m.is_to("Ann@Example.org"), LIMIT).await;
        assert_eq!(got.envelope_from, "galaxy@example.org");
        assert_eq!(got.message_id, "turn-7@example.org");
        assert_eq!(got.subject, "Zug 7 ist da – größer");
        assert_eq!(got.header("from"), Some("Galaxy <galaxy@example.org>"));
        assert!(got.text.as_ref().unwrap().contains("\r\n.a line with a dot"), "{:?}", got.text);
        assert_eq!(got.html.as_deref().map(str::trim), Some("<p>Hello <b>there</b></p>"));
        assert_eq!(got.encrypted, mode != TlsMode::None);
        assert!(got.acknowledged);
        assert_eq!(catcher.contents_with_id("turn-7@example.org"), 1);
        assert_eq!(catcher.connections(), 1);
    }
}

#[tokio::test]
async fn demands_encryption_and_credentials() {
    let starttls = catcher(TlsMode::StartTls).await;
    let plain = relay(&starttls, TlsMode::None).build::<Tokio1Executor>();
    let refusal = plain.send(mail("ann@example.org")).await.unwrap_err();
    assert_eq!(refusal.status().map(u16::from), Some(530), "{refusal}");

    let credentials = Some(("galaxy".to_owned(), "pass word".to_owned()));
    let config = MailCatcherConfig { tls: TlsMode::Tls, credentials, ..Default::default() };
    let locked = MailCatcher::start(config).await.unwrap();
    let anonymous = relay(&locked, TlsMode::Tls).build::<Tokio1Executor>();
    assert_eq!(anonymous.send(mail("a@example.org")).await.unwrap_err().status().map(u16::from), Some(530));
    for (password, works) in [("pass word", true), ("guess", false)] {
        for mechanism in [
            lettre::transport::smtp::authentication::Mechanism::Plain,
            lettre::transport::smtp::authentication::Mechanism::Login,
        ] {
            let transport = relay(&locked, TlsMode::Tls)
                .credentials(Credentials::new("galaxy".to_owned(), password.to_owned()))
                .authentication(vec![mechanism])
                .build::<Tokio1Executor>();
            assert_eq!(transport.send(mail("a@example.org")).await.is_ok(), works, "{mechanism:?} {password}");
        }
    }
    assert_eq!(locked.messages().len(), 2);
}

#[tokio::test]
async fn refuses_as_scripted() {
    let catcher = catcher(TlsMode::None).await;
    let send = async || {
        let transport = relay(&catcher, TlsMode::None).build::<Tokio1Executor>();
        transport.send(mail("ann@example.org")).await.map_err(|e| e.status().map(u16::from))
    };
    let faults = catcher.faults();
    faults.reject_recipient("ann@example.org", 550);
    assert_eq!(send().await.unwrap_err(), Some(550));
    faults.accept_recipient("ann@example.org");
    faults.reject_next_rcpt(1, 450);
    assert_eq!(send().await.unwrap_err(), Some(450));
    faults.reject_next_mail(1, 451);
    assert_eq!(send().await.unwrap_err(), Some(451));
    faults.reject_next_data(1, 452);
    assert_eq!(send().await.unwrap_err(), Some(452));
    faults.reject_next_content(1, 554);
    assert_eq!(send().await.unwrap_err(), Some(554));
    faults.greet_with(Some(421));
    assert_eq!(send().await.unwrap_err(), Some(421));
    assert!(catcher.messages().is_empty());
    faults.greet_with(None);
    send().await.unwrap();
    assert_eq!(catcher.messages().len(), 1);
}

#[tokio::test]
async fn withholds_the_answer_but_keeps_the_mail() {
    let catcher = catcher(TlsMode::None).await;
    let transport = || relay(&catcher, TlsMode::None).build::<Tokio1Executor>();
    catcher.faults().drop_after_content(1);
    assert!(transport().send(mail("ann@example.org")).await.is_err());
    catcher.faults().hold_after_content(1);
    let sending = transport();
    let held = tokio::spawn(async move { sending.send(mail("ann@example.org")).await });
    catcher.wait_for_count(2, LIMIT).await;
    assert!(!held.is_finished());
    held.abort();
    transport().send(mail("ann@example.org")).await.unwrap();
    let acknowledged: Vec<_> = catcher.messages().iter().map(|m| m.acknowledged).collect();
    assert_eq!(acknowledged, [false, false, true]);
    assert_eq!(catcher.contents_with_id("turn-7@example.org"), 3);
}

#[tokio::test]
async fn goes_down_and_comes_back_on_its_port() {
    let catcher = catcher(TlsMode::None).await;
    let transport = relay(&catcher, TlsMode::None).build::<Tokio1Executor>();
    transport.send(mail("ann@example.org")).await.unwrap();
    catcher.stop().await;
    assert!(TcpStream::connect(catcher.smtp_addr()).await.is_err());
    assert!(transport.send(mail("bob@example.org")).await.is_err());
    catcher.start_again().await.unwrap();
    transport.send(mail("bob@example.org")).await.unwrap();
    assert_eq!(catcher.messages().len(), 2);
}

/// Speaks raw SMTP: sends everything at once and reads until the server closes.
async fn raw(addr: SocketAddr, script: &str) -> String {
    let mut io = TcpStream::connect(addr).await.unwrap();
    io.write_all(script.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(LIMIT, io.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

fn codes(answer: &str) -> Vec<&str> {
    answer.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect()
}

#[tokio::test]
async fn keeps_to_the_protocol() {
    let catcher = catcher(TlsMode::None).await;
    let addr = catcher.smtp_addr();
    let out_of_order =
        raw(addr, "MAIL FROM:<a@b>\r\nEHLO me\r\nRCPT TO:<a@b>\r\nDATA\r\nNOOP\r\nVRFY x\r\nHUH\r\nQUIT\r\n");
    assert_eq!(codes(&out_of_order.await), ["220", "503", "250", "503", "503", "250", "252", "500", "221"]);
    let bad = raw(
        addr,
        "HELO me\r\nMAIL FROM:a@b\r\nMAIL FROM:<> BODY=HUH\r\nMAIL FROM:<> SIZE=99999999999\r\nMAIL FROM:<ä@b>\r\n\
         MAIL FROM:<>\r\nRCPT TO:<>\r\nRCPT TO:<nobody>\r\nDATA\r\nRSET\r\nRCPT TO:<a@b>\r\nQUIT\r\n",
    );
    let expected = ["220", "250", "501", "555", "552", "553", "250", "501", "501", "554", "250", "503", "221"];
    assert_eq!(codes(&bad.await), expected);
    // The dot that ends a content is on a CRLF line; a bare line feed is how mails are smuggled past a relay.
    let smuggled =
        raw(addr, "HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx\n.\nMAIL FROM:<e@v>\r\n.\r\nQUIT\r\n");
    assert_eq!(codes(&smuggled.await), ["220", "250", "250", "250", "354", "550", "221"]);
    assert!(catcher.messages().is_empty());
    let stuffed = raw(
        addr,
        "HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n...\r\n.\r\nQUIT\r\n",
    );
    stuffed.await;
    assert_eq!(catcher.messages()[0].raw, b"Subject: x\r\n\r\n.dot\r\n..\r\n");
}

#[tokio::test]
async fn forgets_what_was_sent_ahead_of_encryption() {
    let catcher = catcher(TlsMode::StartTls).await;
    let mut io = TcpStream::connect(catcher.smtp_addr()).await.unwrap();
    io.write_all(b"EHLO me\r\nSTARTTLS\r\nNOOP injected\r\n").await.unwrap();
    let mut seen = String::new();
    while !seen.contains("220 2.0.0") {
        let mut chunk = [0; 512];
        let n = tokio::time::timeout(LIMIT, io.read(&mut chunk)).await.unwrap().unwrap();
        seen.push_str(std::str::from_utf8(&chunk[..n]).unwrap());
    }
    assert!(seen.contains("250-STARTTLS") || seen.contains("250 STARTTLS"), "{seen}");
    assert!(!seen.contains("nothing done"), "{seen}");
}

#[tokio::test]
async fn keeps_mails_in_a_file_and_bounds_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("mails.jsonl");
    let config = MailCatcherConfig { store: Some(store.clone()), max_messages: 3, ..Default::default() };
    let first = MailCatcher::start(config.clone()).await.unwrap();
    for n in 0..5 {
        let transport = relay(&first, TlsMode::None).build::<Tokio1Executor>();
        transport.send(mail(&format!("p{n}@example.org"))).await.unwrap();
    }
    assert_eq!(first.messages().iter().map(|m| m.number).collect::<Vec<_>>(), [3, 4, 5]);
    drop(first);
    // A crash in mid-write leaves half a line.
    use std::io::Write;
    std::fs::File::options().append(true).open(&store).unwrap().write_all(b"{\"number\":6,").unwrap();
    let second = MailCatcher::start(config).await.unwrap();
    assert_eq!(second.messages().iter().map(|m| m.number).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(second.messages()[2].subject, "Zug 7 ist da – größer");
    let transport = relay(&second, TlsMode::None).build::<Tokio1Executor>();
    transport.send(mail("last@example.org")).await.unwrap();
    assert_eq!(second.messages()[2].number, 6);
}

#[tokio::test]
async fn shows_mails_without_running_them() {
    let catcher = catcher(TlsMode::None).await;
    let page = catcher.serve_page(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let evil = Message::builder()
        .from("galaxy@example.org".parse().unwrap())
        .to("eve@example.org".parse().unwrap())
        .subject("<script>alert(1)</script>")
        .multipart(MultiPart::alternative_plain_html("<b>text</b>".to_owned(), "<p title=\"x\">\"</iframe>".to_owned()))
        .unwrap();
    let transport = relay(&catcher, TlsMode::None).build::<Tokio1Executor>();
    transport.send(evil).await.unwrap();
    transport.send(mail("ann@example.org")).await.unwrap();

    let client = reqwest::Client::new();
    let get = async |path: &str| client.get(format!("http://{page}{path}")).send().await.unwrap();
    let list = get("/").await;
    assert!(list.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let list = list.text().await.unwrap();
    assert!(list.contains("&lt;script&gt;alert(1)") && !list.contains("<script"), "{list}");
    assert!(list.contains("http-equiv=\"refresh\""));
    let one = get("/messages/1").await.text().await.unwrap();
    assert!(one.contains("&lt;b&gt;text") && one.contains("<iframe sandbox=\"\""), "{one}");
    assert!(one.contains("srcdoc=\"&lt;p title=&quot;x&quot;&gt;&quot;&lt;/iframe&gt;"), "{one}");
    assert_eq!(get("/messages/9").await.status(), 404);
    assert!(get("/messages/1/raw").await.text().await.unwrap().contains("MIME-Version: 1.0"));

    let count = async |query: &str| {
        get(&format!("/api/messages{query}")).await.json::<Vec<testkit::mail::Mail>>().await.unwrap().len()
    };
    assert_eq!((count("").await, count("?to=ANN@example.org").await, count("?since=1").await), (2, 1, 1));
    assert_eq!(count("?since=2020-01-01T00:00:00Z").await, 2);
    assert_eq!(get("/api/messages?since=noon").await.status(), 400);
    let mail: testkit::mail::Mail = get("/api/messages/2").await.json().await.unwrap();
    assert_eq!(mail.message_id, "turn-7@example.org");
    let deleted = client.delete(format!("http://{page}/api/messages")).send().await.unwrap();
    assert_eq!(deleted.status(), 204);
    assert_eq!(count("").await, 0);
}

#[tokio::test]
async fn runs_as_a_process() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_mail-catcher"))
        .args(["--smtp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--tls-mode", "tls", "--ca-out"])
        .arg(&ca)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut out = tokio::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    tokio::io::AsyncBufReadExt::read_line(&mut out, &mut line).await.unwrap();
    assert!(line.starts_with("mail-catcher: smtp://127.0.0.1:"), "{line}");
    let page = line.trim().rsplit(' ').next().unwrap();
    assert_eq!(reqwest::get(format!("{page}api/messages")).await.unwrap().text().await.unwrap(), "[]");
    assert!(std::fs::read_to_string(&ca).unwrap().contains("BEGIN CERTIFICATE"));
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let status = tokio::time::timeout(LIMIT, child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn its_certificate_is_for_the_names_that_were_asked_for() {
    let names = vec!["mail-catcher".to_owned()];
    let config = MailCatcherConfig { tls: TlsMode::StartTls, names, ..Default::default() };
    let catcher = MailCatcher::start(config).await.unwrap();
    let connects = async |name: &str| {
        let ca = Certificate::from_pem(catcher.ca_pem().as_bytes()).unwrap();
        let parameters = TlsParameters::builder(name.to_owned()).add_root_certificate(ca).build().unwrap();
        let relay: AsyncSmtpTransport<Tokio1Executor> =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
                .port(catcher.smtp_addr().port())
                .tls(Tls::Required(parameters))
                .build();
        relay.test_connection().await.is_ok()
    };
    assert!(connects("localhost").await && connects("mail-catcher").await);
    assert!(!connects("another").await);
}

#[tokio::test]
async fn its_healthcheck_says_whether_the_page_is_served() {
    let catcher = catcher(TlsMode::None).await;
    let page = catcher.serve_page(([127, 0, 0, 1], 0).into()).await.unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ask = async |page: SocketAddr| {
        let mut ask = tokio::process::Command::new(env!("CARGO_BIN_EXE_mail-catcher"));
        ask.args(["--http", &page.to_string(), "healthcheck"]).status().await.unwrap().success()
    };
    assert!(ask(page).await && !ask(nobody).await);
}
