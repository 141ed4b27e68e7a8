//! The program: reads its arguments, calls, shows.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Arg, Command};
use galaxyctl::call::Api;
use galaxyctl::{EXIT_CODES, Fault, commands, csv, output, settings};
use serde_json::Value;

fn main() -> ExitCode {
    let root = Command::new("galaxyctl")
        .about("Looks after a Galaxy platform through its administrators' API")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .after_help(EXIT_CODES)
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .global(true)
                .default_value("table")
                .value_parser(["table", "json", "csv"])
                .help("How the answer is shown; csv: the whole list as a file, where there is one"),
        );
    let matches = commands::add_to(settings::flags(root)).get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            let _ = writeln!(std::io::stderr(), "galaxyctl: {fault}");
            ExitCode::from(fault.exit_code())
        }
    }
}

fn run(matches: &clap::ArgMatches) -> Result<(), Fault> {
    let (spec, given) = commands::chosen(matches).ok_or_else(|| Fault::Usage("no such command".to_owned()))?;
    // Values that are not text are none of ours.
    let env =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let api = Api::new(settings::read(given, &env.collect())?)?;
    let shown_as = given.get_one::<String>("output").map_or("table", String::as_str);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::Usage(format!("no runtime: {error}")))?;
    if shown_as == "csv" {
        if let Some(cursor) = runtime.block_on(csv::write(&api, spec, given))? {
            go_on(&cursor);
        }
        return Ok(());
    }
    if spec.csv && given.contains_id("to") {
        return Err(Fault::Usage("--to is for --output csv".to_owned()));
    }
    let answer = runtime.block_on(answer(&api, spec, given))?;
    let json = shown_as == "json";
    let text = if json { format!("{answer:#}\n") } else { output::table(spec, &answer) };
    // Whoever reads may have gone, as `head` does.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if let (Some(cursor), false) = (answer.get("next_cursor").and_then(Value::as_str), json) {
        go_on(cursor);
    }
    Ok(())
}

fn go_on(cursor: &str) {
    let _ = writeln!(std::io::stderr(), "there are more: --cursor {cursor}, or --all");
}

/// The answer, or all pages of it in one.
async fn answer(api: &Api, spec: &commands::Spec, given: &clap::ArgMatches) -> Result<Value, Fault> {
    let mut answer = api.call(spec, given, None).await?;
    if !spec.paged || !given.get_flag("all") {
        return Ok(answer);
    }
    while let Some(cursor) = answer.get("next_cursor").and_then(Value::as_str).map(str::to_owned) {
        let mut page = api.call(spec, given, Some(cursor)).await?;
        let next = page.get_mut("next_cursor").map(Value::take).unwrap_or_default();
        if let (Some(Value::Array(items)), Some(more)) =
            (answer.get_mut("items"), page.get_mut("items").and_then(Value::as_array_mut))
        {
            items.append(more);
        }
        if let Some(members) = answer.as_object_mut() {
            members.insert("next_cursor".to_owned(), next);
        }
    }
    Ok(answer)
}
