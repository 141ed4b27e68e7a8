//! `stack.json`: where everything is, with every credential.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::{Driver, ENGINE_VERSION, StackConfig};

/// What a client of the stack needs to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    /// REST base URLs, one a replica.
    pub rest: Vec<String>,
    /// gRPC URLs of the push hub, one a replica.
    pub grpc: Vec<String>,
    /// Probes and metrics, by process.
    pub ops: Vec<(String, String)>,
    /// The page with the mails, and its JSON API below `/api/messages`.
    pub mail_page: String,
    /// The SMTP listener.
    pub smtp: String,
    /// The database.
    pub postgres_dsn: String,
    /// Bearer token of the gateway.
    pub gateway_token: String,
    /// Bearer token of workers.
    pub worker_token: String,
    /// HTTP Basic of the first administrator.
    pub admin_user: String,
    /// Its password.
    pub admin_password: String,
    /// Where administrators' mails go.
    pub admin_email: String,
    /// `docker` or `process`.
    pub driver: String,
    /// The Docker daemon, with the docker driver.
    pub docker_host: Option<String>,
    /// Whose containers are ours.
    pub instance: String,
    /// Version label for the reference engine.
    pub engine_version: String,
    /// What to register under it.
    pub engine_image: String,
}

impl Summary {
    pub(crate) fn new(
        config: &StackConfig,
        environment: &Environment,
        engine_image: String,
        mail_page: u16,
        smtp: u16,
    ) -> Summary {
        let (driver, docker_host) = match &config.driver {
            Driver::Docker(docker) => ("docker", Some(docker.host().to_owned())),
            Driver::Process => ("process", None),
        };
        Summary {
            rest: Vec::new(),
            grpc: Vec::new(),
            ops: Vec::new(),
            mail_page: format!("http://127.0.0.1:{mail_page}"),
            smtp: format!("127.0.0.1:{smtp}"),
            postgres_dsn: environment.dsn.clone(),
            gateway_token: environment.gateway_token.clone(),
            worker_token: environment.worker_token.clone(),
            admin_user: environment.admin_user.clone(),
            admin_password: environment.admin_password.clone(),
            admin_email: environment.admin_email.clone(),
            driver: driver.into(),
            docker_host,
            instance: config.instance.clone(),
            engine_version: ENGINE_VERSION.into(),
            engine_image,
        }
    }

    /// Reads `stack.json`.
    ///
    /// # Errors
    /// When it is missing or of another version.
    pub fn read(path: &Path) -> Result<Summary> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: is the stack up? (`cargo xtask up`)", path.display()))?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Writes `stack.json`, and beside it `stack.env`: the first replica's addresses and the credentials for a shell to source.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        private(path, &serde_json::to_string_pretty(self)?)?;
        let first = |urls: &[String]| urls.first().cloned().unwrap_or_default();
        let variables = [
            ("REST", first(&self.rest)),
            ("GRPC", first(&self.grpc)),
            ("MAIL", self.mail_page.clone()),
            ("GATEWAY_TOKEN", self.gateway_token.clone()),
            ("WORKER_TOKEN", self.worker_token.clone()),
            ("ADMIN", format!("{}:{}", self.admin_user, self.admin_password)),
            ("POSTGRES_DSN", self.postgres_dsn.clone()),
            ("ENGINE_IMAGE", self.engine_image.clone()),
        ];
        let lines: String = variables.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
        private(&path.with_extension("env"), &lines)
    }
}

/// Writes a file that only we may read.
fn private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    // The mode above is for a file that is made; one that was there keeps its own.
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
