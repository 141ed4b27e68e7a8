//! What the seed writes is what the product would have written.

use shared::domain::race_name;
use testkit::TestDb;
use testkit::seed::{Sizes, seed};

const FEW: Sizes = Sizes { accounts: 2_000, games: 200, memberships: 8_000 };

#[tokio::test]
async fn a_small_seed_is_consistent_and_made_once() {
    let db = TestDb::new().await;
    let mut conn = db.connect().await;
    seed(&mut conn, FEW, |_, _| ()).await.unwrap();
    for (what, expected) in [
        ("accounts", FEW.accounts),
        ("games", FEW.games),
        ("memberships", FEW.memberships),
        ("race_names", FEW.memberships),
    ] {
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {what}")))
            .fetch_one(&mut conn)
            .await
            .unwrap();
        assert_eq!(rows, i64::from(expected), "{what}");
    }
    // What no constraint of the database says.
    for (what, breach) in [
        (
            "active members are counted",
            "SELECT EXISTS (SELECT FROM games g WHERE approved_count
               <> (SELECT count(*) FROM memberships m WHERE m.game_id = g.game_id AND m.status = 'active'))",
        ),
        (
            "every active member of a game that goes on has their name reserved",
            "SELECT EXISTS (SELECT FROM memberships m JOIN games g USING (game_id)
               WHERE m.status = 'active' AND g.status NOT IN ('finished', 'cancelled')
                 AND NOT EXISTS (SELECT FROM race_names n WHERE n.game_id = m.game_id AND n.user_id = m.user_id
                                    AND n.canonical_key = m.canonical_key AND n.status = 'reserved'))",
        ),
        (
            "games that run have a runtime and a timer",
            "SELECT EXISTS (SELECT FROM games g WHERE status = 'running'
               AND (NOT EXISTS (SELECT FROM runtime_records r WHERE r.game_id = g.game_id AND r.status = 'running')
                 OR NOT EXISTS (SELECT FROM runtime_turns t WHERE t.game_id = g.game_id AND t.status = 'pending')))",
        ),
        (
            "nobody who is gone plays or is signed in",
            "SELECT EXISTS (SELECT FROM accounts a
               WHERE (deleted_at IS NOT NULL OR EXISTS (SELECT FROM sanctions s WHERE s.user_id = a.user_id AND s.kind = 'permanent_block'))
                 AND (EXISTS (SELECT FROM memberships m WHERE m.user_id = a.user_id)
                   OR EXISTS (SELECT FROM device_sessions d WHERE d.user_id = a.user_id AND d.status = 'active')))",
        ),
        (
            "nothing is due soon: the workers of a running stack have nothing to do with it",
            "SELECT EXISTS (SELECT next_attempt_at FROM mail_deliveries WHERE status IN ('pending', 'retrying')
                 AND next_attempt_at < now() + interval '7 days')
                 OR EXISTS (SELECT FROM notifications WHERE status IN ('pending', 'retrying'))
                 OR EXISTS (SELECT FROM notification_routes WHERE status IN ('pending', 'retrying'))
                 OR EXISTS (SELECT FROM runtime_jobs WHERE status IN ('pending', 'retrying')
                     AND next_attempt_at < now() + interval '7 days')
                 OR EXISTS (SELECT FROM runtime_turns WHERE status IN ('pending', 'retrying')
                     AND next_attempt_at < now() + interval '7 days')",
        ),
    ] {
        let breached: bool = sqlx::query_scalar(breach).fetch_one(&mut conn).await.unwrap();
        assert!(!breached, "not so: {what}");
    }
    // The seed writes without the triggers that hold foreign keys.
    let keys: Vec<(String, String)> = sqlx::query_as(
        "SELECT conname::text,
         format('SELECT EXISTS (SELECT FROM %s c LEFT JOIN %s p ON p.%I = c.%I WHERE c.%I IS NOT NULL AND p.%I IS NULL)',
                conrelid::regclass, confrelid::regclass, parent.attname, child.attname, child.attname, parent.attname)
           FROM pg_constraint
           JOIN pg_attribute child ON child.attrelid = conrelid AND child.attnum = conkey[1]
           JOIN pg_attribute parent ON parent.attrelid = confrelid AND parent.attnum = confkey[1]
          WHERE contype = 'f' AND cardinality(conkey) = 1",
    )
    .fetch_all(&mut conn)
    .await
    .unwrap();
    assert!(keys.len() > 20, "{keys:?}");
    for (key, orphans) in keys {
        let orphans: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(orphans)).fetch_one(&mut conn).await.unwrap();
        assert!(!orphans, "{key} does not hold");
    }
    let names: Vec<(String, String)> = sqlx::query_as("SELECT race_name, canonical_key FROM race_names LIMIT 1000")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    for (name, key) in names {
        assert_eq!(race_name::parse(&name).unwrap().canonical_key, key, "{name}");
    }
    assert!(seed(&mut conn, FEW, |_, _| ()).await.is_err(), "seeded twice");
    drop(conn);
    db.close().await;
}
