//! The registries' credentials, from a file in the form of Docker's `config.json`. Only what the file names for a registry's very
//! host is given to the daemon for it; nothing of it is ever printed.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::auth::DockerCredentials;
use serde::Deserialize;
use shared::domain::image_reference::DEFAULT_REGISTRY;

/// Longer files are not read: none is.
const FILE_MAX: u64 = 1 << 20;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Entry {
    /// `user:password` in base64.
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// What the file holds for this registry. Read anew each time: pulls are seldom, and credentials are rotated.
///
/// # Errors
/// What is wrong with the file, without its contents.
pub(super) async fn credentials(file: &Path, registry: &str) -> Result<Option<DockerCredentials>, String> {
    let named = |why: String| format!("BACKEND_RUNTIME_REGISTRY_AUTH_FILE, {}: {why}", file.display());
    let length = tokio::fs::metadata(file).await.map_err(|error| named(error.to_string()))?.len();
    if length > FILE_MAX {
        return Err(named(format!("is longer than {FILE_MAX} bytes")));
    }
    let text = tokio::fs::read(file).await.map_err(|error| named(error.to_string()))?;
    read(&text, registry).map_err(named)
}

fn read(text: &[u8], registry: &str) -> Result<Option<DockerCredentials>, String> {
    // A parser's own words may quote what it stumbled over.
    let file: File = serde_json::from_slice(text)
        .map_err(|error| format!("is not Docker's config.json, at line {}, column {}", error.line(), error.column()))?;
    let here = |key: &str| host(key) == registry;
    // As Docker looks: the very name first, then whatever has its host.
    let entry =
        file.auths.get(registry).or_else(|| file.auths.iter().find(|(key, _)| here(key)).map(|(_, entry)| entry));
    let Some(entry) = entry else {
        return match file.helpers.keys().find(|key| here(key)) {
            // Not as the file writes it: who puts a registry's address there may put a password into it.
            Some(_) => Err(format!(
                "names a credential helper for {registry}, a program that is not run here: write it into `auths`"
            )),
            None => Ok(None),
        };
    };
    let (username, password) = match entry.auth.as_deref().filter(|auth| !auth.is_empty()) {
        Some(auth) => {
            let wrong = || format!("has an `auth` for {registry} that is not base64 of user:password");
            let decoded =
                STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
            let (user, password) = decoded.split_once(':').ok_or_else(wrong)?;
            // Docker's own files are padded with NULs.
            (Some(user.to_owned()), Some(password.trim_matches('\0').to_owned()))
        }
        None => (entry.username.clone(), entry.password.clone()),
    };
    let address = if registry == DEFAULT_REGISTRY { "https://index.docker.io/v1/" } else { registry };
    let identity = entry.identitytoken.clone().filter(|token| !token.is_empty());
    Ok(Some(DockerCredentials {
        // A token stands for the password, as Docker has it.
        password: password.filter(|_| identity.is_none()),
        username,
        identitytoken: identity,
        registrytoken: entry.registrytoken.clone().filter(|token| !token.is_empty()),
        serveraddress: Some(address.to_owned()),
        ..DockerCredentials::default()
    }))
}

/// The host of a key: with a scheme and a path, as old files have it, or without.
fn host(key: &str) -> String {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let host = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
    if host == "index.docker.io" { DEFAULT_REGISTRY.to_owned() } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str, registry: &str) -> Option<(String, String)> {
        let found = read(text.as_bytes(), registry).unwrap()?;
        assert_eq!(found.identitytoken, None);
        Some((found.username.unwrap_or_default(), found.password.unwrap_or_default()))
    }

    #[test]
    fn a_registry_gets_what_its_own_host_is_named_with_and_no_other() {
        // ann:a:b, and bob:c with Docker's padding.
        let text = r#"{ "auths": {
            "https://index.docker.io/v1/": { "auth": "YW5uOmE6Yg==" },
            "https://old.example/v2/": { "auth": "Ym9iOmMA" },
            "new.example:5000": { "username": "eve", "password": "d" },
            "http://new.example:5000/v1/": { "auth": "YW5uOmE6Yg==" },
            "empty.example": {} }, "credsStore": "desktop", "HttpHeaders": { "x": "y" } }"#;
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(user(text, "docker.io"), pair("ann", "a:b"));
        assert_eq!(user(text, "old.example"), pair("bob", "c"));
        assert_eq!(
            user(text, "new.example:5000"),
            pair("eve", "d"),
            "the very name goes before an address of its host"
        );
        assert_eq!(user(text, "empty.example"), pair("", ""));
        for other in [
            "new.example",
            "example",
            "evil-old.example",
            "old.example.evil",
            "old.example:443",
            "index.docker.io.evil",
        ] {
            assert_eq!(user(text, other), None, "{other}");
        }
    }

    #[test]
    fn an_identity_token_takes_the_password_s_place() {
        let text = r#"{ "auths": { "r.example": { "auth": "YW5uOmE=", "identitytoken": "t" } } }"#;
        let found = read(text.as_bytes(), "r.example").unwrap().unwrap();
        assert_eq!(
            (found.username.as_deref(), found.password, found.identitytoken.as_deref()),
            (Some("ann"), None, Some("t"))
        );
        assert_eq!(found.serveraddress.as_deref(), Some("r.example"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_of_without_its_secrets() {
        for text in [
            r#"{ "auths": { "r.example": "c2VjcmV0" } }"#,
            r#"{ "auths": { "r.example": { "auth": "c2VjcmV0" } } }"#,
            r#"{ "auths": { "r.example": { "auth": "c2Vjc!" } } }"#,
            "c2VjcmV0",
        ] {
            let error = read(text.as_bytes(), "r.example").unwrap_err();
            assert!(!error.contains("c2V") && !error.contains("secret"), "{error}");
        }
        let helper = r#"{ "auths": {}, "credHelpers": { "r.example": "ecr-login" } }"#;
        assert!(read(helper.as_bytes(), "r.example").unwrap_err().contains("helper"));
        assert!(read(helper.as_bytes(), "other.example").unwrap().is_none());
        let helper = r#"{ "credHelpers": { "https://r.example/v2/?password=secret": "ecr-login" } }"#;
        assert!(!read(helper.as_bytes(), "r.example").unwrap_err().contains("secret"));
    }

    mod fuzz {
        use testkit::fuzz::Target;

        use super::*;

        #[test]
        fn no_fault_of_the_file_tells_what_is_in_it() {
            let samples = [
                // ann:sesame-open, whole and cut.
                r#"{"auths":{"r.example":{"auth":"YW5uOnNlc2FtZS1vcGVu"},"https://old.example/v2/":{"auth":"YW5uOnNl"}}}"#,
                r#"{"auths":{"r.example":{"username":"ann","password":"sesame-open","identitytoken":"sesame-open"}}}"#,
                r#"{"credHelpers":{"https://r.example/sesame-open":"ecr-login"},"credsStore":"sesame-open"}"#,
            ];
            let words = &[
                "sesame-open",
                "YW5uOnNlc2FtZS1vcGVu",
                "\"",
                "null",
                "[",
                "https://r.example/",
                "{",
                "}",
                "7",
                "credHelpers",
            ];
            Target::new(20_000).samples(samples).words(words).bytes(|given| {
                for registry in ["r.example", "docker.io"] {
                    match read(given, registry) {
                        Ok(Some(found)) => assert!(found.serveraddress.is_some_and(|to| to.contains(registry))),
                        Ok(None) => {}
                        Err(error) => {
                            let told = ["sesame", "nNlc2FtZ", "ann"].iter().find(|secret| error.contains(**secret));
                            assert_eq!(told, None, "{error}");
                            assert!(error.len() < 200, "{error}");
                        }
                    }
                }
            });
        }
    }
}
