//! `migrate`: the one explicit step that changes the schema (SPEC §16).
//!
//! `migrate` or `migrate up` applies what is pending, `migrate down --to N` undoes what is newer than N, `migrate status`
//! lists both. Of several at once one works, the others wait and find nothing to do. `migrate roles` makes the processes'
//! roles and fits what each may do to this build.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Arg, ArgAction, Command, value_parser};
use galaxy_migrations::roles::{self, Prefix};
use shared::config::{self, PostgresConfig, Reader, Source};
use shared::postgres::pool::schema_state;
use sqlx::{Connection as _, PgConnection};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "migrate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let mut described = Reader::describe("migrate");
    let _: PostgresConfig = described.group();
    let to = Arg::new("to")
        .long("to")
        .required(true)
        .value_parser(value_parser!(i64).range(0..))
        .help("The version to go back to; 0 undoes everything");
    let command = config::command("migrate", "Applies the schema migrations of the Galaxy backend", &described)
        .mut_subcommand("healthcheck", |c| c.hide(true))
        .subcommand(Command::new("up").about("Apply what is pending (the default)"))
        .subcommand(Command::new("down").about("Undo migrations, newest first").arg(to))
        .subcommand(roles_command())
        .subcommand(Command::new("status").about("List what is applied and what is pending"));
    let matches = match command.try_get_matches() {
        Ok(matches) => matches,
        Err(error) => error.exit(),
    };
    let prefix = |given: &clap::ArgMatches| given.get_one::<Prefix>("prefix").cloned().context("no prefix");
    if let Some(("roles", given)) = matches.subcommand()
        && given.get_flag("print")
    {
        let mut out = std::io::stdout();
        for statement in roles::statements(&prefix(given)?, given.get_flag("keep")) {
            writeln!(out, "{statement};")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let loaded = match config::load::<PostgresConfig>("migrate", Source::from_env(config::flags(&matches))) {
        Ok(loaded) => loaded,
        Err(faults) => {
            let mut stderr = std::io::stderr();
            faults.iter().try_for_each(|fault| writeln!(stderr, "migrate: {fault}"))?;
            return Ok(ExitCode::from(2));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut conn =
            PgConnection::connect_with(&loaded.config.listen_options()).await.context("cannot reach Postgres")?;
        let mut out = std::io::stdout();
        match matches.subcommand() {
            Some(("down", arguments)) => {
                let target = arguments.get_one::<i64>("to").copied().unwrap_or_default();
                galaxy_migrations::undo(&mut conn, target).await?;
                writeln!(out, "at version {target}")?;
            }
            Some(("roles", given)) => {
                let missing = galaxy_migrations::pending(&mut conn).await?.len();
                anyhow::ensure!(missing == 0, "{missing} migrations are pending: run `migrate` first");
                let prefix = prefix(given)?;
                roles::grant(&mut conn, &prefix, given.get_flag("keep")).await?;
                for role in &roles::ROLES {
                    writeln!(out, "granted  {}  for {}", role.name(&prefix), role.process)?;
                }
            }
            Some(("status", _)) => {
                for (version, description) in galaxy_migrations::pending(&mut conn).await? {
                    writeln!(out, "pending  {version:04}  {description}")?;
                }
                writeln!(out, "this build is for version {}", galaxy_migrations::SCHEMA_VERSION)?;
            }
            _ => {
                for (version, description) in galaxy_migrations::apply(&mut conn).await? {
                    writeln!(out, "applied  {version:04}  {description}")?;
                }
                let applied = schema_state(&mut conn).await?.map_or(0, |state| state.applied);
                writeln!(out, "at version {applied}")?;
            }
        }
        conn.close().await?;
        anyhow::Ok(ExitCode::SUCCESS)
    })
}

fn roles_command() -> Command {
    Command::new("roles")
        .about("Make the group roles of the processes, and give each exactly what its process needs")
        .arg(
            Arg::new("prefix")
                .long("prefix")
                .default_value("galaxy")
                .value_parser(value_parser!(Prefix))
                .help("What the roles' names begin with; another one for a second platform in the same cluster"),
        )
        .arg(
            Arg::new("keep")
                .long("keep")
                .action(ArgAction::SetTrue)
                .help("Revoke nothing: while processes of the former release run"),
        )
        .arg(
            Arg::new("print")
                .long("print")
                .action(ArgAction::SetTrue)
                .help("Write the statements instead of running them, for whoever may create roles"),
        )
}
