//! What each process is told.

use std::collections::HashMap;
use std::path::Path;

use super::{Driver, StackConfig};

/// The settings that members share, with fresh credentials.
pub(crate) struct Environment {
    /// The superuser's.
    pub(crate) dsn: String,
    /// Those of processes that have a role of their own.
    pub(crate) dsns: HashMap<&'static str, String>,
    pub(crate) gateway_token: String,
    pub(crate) worker_token: String,
    pub(crate) pepper: String,
    pub(crate) secrets_key: String,
    pub(crate) admin_user: String,
    pub(crate) admin_password: String,
    pub(crate) admin_email: String,
    smtp: u16,
    ca_file: String,
}

impl Environment {
    pub(crate) fn new(config: &StackConfig, dsn: &str, smtp: u16, ca_file: &Path) -> Environment {
        // The administrator's password outlives the stack in its database, and so must stand in a file.
        let secret = |name: &str| kept_secret(&config.dir.join(format!("{name}.secret")));
        Environment {
            dsn: format!("{dsn}?search_path=backend&sslmode=disable"),
            dsns: HashMap::new(),
            gateway_token: secret("gateway-token"),
            worker_token: secret("worker-token"),
            pepper: secret("code-pepper"),
            secrets_key: secret("secrets-key"),
            admin_user: "root".into(),
            admin_password: secret("admin-password"),
            admin_email: "ops@galaxy.example".into(),
            smtp,
            ca_file: ca_file.display().to_string(),
        }
    }

    pub(crate) fn postgres(&self, process: &str) -> Vec<(String, String)> {
        vec![("BACKEND_POSTGRES_DSN".into(), self.dsns.get(process).unwrap_or(&self.dsn).clone())]
    }

    /// The environment of one process. `push_hub` is the gRPC URL that a worker publishes to.
    pub(crate) fn of(&self, config: &StackConfig, process: &str, push_hub: &str) -> Vec<(String, String)> {
        let mut env = self.postgres(process);
        let mut set = |name: &str, value: &str| env.push((name.to_owned(), value.to_owned()));
        set("BACKEND_OTEL_TRACES_EXPORTER", "none");
        set("BACKEND_OTEL_METRICS_EXPORTER", "prometheus");
        match process {
            "api-server" => {
                set("BACKEND_GATEWAY_TOKEN", &self.gateway_token);
                set("BACKEND_WORKER_TOKEN", &self.worker_token);
                set("BACKEND_AUTH_CODE_PEPPER", &self.pepper);
                set("BACKEND_SECRETS_KEY", &self.secrets_key);
                // Whoever tries the stack is in at once; they can have a second factor all the same.
                set("BACKEND_ADMIN_REQUIRE_TOTP", "false");
                set("BACKEND_ADMIN_BOOTSTRAP_USER", &self.admin_user);
                set("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", &self.admin_password);
                set("BACKEND_RUNTIME_MIN_TURN_INTERVAL", "1s");
                // It decides what an image is when one is registered.
                let driver = if matches!(config.driver, Driver::Process) { "process" } else { "docker" };
                set("BACKEND_RUNTIME_DRIVER", driver);
            }
            "mail-worker" => {
                set("BACKEND_SMTP_HOST", "localhost");
                set("BACKEND_SMTP_PORT", &self.smtp.to_string());
                set("BACKEND_SMTP_FROM", "Galaxy <noreply@galaxy.example>");
                set("BACKEND_SMTP_TLS_MODE", "starttls");
                set("BACKEND_SMTP_TLS_CA_FILE", &self.ca_file);
            }
            "notify-worker" => {
                set("BACKEND_WORKER_TOKEN", &self.worker_token);
                set("BACKEND_PUSH_HUB_URL", push_hub);
                set("BACKEND_NOTIFICATION_ADMIN_EMAIL", &self.admin_email);
            }
            "runtime-controller" => {
                set("BACKEND_INSTANCE_ID", &config.instance);
                set("BACKEND_GAME_STATE_ROOT", &config.dir.join("games").display().to_string());
                set("BACKEND_ENGINE_ADDRESSING", "ip");
                match &config.driver {
                    Driver::Docker(docker) => {
                        set("BACKEND_RUNTIME_DRIVER", "docker");
                        set("BACKEND_DOCKER_HOST", docker.host());
                        set("BACKEND_DOCKER_NETWORK", &docker.network(&config.instance));
                        set("BACKEND_RUNTIME_IMAGE_PULL_POLICY", "never");
                    }
                    Driver::Process => set("BACKEND_RUNTIME_DRIVER", "process"),
                }
            }
            _ => {}
        }
        env.extend(config.settings.iter().cloned());
        env
    }
}

/// 24 random bytes in hexadecimal.
pub fn fresh_secret() -> String {
    let mut bytes = [0u8; 24];
    let mut random = std::fs::File::open("/dev/urandom").expect("/dev/urandom");
    std::io::Read::read_exact(&mut random, &mut bytes).expect("random bytes");
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The secret in a file that only we may read, made at the first time.
pub(super) fn kept_secret(path: &Path) -> String {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Ok(text) = std::fs::read_to_string(path)
        && !text.is_empty()
    {
        return text;
    }
    let secret = fresh_secret();
    let mut file = std::fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .expect("write a secret");
    file.write_all(secret.as_bytes()).expect("write a secret");
    secret
}
