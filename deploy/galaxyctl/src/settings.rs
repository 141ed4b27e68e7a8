//! Where the API is and who asks: flags, then the environment, then a file.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;
use shared::secret::Secret;

use crate::Fault;

/// What a call needs to know.
#[derive(Debug)]
pub struct Settings {
    /// The API's base URL, without a slash at its end.
    pub url: String,
    /// Who asks.
    pub who: Who,
    /// Who vouches for the server besides the system's roots: a file of certificates, PEM.
    pub ca_file: Option<PathBuf>,
}

/// Who asks: an administrator with a second factor has a token for this (`POST /admin/auth/tokens`).
#[derive(Debug)]
pub enum Who {
    /// An administrator, by name and password.
    Basic {
        /// The administrator.
        user: String,
        /// Their password.
        password: Secret,
    },
    /// By a program's token.
    Token(Secret),
}

/// The flags. There is none for the password or the token: whoever may list processes reads their arguments.
#[must_use]
pub fn flags(command: Command) -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name.replace('_', "-")).value_name(value).help(help).global(true)
    };
    command
        .arg(flag("url", "URL", "The API's base URL [env: GALAXYCTL_URL] [default: http://127.0.0.1:8080]"))
        .arg(flag("user", "NAME", "The administrator [env: GALAXYCTL_USER]"))
        .arg(flag(
            "password_file",
            "PATH",
            "File that holds the password [env: GALAXYCTL_PASSWORD_FILE; the password itself: GALAXYCTL_PASSWORD]",
        ))
        .arg(flag(
            "token_file",
            "PATH",
            "File that holds a program's token, in place of name and password [env: GALAXYCTL_TOKEN_FILE; the token itself: \
             GALAXYCTL_TOKEN]",
        ))
        .arg(flag(
            "ca_file",
            "PATH",
            "Certificates that vouch for the server, besides the system's [env: GALAXYCTL_CA_FILE]",
        ))
        .arg(flag(
            "config",
            "PATH",
            "A JSON object of url, user, password or password_file, token or token_file, ca_file [env: GALAXYCTL_CONFIG] \
             [default: ~/.config/galaxyctl.json, where it is]",
        ))
        .arg(
            Arg::new("insecure_http")
                .long("insecure-http")
                .action(ArgAction::SetTrue)
                .global(true)
                .help("Send the password in clear to another host"),
        )
}

/// Reads them.
///
/// # Errors
/// [`Fault::Usage`]: something is missing, cannot be read, or is not safe.
pub fn read(given: &ArgMatches, env: &BTreeMap<String, String>) -> Result<Settings, Fault> {
    let flag = |name: &str| given.get_one::<String>(name).cloned();
    let variable =
        |name: &str| env.get(&format!("GALAXYCTL_{}", name.to_uppercase())).filter(|v| !v.is_empty()).cloned();
    let named = flag("config").or_else(|| variable("config")).map(PathBuf::from);
    let usual =
        env.get("HOME").map(|home| Path::new(home).join(".config/galaxyctl.json")).filter(|path| path.is_file());
    let file = named.or(usual).map_or(Ok(Value::Null), |path| file(&path))?;
    let stored = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
    let setting = |name: &str| flag(name).or_else(|| variable(name)).or_else(|| stored(name));

    let url = setting("url").unwrap_or_else(|| "http://127.0.0.1:8080".to_owned()).trim_end_matches('/').to_owned();
    check_url(&url, given.get_flag("insecure_http"))?;
    // The nearest place counts: a flag before the environment, that before the file.
    let hidden = |name: &str| -> Result<Option<Secret>, Fault> {
        let of_file = format!("{name}_file");
        let found = match (flag(&of_file), variable(name), variable(&of_file), stored(name)) {
            (Some(path), ..) => Some(secret(&path)?),
            (None, Some(text), ..) => Some(text),
            (None, None, Some(path), _) => Some(secret(&path)?),
            (None, None, None, Some(text)) => Some(text),
            (None, None, None, None) => stored(&of_file).map(|path| secret(&path)).transpose()?,
        };
        Ok(found.map(Secret::new))
    };
    // Whoever names a user on the command line means them, whatever token lies about.
    let token = if flag("user").is_some() { None } else { hidden("token")? };
    let who = match token {
        Some(token) => Who::Token(token),
        None => {
            let user = setting("user").ok_or_else(|| {
                Fault::Usage(
                    "no administrator: --user, GALAXYCTL_USER, or a token: --token-file, GALAXYCTL_TOKEN".to_owned(),
                )
            })?;
            let password = hidden("password")?.ok_or_else(|| {
                Fault::Usage("no password: --password-file, GALAXYCTL_PASSWORD_FILE or GALAXYCTL_PASSWORD".to_owned())
            })?;
            Who::Basic { user, password }
        }
    };
    Ok(Settings { url, who, ca_file: setting("ca_file").map(PathBuf::from) })
}

/// Whether the password may go there.
fn check_url(url: &str, insecure: bool) -> Result<(), Fault> {
    let uri: http::Uri = url.parse().map_err(|error| Fault::Usage(format!("{url:?} is no URL: {error}")))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        _ if uri.authority().is_some_and(|a| a.as_str().contains('@')) || uri.query().is_some() => {
            Err(Fault::Usage("the URL holds a user or a query: scheme, host, port and path alone".to_owned()))
        }
        Some("https") => Ok(()),
        Some("http") if local || insecure => Ok(()),
        Some("http") => Err(Fault::Usage(format!(
            "{url} would carry the password in clear to another host: use https, or say --insecure-http"
        ))),
        _ => Err(Fault::Usage(format!("{url:?} must begin with https:// or http://"))),
    }
}

fn file(path: &Path) -> Result<Value, Fault> {
    let fault = |what: String| Fault::Usage(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| fault(format!("is not JSON at line {}", error.line())))?;
    let known = ["url", "user", "password", "password_file", "token", "token_file", "ca_file"];
    let members = value.as_object().ok_or_else(|| fault("must be a JSON object".to_owned()))?;
    if let Some(unknown) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(fault(format!("{unknown} is not known: {}", known.join(", "))));
    }
    if members.contains_key("password") || members.contains_key("token") {
        closed(path)?;
    }
    Ok(value)
}

/// What a file with a secret holds, without the end of its line.
///
/// # Errors
/// [`Fault::Usage`]: it cannot be read, or everybody may read it.
pub fn secret(path: &str) -> Result<String, Fault> {
    let path = Path::new(path);
    let text = std::fs::read_to_string(path).map_err(|error| Fault::Usage(format!("{}: {error}", path.display())))?;
    closed(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A file with a password is for its owner, and at most their group.
fn closed(path: &Path) -> Result<(), Fault> {
    let mode =
        std::fs::metadata(path).map_err(|error| Fault::Usage(format!("{}: {error}", path.display())))?.permissions();
    if mode.mode() & 0o007 != 0 {
        return Err(Fault::Usage(format!("{} holds a password and is open to everybody: chmod 600", path.display())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_in_clear_to_this_host_alone() {
        for url in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80", "https://galaxy.example/api"] {
            assert!(check_url(url, false).is_ok(), "{url}");
        }
        for url in [
            "http://galaxy.example",
            "http://10.0.0.1:8080",
            "http://localhost.example",
            "ftp://localhost",
            "localhost:80",
        ] {
            assert!(check_url(url, false).is_err(), "{url}");
        }
        assert!(check_url("http://galaxy.example", true).is_ok());
        assert!(check_url("https://root:secret@galaxy.example", true).is_err());
    }
}
