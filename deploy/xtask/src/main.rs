//! The developer's commands (SPEC §17): `up`, `down`, `seed`, `measure`, `bench`, `test`, `fuzz`, `chaos`, `mutants`, `gen`,
//! `engine-check`, `images`, `compose`, `upgrade`, `console`, `screenshots`,
//! and what they share: the static builds and the tools that tests run.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a tool for the terminal, which wants the real clock"
)]

mod build;
mod chaos;
mod circles;
mod compose;
mod down;
mod front_ends;
mod fuzzer;
mod r#gen;
mod habits;
mod images;
mod kubernetes;
mod layers;
mod measure;
mod mutants;
mod packaged;
mod prerequisites;
mod run;
mod sbom;
mod seed;
mod shipped;
mod sizes;
mod test;
mod tools;
mod up;
mod upgrade;
mod worktree;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use testkit::kubernetes::Engines;
use testkit::seed::Sizes;

/// Developer's commands of the Galaxy backend
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the whole platform up on this machine, play a game on it, and stay up
    Up {
        /// Only bring it up
        #[arg(long)]
        no_demo: bool,
        /// How many of each process
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
        replicas: u8,
        /// What runs the engines
        #[arg(long, value_enum, default_value = "auto")]
        driver: DriverChoice,
        /// End after the game instead of staying up
        #[arg(long)]
        once: bool,
    },
    /// End what `up` started
    Down,
    /// Fill the stack that is up as full as the product must bear
    Seed {
        /// Accounts
        #[arg(long, default_value_t = 100_000)]
        accounts: u32,
        /// Games
        #[arg(long, default_value_t = 10_000)]
        games: u32,
        /// Memberships
        #[arg(long, default_value_t = 200_000)]
        memberships: u32,
    },
    /// Print how long each list and lookup of the seeded stack takes
    Measure {
        /// Calls of each
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
        calls: u16,
    },
    /// Everything that CI runs
    Test {
        /// Unit and contract tests only, without Docker
        #[arg(long)]
        fast: bool,
        /// Only the manifests of deploy/kubernetes, on the one-node cluster in this directory (docs/kubernetes.md)
        #[arg(long, conflicts_with = "fast", value_name = "DIR")]
        kubernetes: Option<PathBuf>,
        /// The tag of the images that are installed there
        #[arg(long, default_value = "latest", requires = "kubernetes")]
        tag: String,
        /// What runs the engines there
        #[arg(long, value_enum, default_value = "docker", requires = "kubernetes")]
        engines: Engines,
        /// Only the Compose file: images of this tree, a game on them, and nothing left behind
        #[arg(long, conflicts_with = "fast")]
        compose: bool,
    },
    /// The fuzz targets, led by coverage (docs/fuzzing.md); `test` runs each of them for a second or two
    Fuzz {
        /// How long, all targets together
        #[arg(long, default_value_t = 60)]
        minutes: u32,
        /// Only targets whose name has this in it
        #[arg(default_value = "")]
        target: String,
    },
    /// Strike a stack of its own under load, blow after blow, and check that nothing is lost, stuck or done twice (docs/testing.md)
    Chaos {
        /// How many blows are struck
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// What decides them; drawn and printed if absent
        #[arg(long)]
        seed: Option<u64>,
        /// Tell the players' story too
        #[arg(long)]
        whole_story: bool,
    },
    /// Put faults into the code, one at a time, and list those that no test notices (docs/testing.md)
    Mutants {
        /// Only areas whose name has this in it: `domain`, `queue`, `push_log`, `schedule`, `reconcile`
        #[arg(default_value = "")]
        area: String,
        /// Only a part of them, as `2/8`, counted from 0
        #[arg(long, value_name = "K/N")]
        shard: Option<String>,
    },
    /// Upgrade a stack of another revision to this tree under load, take it back, and upgrade it again (docs/upgrading.md)
    Upgrade {
        /// The former release: a tag, a branch or a commit
        #[arg(long, value_name = "REV")]
        from: String,
    },
    /// One static image per binary, with a bill of materials beside each, in target/images
    Images {
        /// Of the dev profile: built in less time, and several times as large
        #[arg(long)]
        dev: bool,
        /// Those too that stand in for public ones where no registry can be reached, from this machine's packages
        #[arg(long)]
        test: bool,
    },
    /// Build the images, bring the whole platform up with Compose, and play a game on it
    Compose {
        /// Binaries of the dev profile
        #[arg(long)]
        dev: bool,
        /// Postgres and Prometheus from this machine's packages, where no registry can be reached
        #[arg(long)]
        packaged: bool,
        /// Only bring it up
        #[arg(long)]
        no_demo: bool,
        /// End what it started; the data stays
        #[arg(long, conflicts_with_all = ["dev", "packaged", "no_demo"])]
        down: bool,
    },
    /// Write every generated file anew
    Gen {
        /// Fail where a committed file is not what is generated
        #[arg(long)]
        check: bool,
        /// Let the REST contract's baseline give up what would break clients
        #[arg(long, conflicts_with = "check")]
        accept_breaking: bool,
    },
    /// Measurements that decisions rest on, built for release: `http`, `queue`, `hub`, …; `--help` has them all, and what each takes
    Bench {
        /// Which one, and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
    /// Build the operator console, which the next build of api-server holds (docs/console.md)
    Console,
    /// Pictures of every page of the console, in deploy/console/shots
    Screenshots,
    /// Build the reference engine as a static binary, for images
    Engine,
    /// Test an engine against the contract of docs/engine-contract.md
    EngineCheck {
        /// An image that docker has, or the address of an engine that runs (then with --game-id and --token)
        #[arg(required_unless_present_any = ["binary", "image"])]
        subject: Option<String>,
        /// Only build the test itself as a static binary, for authors
        #[arg(long)]
        binary: bool,
        /// Only build the test's own image
        #[arg(long, conflicts_with = "binary")]
        image: bool,
        /// What else it takes; `cargo run -p galaxy-engine-check -- --help` says what
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Install the programs that tests run and cargo does not build
    Tools,
}

/// What runs the engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DriverChoice {
    /// Docker where it answers or can be started, else child processes
    Auto,
    /// Docker or failure
    Docker,
    /// Child processes on loopback
    Process,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Up { no_demo, replicas, driver, once } => {
            up::up(&up::Options { demo: !no_demo, replicas: replicas.into(), driver, once })
        }
        Command::Down => down::down(),
        Command::Seed { accounts, games, memberships } => seed::seed(Sizes { accounts, games, memberships }),
        Command::Measure { calls } => measure::measure(calls.into()),
        Command::Test { kubernetes: Some(dir), tag, engines, .. } => kubernetes::test(&dir, &tag, engines),
        Command::Test { compose: true, .. } => compose::test(),
        Command::Test { fast, .. } => test::test(fast),
        Command::Fuzz { minutes, target } => fuzzer::fuzz(minutes, &target),
        Command::Chaos { rounds, seed, whole_story } => chaos::chaos(rounds, seed, whole_story),
        Command::Mutants { area, shard } => mutants::mutants(&area, shard.as_deref()),
        Command::Upgrade { from } => upgrade::upgrade(&from),
        Command::Images { dev, test } => images::images(&images::Options { dev, test, docker_host: None }).map(|_| ()),
        Command::Compose { down: true, .. } => compose::down(),
        Command::Compose { dev, packaged, no_demo, .. } => {
            compose::up(&compose::Options { dev, packaged, demo: !no_demo })
        }
        Command::Gen { check, accept_breaking } => r#gen::r#gen(check, accept_breaking),
        Command::Bench { arguments } => bench(&arguments),
        Command::Console => front_ends::console(),
        Command::Screenshots => front_ends::screenshots(),
        Command::Tools => tools::tools(),
        Command::EngineCheck { binary: true, .. } => {
            build::static_engine_check().map(|path| println!("{}", path.display()))
        }
        Command::EngineCheck { image: true, .. } => build::engine_check_image().map(|name| println!("{name}")),
        Command::EngineCheck { subject, arguments, .. } => engine_check(&subject.unwrap_or_default(), &arguments),
        Command::Engine => build::static_engine().map(|path| println!("{}", path.display())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the bench that the first argument names.
fn bench(arguments: &[String]) -> anyhow::Result<()> {
    prerequisites::bench(arguments.first().map_or("", String::as_str))?;
    run::step("bench", run::program(build::benches()?).args(arguments))
}

/// Runs the conformance test from the checkout.
fn engine_check(subject: &str, arguments: &[String]) -> anyhow::Result<()> {
    let url = subject.starts_with("http://") || subject.starts_with("https://");
    run::step(
        "engine-check",
        run::cargo()
            .args([
                "run",
                "--quiet",
                "--locked",
                "-p",
                "galaxy-engine-check",
                "--",
                if url { "--url" } else { "--image" },
            ])
            .arg(subject)
            .args(arguments),
    )
}

/// The checkout.
fn root() -> PathBuf {
    testkit::workspace_root()
}

/// Where `up` keeps everything.
fn local() -> PathBuf {
    root().join(".local")
}
