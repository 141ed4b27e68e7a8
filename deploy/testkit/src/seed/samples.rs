//! What to put into the parameters of an operation on a seeded database, so that each list has more to show than fits on
//! a page and each lookup finds something.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use sqlx::PgConnection;

use crate::openapi::{Contract, Operation};

/// On whose behalf an operation is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// The gateway for a user: the one that owns and joined more than any page shows, or one of the hundred thousand.
    User {
        /// Whether it is the heavy one.
        heavy: bool,
    },
    /// The gateway itself.
    Gateway,
    /// An administrator.
    Admin,
}

/// One way to call an operation.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Who calls.
    pub caller: Caller,
    /// The path with its parameters filled in.
    pub path: String,
    /// Query parameters but `limit` and `cursor`.
    pub query: Vec<(String, String)>,
    /// Whether it is a list, which takes `limit` and `cursor`.
    pub is_list: bool,
}

/// Keys of rows that the seed made.
#[derive(Debug, Clone)]
pub struct Samples {
    /// The account that owns and joined more games, has more sessions, applications, invites and names than a page shows.
    pub heavy_user: String,
    /// One of the many.
    pub ordinary_user: String,
    ids: BTreeMap<&'static str, String>,
}

/// How the seed's rows are found again: by what the SQL beside this file writes.
const IDS: &[(&str, &str)] = &[
    ("heavy_user", "SELECT user_id::text FROM accounts WHERE user_name = 'pilot-0000001'"),
    ("ordinary_user", "SELECT user_id::text FROM accounts WHERE user_name = 'pilot-0000002'"),
    ("public_game", "SELECT game_id::text FROM games WHERE target_engine_version LIKE '0.1.%' ORDER BY game_id DESC LIMIT 1"),
    ("private_game", "SELECT game_id::text FROM games WHERE target_engine_version LIKE '0.1.%' ORDER BY game_id DESC OFFSET 1 LIMIT 1"),
    (
        "reported_game",
        "SELECT m.game_id::text FROM memberships m JOIN accounts a USING (user_id) JOIN engine_reports r USING (game_id, race_name)
          WHERE a.user_name = 'pilot-0000001' LIMIT 1",
    ),
    (
        "reported_turn",
        "SELECT r.turn::text FROM memberships m JOIN accounts a USING (user_id) JOIN engine_reports r USING (game_id, race_name)
          WHERE a.user_name = 'pilot-0000001' LIMIT 1",
    ),
    (
        "application",
        "SELECT application_id::text FROM applications
         WHERE game_id = (SELECT game_id FROM games WHERE target_engine_version LIKE '0.1.%' ORDER BY game_id DESC LIMIT 1) LIMIT 1",
    ),
    (
        "invite",
        "SELECT invite_id::text FROM invites
         WHERE game_id = (SELECT game_id FROM games WHERE target_engine_version LIKE '0.1.%'
             ORDER BY game_id DESC OFFSET 1 LIMIT 1) LIMIT 1",
    ),
    (
        "membership",
        "SELECT membership_id::text FROM memberships
         WHERE game_id = (SELECT game_id FROM games WHERE target_engine_version LIKE '0.1.%'
             ORDER BY game_id DESC OFFSET 1 LIMIT 1) LIMIT 1",
    ),
    ("sanction", "SELECT sanction_id::text FROM sanctions JOIN accounts USING (user_id) WHERE user_name = 'pilot-0000001' LIMIT 1"),
    ("entitlement", "SELECT entitlement_id::text FROM entitlements JOIN accounts USING (user_id)
        WHERE user_name = 'pilot-0000001' LIMIT 1"),
    ("session", "SELECT device_session_id::text FROM device_sessions WHERE token_hash = sha256('seed-token-1-2')"),
    ("user_note", "SELECT note_id::text FROM notes JOIN accounts USING (user_id) WHERE user_name = 'pilot-0000001' LIMIT 1"),
    (
        "game_note",
        "SELECT note_id::text FROM notes
         WHERE game_id = (SELECT game_id FROM games WHERE target_engine_version LIKE '0.1.%'
             ORDER BY game_id DESC OFFSET 1 LIMIT 1) LIMIT 1",
    ),
    ("delivery", "SELECT delivery_id::text FROM mail_deliveries WHERE idempotency_key = 'seed-1'"),
    ("container", "SELECT left(container_id, 12) FROM runtime_records WHERE container_id IS NOT NULL LIMIT 1"),
    ("three_days_ago", "SELECT to_char(now() AT TIME ZONE 'UTC' - interval '3 days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"),
    ("notification", "SELECT notification_id::text FROM notifications WHERE idempotency_key = 'seed:1'"),
];

/// Values for query parameters that filter: by `operation` and parameter, or by parameter alone. Those that the document
/// lists as an enum need none.
const FILTERS: &[(&str, &str, &[&str])] = &[
    ("admin_list_games", "status", GAME_STATUSES),
    ("admin_list_runtimes", "status", RUNTIME_STATUSES),
    ("admin_list_users", "email", &["pilot-0000002@seed.example", "nobody@seed.example"]),
    ("admin_list_users", "name", &["pilot-0000002", "Pilot 77*", "pilot-00001*"]),
    ("admin_list_mail_deliveries", "status", MAIL_STATUSES),
    ("", "template_id", &["auth.login_code", "game.finished", "mail.dead_lettered"]),
    ("", "recipient", &["pilot-0000014@seed.example", "nobody@seed.example"]),
    ("", "created_after", &["{three_days_ago}"]),
    ("", "created_before", &["{three_days_ago}"]),
    ("", "failed_after", &["{three_days_ago}"]),
    ("", "failed_before", &["{three_days_ago}"]),
    (
        "admin_list_notifications",
        "status",
        &["pending", "expanding", "retrying", "expanded", "dead_lettered", "quarantined", "dismissed"],
    ),
    ("", "status", &["dead_lettered", "quarantined"]),
    ("admin_get_runtime_log", "tail", &["10"]),
    (
        "admin_search",
        "q",
        &[
            "{private_game}",
            "{heavy_user}",
            "{delivery}",
            "pilot-0000014@seed.example",
            "pilot-00001",
            "Pilot 77",
            "Galaxy 12",
            "{container}",
            "seed-17",
            "nobody at all",
        ],
    ),
    ("admin_get_stats", "from", &["{three_days_ago}"]),
    ("admin_get_stats", "step", &["5"]),
    ("", "kind", &["lobby.application.approved", "game.started", "game.paused"]),
    ("", "queue", &["notifications", "notification_routes"]),
    ("", "channel", &["push", "email", "admin_email"]),
    ("", "user_id", &["{heavy_user}", "{ordinary_user}"]),
    ("", "owner_user_id", &["{heavy_user}", "{ordinary_user}"]),
    ("", "member_user_id", &["{heavy_user}", "{ordinary_user}"]),
    ("", "enabled", &["true", "false"]),
    ("", "in_force", &["true", "false"]),
    ("", "game_id", &["{private_game}", "{public_game}"]),
    ("", "notification_id", &["{notification}"]),
    ("", "actor", &["seed-admin-03", "nobody"]),
    ("", "action", &["game.start", "game.cancel"]),
    ("", "operation_id", &["{private_game}"]),
    ("", "target_type", &["game"]),
    ("", "target_id", &["{private_game}"]),
    ("", "at_after", &["{three_days_ago}"]),
    ("", "at_before", &["{three_days_ago}"]),
];

const GAME_STATUSES: &[&str] = &[
    "draft",
    "enrollment_open",
    "ready_to_start",
    "starting",
    "start_failed",
    "running",
    "paused",
    "finished",
    "cancelled",
];

const RUNTIME_STATUSES: &[&str] = &[
    "starting",
    "running",
    "generation_in_progress",
    "engine_unreachable",
    "generation_failed",
    "stopped",
    "removed",
    "finished",
];

const MAIL_STATUSES: &[&str] =
    &["pending", "sending", "retrying", "sent", "dead_lettered", "quarantined", "expired", "dismissed"];

impl Samples {
    /// Whether a database holds the seed.
    pub async fn is_seeded(conn: &mut PgConnection) -> Result<bool> {
        Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM accounts WHERE user_name = 'pilot-0000001')")
            .fetch_one(conn)
            .await?)
    }

    /// Finds the rows.
    ///
    /// # Errors
    /// When the database is not seeded.
    pub async fn read(conn: &mut PgConnection) -> Result<Samples> {
        let mut ids = BTreeMap::new();
        for (name, statement) in IDS {
            let id: Option<String> = sqlx::query_scalar(*statement).fetch_optional(&mut *conn).await?;
            ids.insert(*name, id.with_context(|| format!("no {name}: was the database seeded?"))?);
        }
        Ok(Samples { heavy_user: ids["heavy_user"].clone(), ordinary_user: ids["ordinary_user"].clone(), ids })
    }

    /// Every way in which a GET is to be called.
    ///
    /// # Errors
    /// Names a parameter of the operation for which there is no sample here.
    pub fn variants(&self, contract: &Contract, operation: &Operation) -> Result<Vec<Variant>> {
        let path = self.path(operation)?;
        let mut filters: Vec<Vec<(String, String)>> = vec![Vec::new()];
        let mut is_list = false;
        for (name, schema) in contract.query_parameters(operation) {
            if name == "limit" || name == "cursor" {
                is_list = true;
                continue;
            }
            let listed = schema["enum"]
                .as_array()
                .map(|words| words.iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect::<Vec<String>>());
            let known = |wanted: &str| {
                let found = FILTERS.iter().find(|(operation, parameter, _)| *operation == wanted && *parameter == name);
                found.map(|(_, _, values)| values.iter().map(|value| self.fill(value)).collect::<Vec<String>>())
            };
            let values = known(&operation.id).or(listed).or_else(|| known("")).with_context(|| {
                format!("{}: no sample for the query parameter `{name}` in testkit::seed", operation.name())
            })?;
            filters.extend(values.into_iter().map(|value| vec![(name.to_owned(), value)]));
        }
        let callers: &[Caller] = match operation.path.split('/').nth(3) {
            Some("user") if operation.path.contains("/my/") || !operation.path.contains("{game_id}") => {
                &[Caller::User { heavy: true }, Caller::User { heavy: false }]
            }
            Some("user") => &[Caller::User { heavy: true }],
            Some("admin") => &[Caller::Admin],
            Some("internal") => &[Caller::Gateway],
            _ => bail!("{}: in no group with GETs", operation.name()),
        };
        let variants = callers.iter().flat_map(|caller| {
            filters.iter().map(|query| Variant { caller: *caller, path: path.clone(), query: query.clone(), is_list })
        });
        Ok(variants.collect())
    }

    fn path(&self, operation: &Operation) -> Result<String> {
        let mut path = String::new();
        for segment in operation.path.split('/').skip(1) {
            let Some(parameter) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                path.push('/');
                path.push_str(segment);
                continue;
            };
            let reports = operation.path.contains("/reports/");
            let value = match parameter {
                "game_id" if reports => &self.ids["reported_game"],
                "turn" if reports => &self.ids["reported_turn"],
                // Whatever is done by application belongs to the public heavy game, by invite to the private one.
                "game_id" if operation.path.contains("/applications") => &self.ids["public_game"],
                "game_id" => &self.ids["private_game"],
                "user_id" => &self.heavy_user,
                "device_session_id" => &self.ids["session"],
                "application_id" => &self.ids["application"],
                "invite_id" => &self.ids["invite"],
                "membership_id" => &self.ids["membership"],
                "note_id" if operation.path.contains("/users/") => &self.ids["user_note"],
                "note_id" => &self.ids["game_note"],
                "sanction_id" => &self.ids["sanction"],
                "entitlement_id" => &self.ids["entitlement"],
                "delivery_id" => &self.ids["delivery"],
                "notification_id" => &self.ids["notification"],
                "version" => "0.1.9",
                "user_name" => "seed-admin-01",
                other => bail!("{}: no sample for the path parameter `{other}` in testkit::seed", operation.name()),
            };
            path.push('/');
            path.push_str(value);
        }
        Ok(path)
    }

    /// A value that names a row by `{…}` stands for its key.
    fn fill(&self, value: &str) -> String {
        let id = value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).and_then(|name| self.ids.get(name));
        id.map_or_else(|| value.to_owned(), Clone::clone)
    }
}
