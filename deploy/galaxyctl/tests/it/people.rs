//! Administrators and their ways in, accounts, and who comes into games: what a command did is what the next one shows.

use serde_json::{Value, json};

use crate::stage::{NOBODY, PASSWORD, Stage, code, said};

/// The first item of a list for which `wanted` holds.
fn found(list: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let items = list["items"].as_array().unwrap();
    items.iter().find(|item| wanted(item)).unwrap_or_else(|| panic!("none of {list}")).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_is_made_changed_and_shut_out() {
    let stage = Stage::new().await;
    let secret = stage.file("secret", "grace has a password\n", 0o600);
    let secret = secret.to_str().unwrap();
    let grace = |command: &[&str], password: &str| {
        let env =
            [("GALAXYCTL_URL", stage.url.as_str()), ("GALAXYCTL_USER", "grace"), ("GALAXYCTL_PASSWORD", password)];
        stage.bare(command, &env)
    };
    let create =
        ["admins", "create", "--user-name", "grace", "--new-password-file", secret, "--roles", "viewer, support"];
    let create = [create.as_slice(), &["--idempotency-key", "grace-1"]].concat();
    let made = stage.json(&create);
    assert_eq!(made["roles"], json!(["viewer", "support"]), "{made}");
    assert_eq!(stage.json(&create)["created_at"], made["created_at"], "a repetition makes nothing");
    assert_eq!(code(&stage.run(&create[..8])), 6, "without the key it is another call");
    assert_eq!(code(&grace(&["queues", "list"], "grace has a password")), 0);

    let changed = stage.json(&["admins", "change", "grace", "--roles", "operator", "--reason", "another desk"]);
    assert_eq!(changed["roles"], json!(["operator"]));
    assert_eq!(stage.json(&["admins", "show", "grace"])["roles"], changed["roles"]);
    let trail = stage.json(&["audit", "list"]);
    found(&trail, |line| line["reason"] == "another desk");

    // A password that is given is shown once, on the standard output alone.
    let reset = stage.run(&["admins", "reset-password", "grace"]);
    let shown = String::from_utf8_lossy(&reset.stdout).into_owned();
    let password = shown.lines().find_map(|line| line.strip_prefix("password")).unwrap().trim().to_owned();
    assert!(!String::from_utf8_lossy(&reset.stderr).contains(&password));
    let own = stage.file("own", "a password of their own", 0o600);
    let given = stage.file("given", &password, 0o600);
    let change = ["me", "change-password", "--present-password-file", given.to_str().unwrap(), "--new-password-file"];
    let change = [change.as_slice(), &[own.to_str().unwrap()]].concat();
    let output = grace(&change, &password);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert_eq!(code(&grace(&["me", "show"], &password)), 4, "the old one opens nothing");
    let me = grace(&["me", "show", "-o", "json"], "a password of their own");
    let me: Value = serde_json::from_slice(&me.stdout).unwrap();
    assert_eq!((&me["user_name"], &me["via"]), (&json!("grace"), &json!("basic")));
    stage.file("open", "a password for everybody", 0o644);
    let open = stage.dir.path().join("open");
    let create = ["admins", "create", "--user-name", "x", "--new-password-file", open.to_str().unwrap()];
    let open = stage.run(&create);
    assert!(code(&open) == 2 && said(&open).contains("chmod 600"), "{}", said(&open));

    let unasked = stage.run(&["admins", "reset-second-factor", "grace"]);
    assert!(code(&unasked) == 2 && said(&unasked).contains("--reason"), "{}", said(&unasked));
    assert!(stage.run(&["admins", "disable", "grace"]).status.success());
    assert_eq!(code(&grace(&["queues", "list"], "a password of their own")), 4);
    let out = stage.json(&["admins", "list", "--enabled", "false", "--all"]);
    found(&out, |admin| admin["user_name"] == "grace");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_admits_until_it_is_revoked_and_a_session_is_ended() {
    let stage = Stage::new().await;
    let create = ["tokens", "create", "--name", "report", "--roles", "viewer", "--expires-in-days", "7"];
    let made = stage.json(&create);
    let (id, token) = (made["token_id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let with_token = |arguments: &[&str]| {
        stage.bare(arguments, &[("GALAXYCTL_URL", stage.url.as_str()), ("GALAXYCTL_TOKEN", token)])
    };
    assert_eq!(code(&with_token(&["queues", "list"])), 0);
    let shown = with_token(&["tokens", "list"]);
    assert!(said(&shown).contains(id) && !said(&shown).contains(token), "{}", said(&shown));
    // What wants a person, a token does not do, and the program says which word of the API it was.
    for arguments in [create.as_slice(), &["sessions", "list"], &["tokens", "revoke", id]] {
        let refused = with_token(arguments);
        assert!(code(&refused) == 6 && said(&refused).contains("person_required: "), "{}", said(&refused));
    }
    let revoked = stage.json(&["tokens", "revoke", id]);
    assert!(revoked["revoked_at"].is_string() && revoked.get("token").is_none(), "{revoked}");
    assert_eq!(stage.json(&["tokens", "show", id])["revoked_at"], revoked["revoked_at"]);
    assert_eq!(code(&with_token(&["queues", "list"])), 4);

    let session = stage.signed_in().await;
    let of = |id: &str| found(&stage.json(&["sessions", "list"]), |session| session["session_id"] == id);
    assert_eq!(of(&session)["end_reason"], Value::Null);
    assert!(stage.run(&["sessions", "end", &session]).status.success());
    assert_eq!(of(&session)["end_reason"], "ended");
    let missing = stage.run(&["sessions", "end", NOBODY]);
    assert!(code(&missing) == 5 && said(&missing).contains("session_not_found: "), "{}", said(&missing));
    assert!(!said(&missing).contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_granted_limited_sanctioned_and_deleted() {
    let stage = Stage::new().await;
    let user = found(&stage.json(&["users", "find"]), |user| user["deleted_at"].is_null());
    let user = user["user_id"].as_str().unwrap();
    let grant = ["users", "grant", user, "--plan", "permanent", "--source", "admin", "--reason", "a prize"];
    let granted = stage.json(&[grant.as_slice(), &["--idempotency-key", "prize-1"]].concat());
    let again = stage.json(&[grant.as_slice(), &["--idempotency-key", "prize-1"]].concat());
    assert_eq!(granted["entitlement_id"], again["entitlement_id"]);
    let grants = stage.json(&["users", "grants", user]);
    assert_eq!(found(&grants, |_| true)["entitlement_id"], granted["entitlement_id"], "the newest first");

    stage.json(&["users", "set-limits", user, "--memberships", "50", "--private-games", "3"]);
    let limits = stage.json(&["users", "limits", user]);
    assert_eq!((&limits["memberships"], &limits["private_games"]), (&json!(50), &json!(3)), "{limits}");
    stage.json(&["users", "set-limits", user]);
    assert_eq!(stage.json(&["users", "limits", user])["memberships"], Value::Null, "what is not given is the plan's");

    let block = ["users", "set-sanction", user, "--kind", "private_game_create_block", "--reason", "spam"];
    let tried = stage.json(&[block.as_slice(), &["--dry-run", "true"]].concat());
    assert!(tried["effects"].is_array(), "{tried}");
    let set = stage.json(&block);
    let sanction = set["sanction_id"].as_str().unwrap();
    stage.json(&["users", "lift-sanction", user, sanction, "--reason", "an error"]);
    let sanctions = stage.json(&["users", "sanctions", user]);
    assert!(found(&sanctions, |item| item["sanction_id"] == sanction)["lifted_at"].is_string());
    stage.json(&["users", "write-note", user, "--text", "Asked\nby mail."]);
    found(&stage.json(&["users", "notes", user]), |note| note["text"] == "Asked\nby mail.");

    let tried = stage.json(&["users", "delete", user, "--dry-run=true"]);
    assert!(!tried["effects"].as_array().unwrap().is_empty(), "{tried}");
    assert_eq!(stage.json(&["users", "show", user])["deleted_at"], Value::Null);
    let gone = stage.run(&["users", "delete", user, "--reason", "asked for it"]);
    assert_eq!((code(&gone), said(&gone).as_str()), (0, ""), "nothing is left to show");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_is_made_changed_and_opened_and_who_applied_is_judged() {
    let stage = Stage::new().await;
    let version = stage.first(&["engine-versions", "list", "--enabled", "true"], "version");
    let create = [
        "games",
        "create",
        "--name",
        "Orion",
        "--min-players",
        "2",
        "--max-players",
        "9",
        "--enrollment-ends-at",
        "2091-03-10T18:00:00Z",
        "--turn-schedule",
        "0 6,18 * * *",
        "--target-engine-version",
        &version,
        "--settings",
        r#"{"turn_limit": 30}"#,
    ];
    let made = stage.json(&create);
    let game = made["game_id"].as_str().unwrap();
    assert_eq!((&made["status"], &made["settings"]["turn_limit"]), (&json!("draft"), &json!(30)), "{made}");
    let changed = stage.json(&["games", "change", game, "--max-players", "7", "--name", "Orion Belt"]);
    assert_eq!((&changed["max_players"], &changed["name"]), (&json!(7), &json!("Orion Belt")));
    let wrong = stage.run(&["games", "change", game, "--max-players", "many"]);
    assert!(code(&wrong) == 6 && said(&wrong).contains("/max_players"), "{}", said(&wrong));
    let opened = stage.json(&["games", "open-enrollment", game]);
    assert_eq!(opened["status"], "enrollment_open");

    // One whom the seed let apply.
    let waits = |game: &Value| {
        let list = stage.json(&["games", "applications", game["game_id"].as_str().unwrap(), "--status", "submitted"]);
        let items = list["items"].as_array().unwrap().clone();
        let free = items.into_iter().filter(|item| item["race_name_available"] == true);
        free.take(2).collect::<Vec<_>>()
    };
    let open = stage.json(&["games", "list", "--status", "enrollment_open", "--visibility", "public", "--all"]);
    let applied = open["items"].as_array().unwrap().iter().map(waits).find(|waiting| waiting.len() == 2).unwrap();
    let id = |application: &Value, name: &str| application[name].as_str().unwrap().to_owned();
    let game = id(&applied[0], "game_id");
    let rejected = stage.json(&["games", "reject-application", &game, &id(&applied[0], "application_id")]);
    assert_eq!(rejected["status"], "rejected");
    let approved = stage.json(&["games", "approve-application", &game, &id(&applied[1], "application_id")]);
    assert_eq!(approved["status"], "approved");
    let members = stage.json(&["games", "members", &game, "--all"]);
    let member = id(&found(&members, |member| member["user_id"] == applied[1]["user_id"]), "membership_id");
    let tried = stage.json(&["games", "block-member", &game, &member, "--dry-run", "true"]);
    assert!(!tried["effects"].as_array().unwrap().is_empty(), "{tried}");
    let removed = stage.json(&["games", "remove-member", &game, &member, "--reason", "asked to"]);
    assert_eq!(removed["status"], "removed");
    assert_eq!(stage.json(&["games", "block-member", &game, &member])["status"], "blocked");
}
