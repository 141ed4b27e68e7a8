//! What a container looks like from inside, and what it refuses.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, mknod};
use nix::unistd::{Gid, Uid, setgid, sethostname, setuid};
use serde_json::{Value, json};

use crate::deeds::fill_to;

pub fn all(state_dir: &Path) -> Value {
    let dir = |name: &str| writes(&Path::new(name).join("probe"));
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let devices = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let devices: Vec<String> = devices.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let shm = fill_to(Path::new("/dev/shm/fill"), 256 << 20) >> 10;
    let tmp = fill_to(Path::new("/tmp/fill"), 256 << 20) >> 10;
    let _ = std::fs::remove_file("/tmp/fill");
    json!({
        "status": fields("/proc/self/status", &["Uid", "Gid", "Groups", "CapEff", "CapPrm", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"]),
        "limits": fields("/proc/self/limits", &["Max open files", "Max core file size", "Max file size"]),
        "env": env,
        "writes": {
            "/": dir("/"), "/etc": dir("/etc"), "/dev": dir("/dev"), "/tmp": dir("/tmp"), "/proc": dir("/proc/sys/kernel"),
            "/sys": dir("/sys/fs/cgroup"), "/data": dir("/data"), "state": writes(&state_dir.join("probe")),
        },
        "kib": { "/dev/shm": shm, "/tmp": tmp },
        "runs": { "/tmp": copied("/tmp/who"), "/dev/shm": copied("/dev/shm/who"), "setuid": ran("/setuid") },
        "calls": calls(),
        "reaches": reaches(),
        "names": names(),
        "socket": Path::new("/var/run/docker.sock").exists() || Path::new("/run/docker.sock").exists(),
        "devices": devices,
    })
}

/// Lines of a file of `/proc` that begin with these words, without their blanks.
fn fields(file: &str, names: &[&str]) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let value = |name: &&str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        let rest = line.get(name.len()..).unwrap_or_default().trim_start_matches(':');
        ((*name).to_owned(), json!(rest.split_whitespace().collect::<Vec<_>>().join(" ")))
    };
    names.iter().map(value).collect::<serde_json::Map<_, _>>().into()
}

fn said<T, E: std::fmt::Display>(done: Result<T, E>) -> String {
    done.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

fn writes(path: &Path) -> bool {
    let done = std::fs::write(path, "x").is_ok();
    let _ = std::fs::remove_file(path);
    done
}

/// Whether this program can be copied there and run.
fn copied(path: &str) -> String {
    let done = std::fs::copy("/proc/self/exe", path).map_err(|error| error.to_string()).map(|_| ran(path));
    let _ = std::fs::remove_file(path);
    done.unwrap_or_else(|error| error)
}

/// What a program says when it is asked who it is.
fn ran(path: &str) -> String {
    match Command::new(path).arg("who").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => error.to_string(),
    }
}

fn calls() -> Value {
    let none: Option<&str> = None;
    json!({
        "mount": said(mount(none, "/tmp", Some("tmpfs"), MsFlags::empty(), none)),
        "unshare_user": said(unshare(CloneFlags::CLONE_NEWUSER)),
        "unshare_mount": said(unshare(CloneFlags::CLONE_NEWNS)),
        "setuid": said(setuid(Uid::from_raw(0))),
        "setgid": said(setgid(Gid::from_raw(0))),
        "mknod": said(mknod("/tmp/disk", SFlag::S_IFBLK, Mode::S_IRWXU, 0x800)),
        "sethostname": said(sethostname("other")),
        "chroot": said(nix::unistd::chroot("/tmp")),
    })
}

fn reaches() -> Value {
    let connects = |address: &str| {
        let address: Result<SocketAddr, _> = address.parse();
        address.map_or_else(
            |error| error.to_string(),
            |address| said(TcpStream::connect_timeout(&address, Duration::from_secs(2))),
        )
    };
    json!({ "internet": connects("192.0.2.1:80"), "metadata": connects("169.254.169.254:80"), "v6": connects("[2001:db8::1]:80") })
}

/// Whether the resolver of the container asks anybody else.
fn names() -> String {
    let query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01";
    let ask = || -> Result<String, std::io::Error> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(3)))?;
        socket.send_to(query, "127.0.0.11:53")?;
        let mut answer = [0_u8; 512];
        let length = socket.recv(&mut answer)?;
        Ok(format!(
            "code {}, {} answers",
            answer.get(3).copied().unwrap_or_default() & 15,
            answer.get(7).copied().unwrap_or(0).min(u8::try_from(length).unwrap_or(u8::MAX))
        ))
    };
    ask().unwrap_or_else(|error| error.to_string())
}
