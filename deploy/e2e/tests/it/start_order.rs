//! Any order of start (docs/processes.md): everything is absent at first, comes one by one, and each process is exactly as ready as
//! what is there lets it be. Then it works.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::future::join_all;
use galaxy_e2e::chaos;
use galaxy_e2e::gateway::{As, Call, Rest, Subscriber};
use galaxy_e2e::mailbox::{INVITE_SUBJECT, Mailbox, code};
use serde_json::{Value, json};
use testkit::process::{Proc, ProcConfig, bin_path, free_addr};
use testkit::proxy::TcpProxy;
use testkit::stack::{ENGINE_VERSION, Summary};
use testkit::{TestDb, eventually};

use crate::alone::{self, ADMIN, GATEWAY_TOKEN, WORKER_TOKEN, said, told};

const SOON: Duration = Duration::from_secs(90);

/// Those that are there from the beginning. api-server is the hub, and comes with it.
const WORKERS: [&str; 3] = ["mail-worker", "notify-worker", "runtime-controller"];

/// Whoever asks for a code as soon as somebody takes the request.
const EARLY: &str = "early@players.example";

/// What comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Postgres,
    Schema,
    Relay,
    Hub,
    Daemon,
}

use Coming::{Daemon, Hub, Postgres, Relay, Schema};

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_and_the_hub_may_come_last() {
    comes_in_order("daemon-last", [Postgres, Schema, Relay, Hub, Daemon]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_and_its_schema_may_come_last() {
    comes_in_order("schema-last", [Daemon, Hub, Relay, Postgres, Schema]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_may_come_last() {
    comes_in_order("hub-last", [Relay, Postgres, Daemon, Schema, Hub]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_may_come_last() {
    comes_in_order("relay-last", [Hub, Postgres, Schema, Daemon, Relay]).await;
}

async fn comes_in_order(name: &str, order: [Coming; 5]) {
    let mut world = World::without_anything(name).await;
    // The order in which they are started is another one each time, too.
    for turn in 0..WORKERS.len() {
        world.launch(WORKERS[(order[0] as usize + turn) % WORKERS.len()]).await;
    }
    world.is_as_it_must_be().await;
    for what in order {
        world.comes(what).await;
        world.is_as_it_must_be().await;
        if !world.asked && [Postgres, Schema, Hub].iter().all(|what| world.there.contains(what)) {
            world.ask_for_a_code().await;
            world.is_as_it_must_be().await;
        }
    }
    world.works().await;
    world.finds_postgres_at_its_first_look().await;
    world.ends().await;
}

/// One process, and where its probes are.
struct Member {
    name: &'static str,
    process: Proc,
    ops: String,
}

impl Member {
    /// What its log has said about Postgres so far: what, and why.
    fn news_of_postgres(&self) -> Vec<(String, String)> {
        let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let lines = self.process.lines();
        let news = lines.iter().filter_map(|line| said(line)).filter(|line| line["part"] == "postgres");
        news.map(|line| (text(&line, "msg"), text(&line, "reason"))).collect()
    }
}

struct World {
    dir: PathBuf,
    db: TestDb,
    postgres: TcpProxy,
    relay: TcpProxy,
    hub: TcpProxy,
    /// Listens all the time; the way to it comes.
    _catcher: Proc,
    mail_page: SocketAddr,
    rest: String,
    members: Vec<Member>,
    there: BTreeSet<Coming>,
    /// Whether a mail waits, which shows whether the relay is there.
    asked: bool,
    /// Whether an event was published, which shows that the hub is there.
    published: bool,
}

/// The way to something that is not there yet: connections are refused.
async fn absent(upstream: SocketAddr) -> TcpProxy {
    let proxy = TcpProxy::start(upstream).await.unwrap();
    proxy.cut().await;
    proxy
}

/// A field of a log's line.
fn field(line: &str, name: &str) -> String {
    let line = said(line).unwrap();
    line[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
}

/// What `/readyz` says: the status, and which parts are well.
async fn readiness(ops: &str) -> Result<(u16, BTreeMap<String, bool>), String> {
    let answer = reqwest::get(format!("{ops}/readyz")).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.map_err(|error| error.to_string())?;
    let parts = body["parts"].as_array().into_iter().flatten();
    let well = |part: &Value| (part["name"].as_str().unwrap_or_default().to_owned(), part["status"] == "ok");
    Ok((status, parts.map(well).collect()))
}

impl World {
    async fn without_anything(name: &str) -> World {
        let dir = testkit::target_dir().join("e2e").join(format!("start-{name}"));
        if dir.exists() {
            testkit::remove_dir(&dir).unwrap();
        }
        std::fs::create_dir_all(dir.join("logs")).unwrap();
        // A file stands where the daemon's directory is to be.
        std::fs::write(dir.join("daemon"), "").unwrap();
        let db = TestDb::empty().await;
        let (smtp, mail_page) = (free_addr(), free_addr());
        let catcher = ProcConfig::bin("mail-catcher").arg("--smtp").arg(smtp.to_string());
        let catcher = catcher.arg("--http").arg(mail_page.to_string()).log(dir.join("logs/mail-catcher.log"));
        let catcher = Proc::start(catcher).unwrap();
        eventually(SOON, "the page of mails", || async {
            reqwest::get(format!("http://{mail_page}/api/messages")).await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        World {
            postgres: absent(db.server_addr()).await,
            relay: absent(smtp).await,
            hub: absent(free_addr()).await,
            dir,
            db,
            _catcher: catcher,
            mail_page,
            rest: String::new(),
            members: Vec::new(),
            there: BTreeSet::new(),
            asked: false,
            published: false,
        }
    }

    /// Starts a process, which is wired whatever is missing.
    async fn launch(&mut self, name: &'static str) {
        let (dsn, games) = (self.db.dsn_via(self.postgres.addr()), self.dir.join("daemon/games"));
        let config = ProcConfig::bin(name)
            .envs(alone::settings(name, &dsn, self.relay.addr(), self.hub.addr(), &games))
            .log(self.dir.join(format!("logs/{name}.log")));
        let mut process = Proc::start(config).unwrap();
        let starting = process.wait_for_line(|line| told(line, "starting"), SOON).await;
        process.wait_for_line(|line| told(line, "started"), SOON).await;
        if name == "api-server" {
            let serving = process.wait_for_line(|line| told(line, "serving"), SOON).await;
            self.rest = format!("http://{}", field(&serving, "rest"));
            self.hub.set_upstream(field(&serving, "grpc").parse().unwrap());
        }
        self.members.push(Member { name, process, ops: format!("http://{}", field(&starting, "ops")) });
    }

    async fn comes(&mut self, what: Coming) {
        println!("  {what:?} comes");
        match what {
            Postgres => self.postgres.restore().await.unwrap(),
            Schema => self.migrate().await,
            Relay => self.relay.restore().await.unwrap(),
            Hub => {
                self.launch("api-server").await;
                self.hub.restore().await.unwrap();
            }
            Daemon => std::fs::remove_file(self.dir.join("daemon")).unwrap(),
        }
        self.there.insert(what);
    }

    /// Straight to the server, whether the processes have a way to it or not.
    async fn migrate(&self) {
        let mut migrate = Proc::start(ProcConfig::bin("migrate").env("BACKEND_POSTGRES_DSN", self.db.dsn())).unwrap();
        let status = migrate.wait_exit(SOON).await.unwrap();
        assert!(status.success(), "{}", migrate.tail(20));
    }

    /// The status of a process, and its parts, by what is there.
    fn expected(&self, process: &str) -> (u16, Vec<(&'static str, bool)>) {
        let has = |what: Coming| self.there.contains(&what);
        let fits = has(Postgres) && has(Schema);
        // A connection is none before the schema that it works in is there, and `postgres` says so.
        let mut parts = vec![("postgres", fits), ("schema", fits)];
        match process {
            // It is believed in until a mail was tried.
            "mail-worker" => parts.push(("smtp", has(Relay) || !self.asked)),
            // Between its coming and the first event it is as it was found.
            "notify-worker" if !has(Hub) || self.published => parts.push(("hub", self.published)),
            "runtime-controller" => parts.push(("process", has(Daemon))),
            _ => {}
        }
        (if fits { 200 } else { 503 }, parts)
    }

    /// Every process lives, and gets as ready as it can be; nothing else than Postgres and its schema keeps one from being ready.
    async fn is_as_it_must_be(&mut self) {
        for member in &self.members {
            let (status, parts) = self.expected(member.name);
            eventually(SOON, format!("{} is {status} with {parts:?}", member.name), || async {
                let (found, well) = readiness(&member.ops).await?;
                let fits = parts.iter().all(|(part, ok)| well.get(*part) == Some(ok));
                if found == status && fits { Ok(()) } else { Err(format!("{found} {well:?}")) }
            })
            .await;
            let live = reqwest::get(format!("{}/healthz", member.ops)).await.unwrap();
            assert_eq!(live.status(), 200, "{}", member.name);
        }
        for member in &mut self.members {
            assert!(member.process.is_running(), "{} ended:\n{}", member.name, member.process.tail(30));
        }
    }

    fn summary(&self) -> Summary {
        let ops = self.members.iter().map(|member| (format!("{}-0", member.name), member.ops.clone())).collect();
        Summary {
            rest: vec![self.rest.clone()],
            grpc: vec![format!("http://{}", self.hub.addr())],
            ops,
            mail_page: format!("http://{}", self.mail_page),
            smtp: self.relay.addr().to_string(),
            postgres_dsn: self.db.dsn(),
            gateway_token: GATEWAY_TOKEN.into(),
            worker_token: WORKER_TOKEN.into(),
            admin_user: ADMIN.0.into(),
            admin_password: ADMIN.1.into(),
            admin_email: "ops@galaxy.example".into(),
            driver: "process".into(),
            docker_host: None,
            instance: "galaxy".into(),
            engine_version: ENGINE_VERSION.into(),
            engine_image: std::path::absolute(bin_path("galaxy-engine")).unwrap().display().to_string(),
        }
    }

    async fn ask_for_a_code(&mut self) {
        let rest = Rest::new(&self.summary(), SOON).unwrap();
        let ask = json!({ "email": EARLY, "preferred_language": "en" });
        let call = Call::post("/public/auth/send-email-code").with(ask);
        rest.call(As::Anyone(Ipv4Addr::new(198, 51, 100, 7)), &call).await.unwrap().expect(202).unwrap();
        self.asked = true;
    }

    /// What was asked for early has come, and people are served: by mail, by the queues, and by the hub.
    async fn works(&mut self) {
        let summary = self.summary();
        let mailbox = Mailbox::new(&summary).unwrap();
        mailbox.wait(EARLY, 0, "the code that was asked for early", SOON, |mail| code(mail).is_some()).await.unwrap();
        let stream = Subscriber::open(&summary, "start-order", SOON).await.unwrap();
        chaos::newcomers(&summary, SOON, 2).await.unwrap_or_else(|error| panic!("{error:#}"));
        stream.wait("an invite", SOON, |journal| (!journal.entries.is_empty()).then_some(())).await.unwrap();
        let invited = "newcomer-0@players.example";
        mailbox.wait(invited, 0, "an invite", SOON, |mail| mail.subject == INVITE_SUBJECT).await.unwrap();
        self.published = true;
        self.is_as_it_must_be().await;
    }

    /// Postgres goes and comes again. No look that a process takes after it came fails, and it looks every second; how long each
    /// took until it was ready is printed, and not judged: this machine has other things to do.
    async fn finds_postgres_at_its_first_look(&mut self) {
        self.postgres.cut().await;
        self.there.remove(&Postgres);
        // The hub does not serve without Postgres, and who notices believes in it again at the next event only.
        self.published = false;
        for member in &self.members {
            eventually(SOON, format!("{} notices", member.name), || async {
                let news = member.news_of_postgres();
                let noticed = news.last().is_some_and(|(_, reason)| reason.contains("refused"));
                let (status, _) = readiness(&member.ops).await?;
                if noticed && status == 503 { Ok(()) } else { Err(format!("{status} {news:?}")) }
            })
            .await;
        }
        let before: Vec<usize> = self.members.iter().map(|member| member.news_of_postgres().len()).collect();
        self.postgres.restore().await.unwrap();
        let came = Instant::now();
        let ready = self.members.iter().map(|member| async move {
            eventually(SOON, format!("{} is ready again", member.name), || async {
                let (status, parts) = readiness(&member.ops).await?;
                if status == 200 { Ok(()) } else { Err(format!("{status} {parts:?}")) }
            })
            .await;
            (member.name, came.elapsed())
        });
        for (name, took) in join_all(ready).await {
            println!("  {name:<20} is ready {:4} ms after Postgres", took.as_millis());
        }
        self.there.insert(Postgres);
        self.is_as_it_must_be().await;
        for (member, before) in self.members.iter().zip(before) {
            // What a process does, and what it has said of it, reach us by different ways.
            eventually(SOON, "its log", || async { member.news_of_postgres().len() > before }).await;
            let news = member.news_of_postgres().split_off(before);
            assert_eq!(news, [("part is ready".to_owned(), String::new())], "{}: a look failed", member.name);
        }
    }

    async fn ends(mut self) {
        for member in &mut self.members {
            member.process.terminate();
        }
        for member in &mut self.members {
            let status = member.process.wait_exit(SOON).await.unwrap();
            assert!(status.success(), "{}: {status}:\n{}", member.name, member.process.tail(30));
        }
        self.db.close().await;
    }
}
