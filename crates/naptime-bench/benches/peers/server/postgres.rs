//! PostgreSQL. A commit is on the disk before it is acknowledged, which is the default.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use naptime_tests::guard::Guarded;
use naptime_tests::port;
use naptime_tests::scratch::Scratch;

use super::Server;

/// The folder in which Debian keeps the programs of each version.
const HOME: &str = "/usr/lib/postgresql";
/// The user that runs it if we are root: PostgreSQL refuses to run as root.
const USER: &str = "postgres";
/// The settings that differ from the defaults. `synchronous_commit`, `fsync`, `full_page_writes` and autovacuum stay on.
///
/// The buffers are as large as mongod's cache here. The log has room for a whole run, so checkpoints come by time.
pub(crate) const SETTINGS: [&str; 3] = ["shared_buffers=4GB", "max_wal_size=8GB", "max_connections=200"];

pub(super) fn start(folder: Scratch) -> Result<Server> {
    let (port, data) = (port::free_port(), folder.path().join("data"));
    fs::create_dir(&data)?;
    let as_user = as_user(&folder, &data)?;
    let text = |path: PathBuf| path.display().to_string();
    let initdb = [text(program("initdb")?), "--pgdata".to_owned(), text(data.clone())].into_iter();
    let initdb =
        initdb.chain("--username=naptime --auth=trust --encoding=UTF8 --locale=C".split(' ').map(str::to_owned));
    let words: Vec<String> = as_user.iter().cloned().chain(initdb).collect();
    let output = Command::new(&words[0]).args(&words[1..]).current_dir("/").output().context("cannot start initdb")?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("`{}` failed: {}\n{}", words.join(" "), output.status, String::from_utf8_lossy(&said));
    }

    let settings = SETTINGS.map(str::to_owned).into_iter();
    let own = ["listen_addresses=127.0.0.1".to_owned(), "unix_socket_directories=".to_owned(), format!("port={port}")];
    let settings = settings.chain(own).flat_map(|setting| ["-c".to_owned(), setting]);
    let server = [text(program("postgres")?), "-D".to_owned(), text(data)].into_iter().chain(settings);
    let words: Vec<String> = as_user.into_iter().chain(server).collect();
    let log = File::create(folder.path().join("log"))?;
    let process = Guarded::spawn(Path::new(&words[0]), &words[1..], |command| {
        command.current_dir("/").stderr(log);
    })?;
    let uri = format!("postgres://naptime@127.0.0.1:{port}/postgres");
    // SIGQUIT ends all of its processes at once, and frees its shared memory.
    Ok(Server { uri, name: "postgres", end: "QUIT", process, folder })
}

/// Whether the server takes commands.
pub(super) fn is_ready(server: &Server) -> bool {
    let ready = program("pg_isready").map(|program| Command::new(program).args(["-q", "-d", &server.uri]).status());
    ready.is_ok_and(|status| status.is_ok_and(|status| status.success()))
}

/// A program of the newest version that is installed.
pub(super) fn program(name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir(HOME).into_iter().flatten().flatten().map(|entry| entry.path());
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.filter(|path| path.join("bin").join(name).is_file()).max_by_key(number);
    let newest = newest.with_context(|| format!("PostgreSQL is missing: no {name} in {HOME}"))?;
    Ok(newest.join("bin").join(name))
}

/// The command that runs another one as [`USER`] if we are root. The folders are opened to that user.
fn as_user(folder: &Scratch, data: &Path) -> Result<Vec<String>> {
    let ours = fs::metadata(data)?;
    if std::os::unix::fs::MetadataExt::uid(&ours) != 0 {
        return Ok(vec!["/usr/bin/env".to_owned()]);
    }
    let id = |what: &str| -> Result<u32> {
        let output = Command::new("id").args([what, USER]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.trim().parse().with_context(|| format!("there is no user {USER}, whom PostgreSQL is run by"))
    };
    std::os::unix::fs::chown(data, Some(id("-u")?), Some(id("-g")?))?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    let words = format!("/usr/bin/setpriv --reuid={USER} --regid={USER} --clear-groups --");
    Ok(words.split(' ').map(str::to_owned).collect())
}
