//! Processes outside a stack, with settings of their own: for what must hold where the rest is not there.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

/// The gateway's, the workers' and the administrator's credentials.
pub const GATEWAY_TOKEN: &str = "gateway-token-0123456789-0123456789";
pub const WORKER_TOKEN: &str = "worker-token-0123456789-0123456789";
pub const ADMIN: (&str, &str) = ("root", "correct horse battery");
const PEPPER: &str = "code-pepper-0123456789-0123456789-012345";

/// What a process cannot do without. It listens on ports that the system gives it, and says which; engines are processes below
/// `games`, so that no Docker is needed.
pub fn settings(process: &str, dsn: &str, relay: SocketAddr, hub: SocketAddr, games: &Path) -> Vec<(String, String)> {
    let common = [
        ("BACKEND_POSTGRES_DSN", dsn.to_owned()),
        ("BACKEND_OPS_LISTEN_ADDR", "127.0.0.1:0".to_owned()),
        ("BACKEND_OTEL_TRACES_EXPORTER", "none".to_owned()),
        ("BACKEND_OTEL_METRICS_EXPORTER", "prometheus".to_owned()),
    ];
    let own: Vec<(&str, String)> = match process {
        "api-server" => vec![
            ("BACKEND_HTTP_LISTEN_ADDR", "127.0.0.1:0".to_owned()),
            ("BACKEND_GRPC_PUSH_LISTEN_ADDR", "127.0.0.1:0".to_owned()),
            ("BACKEND_GATEWAY_TOKEN", GATEWAY_TOKEN.to_owned()),
            ("BACKEND_WORKER_TOKEN", WORKER_TOKEN.to_owned()),
            ("BACKEND_AUTH_CODE_PEPPER", PEPPER.to_owned()),
            ("BACKEND_ADMIN_BOOTSTRAP_USER", ADMIN.0.to_owned()),
            ("BACKEND_ADMIN_BOOTSTRAP_PASSWORD", ADMIN.1.to_owned()),
            ("BACKEND_RUNTIME_DRIVER", "process".to_owned()),
        ],
        "mail-worker" => vec![
            ("BACKEND_SMTP_HOST", relay.ip().to_string()),
            ("BACKEND_SMTP_PORT", relay.port().to_string()),
            ("BACKEND_SMTP_FROM", "Galaxy <noreply@galaxy.example>".to_owned()),
            ("BACKEND_SMTP_TLS_MODE", "none".to_owned()),
        ],
        "notify-worker" => vec![
            ("BACKEND_WORKER_TOKEN", WORKER_TOKEN.to_owned()),
            ("BACKEND_PUSH_HUB_URL", format!("http://{hub}")),
            ("BACKEND_NOTIFICATION_ADMIN_EMAIL", "ops@galaxy.example".to_owned()),
        ],
        "runtime-controller" => vec![
            ("BACKEND_RUNTIME_DRIVER", "process".to_owned()),
            ("BACKEND_GAME_STATE_ROOT", games.display().to_string()),
            ("BACKEND_ENGINE_ADDRESSING", "ip".to_owned()),
        ],
        other => panic!("no process is called {other}"),
    };
    common.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether a line of a log says exactly this.
pub fn told(line: &str, msg: &str) -> bool {
    said(line).is_some_and(|line| line["msg"] == msg)
}

/// A line of a log.
pub fn said(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}
