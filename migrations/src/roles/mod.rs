//! The group role of each process, and what it may do (docs/postgres.md, "Roles"): `migrate roles` makes the grants from
//! these tables, and the tests hold the database against them.
//!
//! The roles cannot log in. Whoever runs the platform makes a login role for each process and grants it the group.
//! Postgres knows no right to LISTEN or NOTIFY: whoever may connect may do both.

mod grants;

use std::fmt;
use std::str::FromStr;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::LOCK;

/// Columns of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// None of them.
    None,
    /// Those named here, with spaces between.
    Some(&'static str),
    /// The table itself, so those that are added later, too.
    All,
}

impl Columns {
    /// Whether this one may be used.
    #[must_use]
    pub fn has(self, column: &str) -> bool {
        match self {
            Self::None => false,
            Self::Some(columns) => columns.split_whitespace().any(|c| c == column),
            Self::All => true,
        }
    }

    /// The privilege as it stands in a GRANT, where there is one.
    fn privilege(self, verb: &str) -> Option<String> {
        match self {
            Self::None => None,
            Self::Some(columns) => {
                Some(format!("{verb} ({})", columns.split_whitespace().collect::<Vec<_>>().join(", ")))
            }
            Self::All => Some(verb.to_owned()),
        }
    }
}

/// What a role may do with a table. What is not here it may not.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The table, in the schema `backend`.
    pub table: &'static str,
    /// What may be read.
    pub select: Columns,
    /// Whether rows may be added.
    pub insert: bool,
    /// What may be changed.
    pub update: Columns,
    /// Whether rows may be removed.
    pub delete: bool,
    /// Whether all rows may be removed at once.
    pub truncate: bool,
}

const fn on(table: &'static str) -> Grant {
    Grant { table, select: Columns::None, insert: false, update: Columns::None, delete: false, truncate: false }
}

impl Grant {
    const fn read(mut self) -> Self {
        self.select = Columns::All;
        self
    }

    const fn select(mut self, columns: &'static str) -> Self {
        self.select = Columns::Some(columns);
        self
    }

    const fn insert(mut self) -> Self {
        self.insert = true;
        self
    }

    const fn update(mut self, columns: &'static str) -> Self {
        self.update = Columns::Some(columns);
        self
    }

    /// Rows are locked and never changed.
    const fn lock(self, column: &'static str) -> Self {
        self.update(column)
    }

    /// `LOCK TABLE` asks for a right on the table itself; rows are never changed.
    const fn lock_table(mut self) -> Self {
        self.update = Columns::All;
        self
    }

    const fn delete(mut self) -> Self {
        self.delete = true;
        self
    }

    const fn truncate(mut self) -> Self {
        self.truncate = true;
        self
    }

    /// The privileges as they stand in a GRANT.
    fn privileges(&self) -> String {
        let plain = |given: bool, verb: &str| given.then(|| verb.to_owned());
        [
            self.select.privilege("SELECT"),
            plain(self.insert, "INSERT"),
            self.update.privilege("UPDATE"),
            plain(self.delete, "DELETE"),
            plain(self.truncate, "TRUNCATE"),
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
    }
}

/// The group role of a process.
#[derive(Debug)]
pub struct Role {
    /// The binary.
    pub process: &'static str,
    /// What follows the prefix in the role's name.
    pub suffix: &'static str,
    /// Its tables.
    pub grants: &'static [Grant],
    /// Sequences that its inserts draw from.
    pub sequences: &'static [&'static str],
    /// Functions of ours that it calls, with the types of their parameters. PUBLIC may call none.
    pub functions: &'static [&'static str],
}

impl Role {
    /// Its name: `galaxy_api` under the usual prefix.
    #[must_use]
    pub fn name(&self, prefix: &Prefix) -> String {
        format!("{prefix}_{}", self.suffix)
    }
}

/// Every role.
pub static ROLES: [Role; 4] = [
    Role {
        process: "api-server",
        suffix: "api",
        grants: grants::API,
        sequences: &["push_events_ev_id_seq", "push_subscribers_generation_seq"],
        functions: &["mail_content(uuid)", "scrub_trail(uuid)"],
    },
    Role { process: "mail-worker", suffix: "mail", grants: grants::MAIL, sequences: &[], functions: &[] },
    Role { process: "notify-worker", suffix: "notify", grants: grants::NOTIFY, sequences: &[], functions: &[] },
    Role { process: "runtime-controller", suffix: "runtime", grants: grants::RUNTIME, sequences: &[], functions: &[] },
];

/// What the roles' names begin with: a second platform in the same cluster needs another one, since roles belong to the
/// cluster and not to a database.
#[derive(Clone, Debug)]
pub struct Prefix(String);

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if fits { Ok(Self(text.to_owned())) } else { Err("1 to 40 of a-z, 0-9 and _, a letter first".to_owned()) }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The statements that make and fit the roles, to be run in one transaction by the owner of the schema. With `keep`,
/// nothing is revoked: what the former release's processes need stays until they are gone.
#[must_use]
pub fn statements(prefix: &Prefix, keep: bool) -> Vec<String> {
    let mut all = Vec::new();
    for role in &ROLES {
        let name = role.name(prefix);
        // Roles belong to the cluster: another database's migrator may make it at the same moment.
        all.push(format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') THEN CREATE ROLE {name} NOLOGIN; END IF; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ));
        if !keep {
            // Takes the rights on single columns along.
            all.push(format!("REVOKE ALL ON ALL TABLES IN SCHEMA backend FROM {name}"));
            all.push(format!("REVOKE ALL ON ALL SEQUENCES IN SCHEMA backend FROM {name}"));
            all.extend(
                ROLES
                    .iter()
                    .flat_map(|role| role.functions)
                    .map(|f| format!("REVOKE ALL ON FUNCTION backend.{f} FROM {name}")),
            );
            all.push(format!("REVOKE ALL ON SCHEMA backend FROM {name}"));
        }
        all.push(format!("GRANT USAGE ON SCHEMA backend TO {name}"));
        let tables = role.grants.iter();
        all.extend(tables.map(|g| format!("GRANT {} ON TABLE backend.{} TO {name}", g.privileges(), g.table)));
        all.extend(role.sequences.iter().map(|s| format!("GRANT USAGE ON SEQUENCE backend.{s} TO {name}")));
        all.extend(role.functions.iter().map(|f| format!("GRANT EXECUTE ON FUNCTION backend.{f} TO {name}")));
    }
    all
}

/// Makes the roles that are missing and fits what each may do, in one transaction: processes that run under them see either
/// the former rights or the new ones. Run again it changes nothing. One at a time with the migrations.
///
/// # Errors
/// What Postgres answers: 42501 where the role may neither create roles nor owns the schema, 42P01 where migrations are missing.
pub async fn grant(conn: &mut PgConnection, prefix: &Prefix, keep: bool) -> Result<(), sqlx::Error> {
    let mut tx = conn.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
    for statement in statements(prefix, keep) {
        // Safe: names from the tables of this module, and a prefix that was checked.
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *tx).await?;
    }
    tx.commit().await
}
