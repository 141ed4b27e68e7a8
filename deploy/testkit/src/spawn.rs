//! Starting children that cannot outlive us, and telling living processes from dead ones.

use std::io;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc;
use std::sync::{LazyLock, Mutex};

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// The thread that forks. Linux sends the parent-death signal when the *thread* that forked ends, not the process, so
/// children are forked by one thread that lives as long as the process does.
static SPAWNER: LazyLock<Mutex<mpsc::Sender<Job>>> = LazyLock::new(|| {
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::Builder::new()
        .name("testkit-spawner".to_owned())
        .spawn(move || {
            for (mut command, answer) in jobs {
                let _ = answer.send(command.spawn());
            }
        })
        .expect("start the spawner thread");
    Mutex::new(sender)
});

/// Spawns `command` from the spawner thread.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let (answer, outcome) = mpsc::channel();
    SPAWNER.lock().expect("spawner lock").send((command, answer)).expect("the spawner thread lives");
    outcome.recv().expect("the spawner thread answers")
}

/// A command that runs `program` so that it gets `signal` (`INT`, `KILL`, …) when this process dies, however it dies.
/// util-linux's `setpriv` sets that and then becomes the program (the same process id); without it a killed test may
/// leave its children behind.
pub(crate) fn dying_with_us(program: &Path, signal: &str) -> Command {
    match find_in_path("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.arg("--pdeathsig").arg(signal).arg("--").arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// A command that runs `program`, which is to outlive us, without the file descriptors that we were given: a lock that our caller
/// holds on one of them would last as long as the program. The process id stays the same.
pub(crate) fn alone(program: &Path) -> Command {
    const CLOSE: &str = r#"for fd in /proc/self/fd/*; do
        fd=${fd##*/}
        if (( fd > 2 && fd != 255 )); then exec {fd}>&-; fi
    done
    exec "$@""#;
    let mut command = Command::new("/bin/bash");
    command.arg("-c").arg(CLOSE).arg("bash").arg(program);
    command
}

/// The first executable of that name in `PATH` or the usual system directories.
pub(crate) fn find_in_path(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(Into::into);
    std::env::split_paths(&path).chain(system).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Field 22 of `/proc/<pid>/stat`, the start time in ticks since boot: together with the id it names one process for
/// ever, though ids are used again. `None` when there is no such process or it is a zombie.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold blanks: count from the last parenthesis.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// `<pid>_<start time>` of this process: a name that no other process ever has.
pub(crate) fn self_tag() -> String {
    let pid = std::process::id();
    format!("{pid}_{}", start_time(pid).unwrap_or(0))
}

/// Whether the process that made `tag` with [`self_tag`] still lives. A tag that cannot be read counts as dead.
pub(crate) fn tag_is_alive(tag: &str) -> bool {
    let Some((pid, start)) = tag.split_once('_') else { return false };
    match (pid.parse::<u32>(), start.parse::<u64>()) {
        (Ok(pid), Ok(start)) => start_time(pid) == Some(start),
        _ => false,
    }
}
