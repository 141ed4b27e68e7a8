//! What the engine is told by its environment (SPEC §9), checked as a whole.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The address on which an image answers unless told otherwise.
pub const DEFAULT_LISTEN_ADDR: &str = "0.0.0.0:8080";

/// The bearer token of the platform. Kept as its hash, so that neither a log nor a core dump shows it, and so that
/// comparing takes the same time for any guess of any length.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// Takes a token in.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Whether this is the token, in constant time.
    #[must_use]
    pub fn matches(&self, guess: &str) -> bool {
        let guess: [u8; 32] = Sha256::digest(guess.as_bytes()).into();
        self.0.ct_eq(&guess).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The engine's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `GALAXY_GAME_ID`: the one game that this engine runs.
    pub game_id: String,
    /// `GALAXY_STATE_DIR`: where the game is kept.
    pub state_dir: PathBuf,
    /// `GALAXY_ENGINE_TOKEN`: what every call but `/healthz` must carry.
    pub token: Token,
    /// `GALAXY_LISTEN_ADDR`.
    pub listen: SocketAddr,
}

/// Everything that is wrong with the environment, one line each.
#[derive(Debug, thiserror::Error)]
#[error("the environment is not right:\n{}", .0.join("\n"))]
pub struct Faults(pub Vec<String>);

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn required(&mut self, name: &str) -> String {
        let value = (self.lookup)(name).filter(|value| !value.trim().is_empty());
        value.unwrap_or_else(|| {
            self.faults.push(format!("{name} must be set"));
            String::new()
        })
    }
}

/// The address to listen on; `:port` means all interfaces.
///
/// # Errors
/// A line for people if it is no address.
pub fn listen_addr(lookup: &dyn Fn(&str) -> Option<String>) -> Result<SocketAddr, String> {
    let name = "GALAXY_LISTEN_ADDR";
    let text = lookup(name).filter(|value| !value.is_empty()).unwrap_or_else(|| DEFAULT_LISTEN_ADDR.to_owned());
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.clone() };
    whole.parse().map_err(|_| format!("{name} must be ip:port or :port, not {text:?}"))
}

impl Settings {
    /// Reads the settings through `lookup`, which is `std::env::var` but for tests.
    ///
    /// # Errors
    /// [`Faults`] with every fault at once.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut reader = Reader { lookup, faults: Vec::new() };
        let game_id = reader.required("GALAXY_GAME_ID");
        let state_dir = PathBuf::from(reader.required("GALAXY_STATE_DIR"));
        let token = Token::new(&reader.required("GALAXY_ENGINE_TOKEN"));
        let listen = listen_addr(lookup).map_err(|fault| reader.faults.push(fault));
        match listen {
            Ok(listen) if reader.faults.is_empty() => Ok(Self { game_id, state_dir, token, listen }),
            _ => Err(Faults(reader.faults)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Faults> {
        Settings::read(&|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn three_variables_are_enough() {
        let settings =
            read(&[("GALAXY_GAME_ID", "g"), ("GALAXY_STATE_DIR", "/s"), ("GALAXY_ENGINE_TOKEN", "t")]).unwrap();
        assert_eq!(settings.listen.to_string(), DEFAULT_LISTEN_ADDR);
        assert!(settings.token.matches("t") && !settings.token.matches("") && !settings.token.matches("tt"));
        assert!(!format!("{settings:?}").contains("\"t\""));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = read(&[("GALAXY_LISTEN_ADDR", "here")]).unwrap_err().0;
        assert_eq!(faults.len(), 4, "{faults:?}");
    }

    #[test]
    fn a_bare_port_means_all_interfaces() {
        assert_eq!(listen_addr(&|_| Some(":9".into())).unwrap().to_string(), "0.0.0.0:9");
    }
}
