//! The commands: words, operation, what is asked for, and what a table shows.

use clap::{ArgMatches, Command};

mod administrators;
mod games;
mod mail;
mod platform;
mod runtimes;
mod spec;
mod users;

pub use spec::Spec;

/// Every command, those about one thing beside each other.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    [platform::ALL, mail::ALL, games::ALL, runtimes::ALL, users::ALL, administrators::ALL].into_iter().flatten()
}

/// The command line of all commands below `root`.
#[must_use]
pub fn add_to(root: Command) -> Command {
    let mut nouns: Vec<&str> = all().map(|spec| spec.words[0]).collect();
    nouns.dedup();
    nouns.into_iter().fold(root, |root, noun| {
        let verbs = all().filter(|spec| spec.words[0] == noun).map(Spec::command);
        root.subcommand(Command::new(noun).about(format!("About {noun}")).subcommand_required(true).subcommands(verbs))
    })
}

/// The command that was given, with its arguments.
#[must_use]
pub fn chosen(matches: &ArgMatches) -> Option<(&'static Spec, &ArgMatches)> {
    let (noun, below) = matches.subcommand()?;
    let (verb, given) = below.subcommand()?;
    Some((all().find(|spec| spec.words == [noun, verb])?, given))
}
