//! The commands: words, operation, what is asked for, and what a table shows.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

/// One command. Paths, query parameters and members of bodies are those of `api-server/openapi.json`, and a test holds them
/// against it.
#[derive(Debug)]
pub struct Spec {
    /// What it is about, then what is done.
    pub words: [&'static str; 2],
    /// What `--help` says.
    pub about: &'static str,
    /// `GET`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Below `/api/v1/admin`; what stands in braces is an argument.
    pub path: &'static str,
    /// Query parameters, each a flag. A list has `limit` and `cursor` besides.
    pub query: &'static [&'static str],
    /// Members of the body, each a flag that is required.
    pub body: &'static [&'static str],
    /// Members of the body's `filter`, each a flag; where there are any, `limit` is a member of the body.
    pub filter: &'static [&'static str],
    /// Further members of the body, each a flag.
    pub piece: &'static [&'static str],
    /// The columns of the table of a list; empty: the answer is one object.
    pub columns: &'static [&'static str],
}

const fn get(words: [&'static str; 2], path: &'static str, about: &'static str) -> Spec {
    Spec { words, about, method: "GET", path, query: &[], body: &[], filter: &[], piece: &[], columns: &[] }
}

const fn list(
    words: [&'static str; 2],
    path: &'static str,
    query: &'static [&'static str],
    columns: &'static [&'static str],
    about: &'static str,
) -> Spec {
    Spec { query, columns, ..get(words, path, about) }
}

const fn post(words: [&'static str; 2], path: &'static str, about: &'static str) -> Spec {
    Spec { method: "POST", ..get(words, path, about) }
}

const DEAD_MAIL: &[&str] = &["status", "template_id", "recipient", "failed_after", "failed_before"];
const DEAD_ROUTES: &[&str] =
    &["queue", "status", "kind", "notification_id", "channel", "user_id", "game_id", "failed_after", "failed_before"];
/// Which piece of a set.
const PIECE: &[&str] = &["as_of", "cursor"];
const MAIL: &[&str] = &["delivery_id", "template_id", "status", "attempts", "created_at", "last_error"];

/// Every command.
pub const ALL: &[Spec] = &[
    get(["overview", "show"], "/overview", "Everything that may want somebody"),
    Spec { query: &["q"], ..get(["search", "find"], "/search", "Anything by id, address, name, container or request") },
    Spec {
        query: &["series", "from", "step"],
        ..get(["stats", "show"], "/stats", "Figures of each minute of the last week")
    },
    list(
        ["queues", "list"],
        "/queues",
        &[],
        &["name", "paused", "oldest_due_seconds", "depth"],
        "Every queue, how deep and how late",
    ),
    post(["queues", "pause"], "/queues/{name}/pause", "Let a queue rest: what is under way is finished"),
    post(["queues", "resume"], "/queues/{name}/resume", "Let a queue go on"),
    list(
        ["workers", "list"],
        "/workers",
        &[],
        &["process", "instance", "version", "started_at", "expires_at", "daemon_id"],
        "Who works the queues, and until when each lease lasts",
    ),
    list(
        ["push", "subscribers"],
        "/push/subscribers",
        &[],
        &["gateway_client_id", "connected_at", "seen_at", "behind"],
        "Gateways that subscribed, and how far each is",
    ),
    list(
        ["mail", "list"],
        "/mail/deliveries",
        &["status", "template_id", "recipient", "created_after", "created_before"],
        MAIL,
        "Mails",
    ),
    list(["mail", "dead"], "/mail/dead-letters", DEAD_MAIL, MAIL, "Mails that were given up"),
    get(["mail", "show"], "/mail/deliveries/{delivery_id}", "One mail"),
    get(["mail", "content"], "/mail/deliveries/{delivery_id}/content", "What a mail says; it stands in the trail"),
    list(
        ["mail", "attempts"],
        "/mail/deliveries/{delivery_id}/attempts",
        &[],
        &["attempt_no", "started_at", "outcome", "smtp_code", "detail"],
        "What was tried to deliver a mail",
    ),
    post(["mail", "resend"], "/mail/deliveries/{delivery_id}/resend", "Send a mail that waits or was given up"),
    Spec {
        query: &["dry_run"],
        filter: &[
            "status",
            "template_id",
            "recipient",
            "created_after",
            "created_before",
            "failed_after",
            "failed_before",
        ],
        ..post(["mail", "resend-many"], "/mail/deliveries/resend", "Send mails that wait or were given up")
    },
    post(["mail", "dismiss"], "/mail/dead-letters/{delivery_id}/dismiss", "Put a mail away that was given up"),
    Spec {
        query: &["dry_run"],
        filter: DEAD_MAIL,
        ..post(["mail", "dismiss-many"], "/mail/dead-letters/dismiss", "Put mails away that were given up")
    },
    list(
        ["notifications", "list"],
        "/notifications",
        &["status", "kind", "game_id", "created_after", "created_before"],
        &["notification_id", "kind", "status", "audience", "game_id", "created_at", "last_error"],
        "Notifications",
    ),
    list(
        ["notifications", "dead"],
        "/notifications/dead-letters",
        DEAD_ROUTES,
        &["dead_letter_id", "queue", "kind", "channel", "status", "attempts", "failed_at", "last_error"],
        "Notifications and routes that were given up",
    ),
    get(["notifications", "show"], "/notifications/{notification_id}", "One notification with its routes"),
    post(["notifications", "redrive"], "/notifications/dead-letters/{route_id}/redrive", "Try a dead letter again"),
    Spec {
        query: &["dry_run"],
        filter: DEAD_ROUTES,
        ..post(["notifications", "redrive-many"], "/notifications/dead-letters/redrive", "Try dead letters again")
    },
    post(["notifications", "dismiss"], "/notifications/dead-letters/{route_id}/dismiss", "Put a dead letter away"),
    Spec {
        query: &["dry_run"],
        filter: DEAD_ROUTES,
        ..post(["notifications", "dismiss-many"], "/notifications/dead-letters/dismiss", "Put dead letters away")
    },
    list(
        ["games", "list"],
        "/games",
        &["status", "visibility", "owner_user_id", "member_user_id"],
        &["game_id", "name", "visibility", "status", "runtime_status", "current_turn", "next_turn_at"],
        "Games",
    ),
    get(["games", "show"], "/games/{game_id}", "One game"),
    list(
        ["games", "members"],
        "/games/{game_id}/memberships",
        &["status"],
        &["membership_id", "user_id", "display_name", "race_name", "status", "joined_at"],
        "Who plays a game",
    ),
    list(
        ["games", "timeline"],
        "/games/{game_id}/timeline",
        &[],
        &["at", "source", "what", "outcome", "actor", "detail"],
        "What happened to a game",
    ),
    post(["games", "start"], "/games/{game_id}/start", "Start a game"),
    post(["games", "retry-start"], "/games/{game_id}/retry-start", "Start a game again whose start failed"),
    Spec {
        query: &["dry_run"],
        ..post(["games", "force-start"], "/games/{game_id}/force-start", "Start a game's engine anew on its state")
    },
    Spec {
        query: &["dry_run"],
        ..post(["games", "force-stop"], "/games/{game_id}/force-stop", "Stop a game's engine; the game is paused")
    },
    post(["games", "pause"], "/games/{game_id}/pause", "Pause a game"),
    post(["games", "resume"], "/games/{game_id}/resume", "Let a paused game go on"),
    Spec {
        query: &["dry_run"],
        filter: &["engine_version", "visibility", "owner_user_id"],
        piece: PIECE,
        ..post(["games", "pause-many"], "/games/pause", "Pause running games")
    },
    Spec {
        query: &["dry_run"],
        filter: &["pause_reason", "engine_version", "visibility", "owner_user_id"],
        piece: PIECE,
        ..post(["games", "resume-many"], "/games/resume", "Let paused games go on")
    },
    Spec {
        query: &["dry_run"],
        ..post(["games", "cancel"], "/games/{game_id}/cancel", "Cancel a game that has not run")
    },
    Spec {
        query: &["dry_run"],
        body: &["reason"],
        ..post(["games", "end"], "/games/{game_id}/end", "End a game before its time")
    },
    Spec {
        query: &["dry_run"],
        body: &["reason"],
        ..post(["games", "ban"], "/games/{game_id}/members/{user_id}/ban", "Ban a player from a game")
    },
    list(
        ["runtimes", "list"],
        "/runtimes",
        &["status"],
        &["game_id", "status", "health", "engine_version", "current_turn", "next_turn_at", "updated_at"],
        "Engines",
    ),
    get(["runtimes", "show"], "/runtimes/{game_id}", "A game's engine, its job and what was done"),
    Spec {
        query: &["tail"],
        ..get(["runtimes", "log"], "/runtimes/{game_id}/log", "The end of what an engine printed")
    },
    post(["runtimes", "restart"], "/runtimes/{game_id}/restart", "Restart a game's engine"),
    Spec {
        body: &["version"],
        ..post(["runtimes", "patch"], "/runtimes/{game_id}/patch", "Change an engine's patch version")
    },
    Spec {
        query: &["dry_run"],
        filter: &["status", "engine_version"],
        piece: PIECE,
        ..post(["runtimes", "restart-many"], "/runtimes/restart", "Restart engines")
    },
    Spec {
        query: &["dry_run"],
        body: &["version"],
        filter: &["status", "engine_version"],
        piece: PIECE,
        ..post(["runtimes", "patch-many"], "/runtimes/patch", "Change the patch version of engines")
    },
    post(["runtimes", "force-next-turn"], "/runtimes/{game_id}/force-next-turn", "Generate the next turn now"),
    Spec {
        body: &["turn"],
        ..post(["runtimes", "accept-turn"], "/runtimes/{game_id}/accept-turn", "Take the engine's turn")
    },
    Spec {
        query: &["dry_run"],
        ..post(["runtimes", "release"], "/runtimes/{game_id}/release", "Free a game from a daemon that is gone")
    },
    Spec {
        method: "DELETE",
        ..post(["runtimes", "cancel-job"], "/runtimes/{game_id}/job", "Cancel a job that nobody works")
    },
    Spec {
        query: &["dry_run"],
        ..post(["runtimes", "reconcile"], "/runtimes/reconcile", "Compare records and containers")
    },
    list(
        ["engine-versions", "list"],
        "/engine-versions",
        &["enabled"],
        &["version", "enabled", "image", "title", "created_at"],
        "Engine versions",
    ),
    get(["engine-versions", "show"], "/engine-versions/{version}", "One engine version"),
    post(
        ["engine-versions", "disable"],
        "/engine-versions/{version}/disable",
        "Let no new game be made with a version",
    ),
    list(
        ["users", "find"],
        "/users",
        &["email", "name", "sanction", "plan"],
        &["user_id", "user_name", "display_name", "email", "entitlement.plan", "created_at", "deleted_at"],
        "Accounts",
    ),
    get(["users", "show"], "/users/{user_id}", "One account"),
    list(
        ["users", "sessions"],
        "/users/{user_id}/sessions",
        &["status"],
        &["device_session_id", "status", "created_at", "revoked_at", "revoke_reason"],
        "An account's sessions",
    ),
    list(
        ["users", "sanctions"],
        "/users/{user_id}/sanctions",
        &["in_force"],
        &["sanction_id", "kind", "actor", "starts_at", "ends_at", "lifted_at", "reason"],
        "An account's sanctions",
    ),
    list(
        ["users", "timeline"],
        "/users/{user_id}/timeline",
        &[],
        &["at", "source", "what", "outcome", "actor", "detail"],
        "What happened to an account",
    ),
    list(
        ["users", "notes"],
        "/users/{user_id}/notes",
        &[],
        &["created_at", "author", "text"],
        "What administrators wrote down about an account",
    ),
    Spec {
        query: &["dry_run"],
        ..post(["users", "revoke-sessions"], "/users/{user_id}/sessions/revoke-all", "End an account's sessions")
    },
    Spec {
        query: &["dry_run"],
        filter: &["created_after", "created_before", "sanction", "plan"],
        piece: PIECE,
        ..post(["users", "revoke-sessions-of-many"], "/users/sessions/revoke", "End the sessions of many accounts")
    },
    list(
        ["audit", "list"],
        "/audit-log",
        &["actor", "action", "target_type", "target_id", "outcome", "via", "operation_id", "at_after", "at_before"],
        &["at", "actor", "action", "target_type", "target_id", "outcome", "reason", "ip", "detail"],
        "What administrators did",
    ),
];

impl Spec {
    /// Whether it answers a list, page by page.
    #[must_use]
    pub fn is_list(&self) -> bool {
        !self.columns.is_empty()
    }

    /// The arguments in the path.
    pub fn arguments(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Query parameters of every write: why, and what it is a part of. A reason that the body has stands there.
    #[must_use]
    pub fn told(&self) -> &'static [&'static str] {
        match (self.method, self.body.contains(&"reason")) {
            ("GET", _) => &[],
            (_, true) => &["operation_id"],
            (_, false) => &["reason", "operation_id"],
        }
    }

    fn flags(&self) -> impl Iterator<Item = &'static str> {
        self.query
            .iter()
            .chain(self.told())
            .chain(self.filter)
            .chain(self.piece)
            .copied()
            .chain((self.is_list() || !self.filter.is_empty()).then_some("limit"))
    }

    /// It, for the command line.
    fn command(&self) -> Command {
        let mut command = Command::new(self.words[1]).about(self.about);
        for name in self.arguments() {
            command = command.arg(Arg::new(name).required(true).value_name(name.to_uppercase()));
        }
        for name in self.flags() {
            command = command.arg(Arg::new(name).long(name.replace('_', "-")).value_name("VALUE"));
        }
        for name in self.body {
            command = command.arg(Arg::new(*name).long(*name).required(true).value_name("VALUE"));
        }
        if self.is_list() {
            command = command
                .arg(Arg::new("cursor").long("cursor").value_name("VALUE").help("next_cursor of the page before"))
                .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Every page, one after the other"));
        }
        command
    }

    /// The query of a call.
    #[must_use]
    pub fn query(&self, given: &ArgMatches) -> Vec<(&'static str, String)> {
        let paging: &[&str] = if self.is_list() { &["limit", "cursor"] } else { &[] };
        let names = self.query.iter().chain(self.told()).chain(paging).copied();
        names.filter_map(|name| Some((name, given.get_one::<String>(name)?.clone()))).collect()
    }

    /// The body of a call, where the operation has one. What reads as a whole number is one where the member is a number.
    #[must_use]
    pub fn body(&self, given: &ArgMatches) -> Option<Value> {
        let value = |name: &str| given.get_one::<String>(name).cloned();
        let number = |text: String| text.parse::<i64>().map_or(Value::String(text), Value::from);
        let mut body = Map::new();
        for name in self.body {
            let text = value(name).unwrap_or_default();
            body.insert((*name).to_owned(), if *name == "turn" { number(text) } else { Value::String(text) });
        }
        if !self.filter.is_empty() {
            let chosen = self.filter.iter().filter_map(|name| Some(((*name).to_owned(), Value::String(value(name)?))));
            body.insert("filter".to_owned(), Value::Object(chosen.collect()));
            body.extend(self.piece.iter().filter_map(|name| Some(((*name).to_owned(), Value::String(value(name)?)))));
            body.extend(value("limit").map(|limit| ("limit".to_owned(), number(limit))));
        }
        (!body.is_empty()).then_some(Value::Object(body))
    }
}

/// The command line of all commands below `root`.
#[must_use]
pub fn add_to(root: Command) -> Command {
    let mut nouns: Vec<&str> = ALL.iter().map(|spec| spec.words[0]).collect();
    nouns.dedup();
    nouns.into_iter().fold(root, |root, noun| {
        let verbs = ALL.iter().filter(|spec| spec.words[0] == noun).map(Spec::command);
        root.subcommand(Command::new(noun).about(format!("About {noun}")).subcommand_required(true).subcommands(verbs))
    })
}

/// The command that was given, with its arguments.
#[must_use]
pub fn chosen(matches: &ArgMatches) -> Option<(&'static Spec, &ArgMatches)> {
    let (noun, below) = matches.subcommand()?;
    let (verb, given) = below.subcommand()?;
    Some((ALL.iter().find(|spec| spec.words == [noun, verb])?, given))
}
