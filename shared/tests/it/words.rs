//! The closed words of the code are those of the schema: every constraint that lists words is held against its type, and every column
//! that is read as a type against the constraints.

use std::collections::{BTreeMap, BTreeSet};

use shared::domain::account::{IdentityKind, SanctionKind, SessionStatus};
use shared::domain::admin_access::{EndReason, Outcome, Via};
use shared::domain::delivery::{AttemptOutcome, DeliveryStatus, RecipientStatus};
use shared::domain::game::{GameStatus, PauseReason, Visibility};
use shared::domain::lobby::{ApplicationStatus, InviteStatus, MembershipStatus, RaceNameStatus};
use shared::domain::notification::{AudienceKind, Channel, NotificationStatus, RouteStatus};
use shared::domain::plan::Plan;
use shared::domain::runtime::{JobKind, JobStatus, QuestionKind, RuntimeStatus, TurnStatus};
use shared::domain::word::Word;
use sqlx::{Connection as _, PgConnection};
use testkit::TestDb;

/// Constraints that list words and have no type, and why.
const WITHOUT_TYPE: &[(&str, &str)] =
    &[("push_events_what_check", "the fields of an event say which it is; only SQL writes the word and looks at it")];

/// Columns that are read as a type and have no constraint, and why.
const WITHOUT_CONSTRAINT: &[(&str, &str)] =
    &[("runtime_records.health", "one of its words is only shown, never stored")];

fn all<W: Word>(constraint: &'static str) -> (&'static str, (&'static str, BTreeSet<String>)) {
    (constraint, (W::NAME, W::texts().into_iter().map(str::to_owned).collect()))
}

/// The type of each constraint's words.
fn types() -> BTreeMap<&'static str, (&'static str, BTreeSet<String>)> {
    BTreeMap::from([
        all::<EndReason>("admin_sessions_end_reason_check"),
        all::<ApplicationStatus>("applications_status_check"),
        all::<Outcome>("audit_log_outcome_check"),
        all::<Via>("audit_log_via_check"),
        all::<SessionStatus>("device_sessions_status_check"),
        all::<SanctionKind>("carried_sanctions_kind_check"),
        all::<Plan>("entitlements_plan_check"),
        all::<PauseReason>("games_pause_reason_check"),
        all::<GameStatus>("games_status_check"),
        all::<Visibility>("games_visibility_check"),
        all::<IdentityKind>("identities_kind_check"),
        all::<InviteStatus>("invites_status_check"),
        all::<AttemptOutcome>("mail_attempts_outcome_check"),
        all::<DeliveryStatus>("mail_deliveries_status_check"),
        all::<RecipientStatus>("mail_recipients_status_check"),
        all::<MembershipStatus>("memberships_status_check"),
        all::<Channel>("notification_routes_channel_check"),
        all::<RouteStatus>("notification_routes_status_check"),
        all::<AudienceKind>("notifications_audience_check"),
        all::<NotificationStatus>("notifications_status_check"),
        all::<RaceNameStatus>("race_names_status_check"),
        all::<JobKind>("runtime_jobs_kind_check"),
        all::<JobStatus>("runtime_jobs_status_check"),
        all::<QuestionKind>("runtime_questions_kind_check"),
        all::<RuntimeStatus>("runtime_records_status_check"),
        all::<TurnStatus>("runtime_turns_status_check"),
        all::<SanctionKind>("sanctions_kind_check"),
    ])
}

/// A constraint that lists the words of a column.
struct Listed {
    name: String,
    /// `table.column`.
    column: String,
    words: BTreeSet<String>,
}

/// Every `CHECK (column IN (…))` of the schema. Postgres keeps it as `= ANY (ARRAY['a'::text, …])`, whoever wrote which.
async fn listed(conn: &mut PgConnection) -> Vec<Listed> {
    let rows: Vec<(String, String, Option<String>, String)> = sqlx::query_as(
        "SELECT n.conname::text, n.conrelid::regclass::text, a.attname::text, pg_get_constraintdef(n.oid)
           FROM pg_constraint n LEFT JOIN pg_attribute a ON a.attrelid = n.conrelid AND a.attnum = n.conkey[1] AND cardinality(n.conkey) = 1
          WHERE n.contype = 'c' AND n.connamespace = current_schema()::regnamespace
          ORDER BY 1",
    )
    .fetch_all(conn)
    .await
    .unwrap();
    rows.into_iter()
        .filter_map(|(name, table, column, text)| {
            let (_, list) = text.split_once("= ANY (ARRAY[")?;
            let (list, _) = list.split_once(']')?;
            let words = list.split(", ").map(|word| word.trim_end_matches("::text").trim_matches('\'').to_owned());
            let column = format!("{table}.{}", column.as_deref().unwrap_or("of several columns"));
            Some(Listed { name, column, words: words.collect() })
        })
        .collect()
}

/// What `shared/sqlx.toml` says: the type's name by `table.column`.
fn read_as() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(testkit::workspace_root().join("shared/sqlx.toml")).unwrap();
    let mut table = String::new();
    let mut columns = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("[macros.table-overrides.'") {
            table = name.trim_end_matches("']").to_owned();
        } else {
            let (column, path) = line.split_once(" = ").unwrap();
            let name = path.trim_matches('"').rsplit("::").next().unwrap();
            columns.insert(format!("{table}.{}", column.trim_matches('\'')), name.to_owned());
        }
    }
    columns
}

#[tokio::test]
async fn every_list_of_words_in_the_schema_is_a_type_with_the_same_words() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    let (listed, types, read_as) = (listed(&mut conn).await, types(), read_as());
    conn.close().await.unwrap();
    let mut faults = Vec::new();
    for Listed { name, column, words } in &listed {
        match types.get(name.as_str()) {
            Some((word, texts)) => {
                if texts != words {
                    faults.push(format!("{name}: the schema has {words:?}, {word} has {texts:?}"));
                }
                if read_as.get(column).is_some_and(|read| read != word) {
                    faults.push(format!("{column} is read as {}, and {name} is of {word}", read_as[column]));
                }
            }
            None if WITHOUT_TYPE.iter().any(|(known, _)| known == name) => {}
            None => {
                faults.push(format!("{name} of {column} lists {words:?}: give it a type, or say here why it has none"))
            }
        }
    }
    let named: BTreeSet<&str> = listed.iter().map(|listed| listed.name.as_str()).collect();
    let gone =
        types.keys().copied().chain(WITHOUT_TYPE.iter().map(|(name, _)| *name)).filter(|name| !named.contains(name));
    faults.extend(gone.map(|name| format!("there is no constraint {name} that lists words")));
    let constrained: BTreeSet<&str> = listed.iter().map(|listed| listed.column.as_str()).collect();
    for column in read_as.keys().filter(|column| !constrained.contains(column.as_str())) {
        if !WITHOUT_CONSTRAINT.iter().any(|(known, _)| known == column) {
            faults.push(format!("{column} is read as {}, and no constraint lists its words", read_as[column]));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(listed.len() > 20, "the constraints are read: {}", listed.len());
}

#[tokio::test]
async fn a_word_goes_into_the_database_and_comes_back_and_another_text_is_refused() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    for plan in Plan::ALL {
        let read: Plan = sqlx::query_scalar("SELECT $1").bind(plan).fetch_one(&mut conn).await.unwrap();
        assert_eq!(read, *plan);
    }
    let read: Vec<Plan> = sqlx::query_scalar("SELECT $1::text[]").bind(Plan::ALL).fetch_one(&mut conn).await.unwrap();
    assert_eq!(read, Plan::ALL);
    let unknown = sqlx::query_scalar::<_, Plan>("SELECT 'weekly'").fetch_one(&mut conn).await.unwrap_err();
    assert!(unknown.to_string().contains("`weekly` is no plan"), "{unknown}");
    conn.close().await.unwrap();
}
