//! Worker processes: started, killed, asked to stop, started anew. None outlives this process, however it ends.

mod group;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use naptime_core::duration::show;
use naptime_store::Store;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use self::group::Group;
use crate::clock::Clock;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::ground::Ground;
use crate::{Options, usage};

/// How long workers may take to start.
const READY: Duration = Duration::from_secs(60);
/// How long a worker may take to end when asked to: it finishes calls for 25 s.
const END: Duration = Duration::from_secs(40);
/// How many lines of a worker's output are shown.
const LAST_WORDS: usize = 10;

/// How workers are started.
struct Start {
    program: PathBuf,
    command: &'static str,
    env: Vec<(&'static str, String)>,
    /// Each one's clock is off by this, in turn ahead and behind.
    skew: Option<Duration>,
    /// What gives a program another clock.
    faketime: Option<PathBuf>,
    folder: PathBuf,
}

/// The workers of one leg.
pub(crate) struct Workers {
    start: Start,
    group: Group,
    /// In the order of their places; one that was killed or stopped is followed by another in its place.
    working: Vec<Worker>,
    /// Asked to stop, and not gone yet.
    ending: Vec<Worker>,
    started: usize,
    peak_mib: f64,
}

struct Worker {
    child: Child,
    pid: Pid,
    output: PathBuf,
}

impl Workers {
    /// None yet, for this database. `folder` is for their output.
    pub(crate) fn new(options: &Options, database: &Database, folder: &Path) -> Result<Self> {
        let mut env = vec![
            database.variable(),
            ("WORKER_MAX_CAPACITY", options.capacity.to_string()),
            ("NAPTIME_ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
            ("NAPTIME_MIN_PERIOD", show(naptime_core::duration::SHORTEST_PERIOD)),
            ("RUST_LOG", "warn".to_owned()),
        ];
        let command = match database {
            Database::Mongo(_) => "worker",
            // Of those, one process is all there may be. It listens where nobody asks.
            Database::File(_) => {
                env.extend([("HOST", "127.0.0.1".to_owned()), ("PORT", "0".to_owned())]);
                "up"
            }
        };
        let faketime = options.skew.and_then(|_| faketime());
        let (program, folder, skew) = (options.program.clone(), folder.to_owned(), options.skew);
        let start = Start { program, command, env, skew, faketime, folder };
        let group = Group::start().map_err(Error::machine("cannot start a shell to watch over the workers"))?;
        Ok(Self { start, group, working: Vec::new(), ending: Vec::new(), started: 0, peak_mib: 0.0 })
    }

    /// Starts as many more, and waits until all are at work, as the store tells.
    pub(crate) async fn start(&mut self, count: usize, store: &dyn Store, ground: &Ground) -> Result<()> {
        for _ in 0..count {
            let worker = self.start_one()?;
            self.working.push(worker);
        }
        let end = Instant::now() + READY;
        while !self.at_work(store).await? {
            if Instant::now() > end {
                let seconds = READY.as_secs();
                return Err(Error::TooSlow(format!("{count} workers were not at work within {seconds} s")));
            }
            ground.pause(Duration::from_millis(50)).await?;
            self.check()?;
        }
        Ok(())
    }

    /// Whether all have said that they are at work.
    async fn at_work(&self, store: &dyn Store) -> Result<bool> {
        let known = store.workers().await?;
        let is_known = |pid| known.iter().any(|worker| worker.alive && worker.beat.pid == pid);
        Ok(self.working.iter().all(|worker| is_known(worker.pid())))
    }

    fn start_one(&mut self) -> Result<Worker> {
        let cannot = "cannot start a worker";
        let number = self.started;
        self.started += 1;
        let output = self.start.folder.join(format!("worker-{number}.log"));
        let file = File::create(&output).map_err(Error::machine(cannot))?;
        let errors = file.try_clone().map_err(Error::machine(cannot))?;
        let mut command = Command::new(&self.start.program);
        command
            .arg(self.start.command)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.start.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .process_group(self.group.id())
            .kill_on_drop(true);
        if let (Some(skew), Some(library)) = (self.start.skew, &self.start.faketime) {
            let sign = if number.is_multiple_of(2) { '+' } else { '-' };
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", format!("{sign}{}s", skew.as_secs()))
                // Waiting is by the clock that is never set.
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let child = command.spawn().map_err(Error::machine(cannot))?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let pid = pid.ok_or_else(|| Error::machine(cannot)(std::io::ErrorKind::NotFound.into()))?;
        Ok(Worker { child, pid, output })
    }

    /// The CPU time of all that there were so far.
    pub(crate) fn cpu(&self) -> Duration {
        let living = self.working.iter().chain(&self.ending);
        usage::cpu_of_the_gone() + living.map(|worker| usage::cpu(worker.pid())).sum::<Duration>()
    }

    /// The most memory that one of them had resident, in MiB.
    pub(crate) fn peak_mib(&mut self) -> f64 {
        let living = self.working.iter().chain(&self.ending);
        self.peak_mib = living.map(|worker| usage::peak_mib(worker.pid())).fold(self.peak_mib, f64::max);
        self.peak_mib
    }

    /// Kills the one in the place `turn`, and starts another at once. Returns when it was dead.
    pub(crate) async fn kill(&mut self, turn: usize, clock: Clock) -> Result<i64> {
        self.peak_mib();
        let place = turn % self.working.len();
        self.working[place].kill().await;
        let at_us = clock.now_us();
        self.working[place] = self.start_one()?;
        Ok(at_us)
    }

    /// Asks the one in the place `turn` to stop, and starts another at once; on a file, when the first has ended. Returns
    /// when it was asked.
    pub(crate) async fn stop(&mut self, turn: usize, clock: Clock) -> Result<i64> {
        self.peak_mib();
        let place = turn % self.working.len();
        let at_us = clock.now_us();
        self.working[place].ask_to_end();
        if self.start.command == "up" {
            self.working[place].ended().await?;
            self.working[place] = self.start_one()?;
        } else {
            let next = self.start_one()?;
            self.ending.push(std::mem::replace(&mut self.working[place], next));
        }
        Ok(at_us)
    }

    /// Sees whether all are at work that should be.
    pub(crate) fn check(&mut self) -> Result<()> {
        for worker in &mut self.working {
            if let Ok(Some(status)) = worker.child.try_wait() {
                return Err(worker.last_words(status));
            }
        }
        let mut ending = Vec::new();
        for mut worker in self.ending.drain(..) {
            match worker.child.try_wait() {
                Ok(Some(status)) if !is_well(status) => return Err(worker.last_words(status)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => ending.push(worker),
            }
        }
        self.ending = ending;
        Ok(())
    }

    /// Asks all to stop, and waits until they have.
    pub(crate) async fn end(&mut self) -> Result<()> {
        self.peak_mib();
        for worker in &self.working {
            worker.ask_to_end();
        }
        for worker in self.working.iter_mut().chain(&mut self.ending) {
            worker.ended().await?;
        }
        self.working.clear();
        self.ending.clear();
        Ok(())
    }

    /// Kills all.
    pub(crate) async fn kill_all(&mut self) {
        for mut worker in self.working.drain(..).chain(self.ending.drain(..)) {
            worker.kill().await;
        }
    }
}

impl Worker {
    fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    async fn kill(&mut self) {
        // It fails if it has ended, which is all that is wanted.
        let _ = self.child.kill().await;
    }

    fn ask_to_end(&self) {
        // Once it was waited for, the id may be another's.
        if self.child.id().is_some() {
            let _ = kill_process(self.pid, Signal::TERM);
        }
    }

    /// Waits until it has ended, and well.
    async fn ended(&mut self) -> Result<()> {
        match tokio::time::timeout(END, self.child.wait()).await {
            Ok(Ok(status)) if is_well(status) => Ok(()),
            Ok(Ok(status)) => Err(self.last_words(status)),
            Ok(Err(error)) => Err(Error::machine("cannot wait for a worker")(error)),
            Err(_) => Err(Error::TooSlow(format!("a worker did not end within {} s of SIGTERM", END.as_secs()))),
        }
    }

    fn last_words(&self, status: ExitStatus) -> Error {
        let output = fs::read(&self.output).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let mut last: VecDeque<&str> = output.lines().rev().take(LAST_WORDS).collect();
        last.make_contiguous().reverse();
        Error::WorkerEnded { status, output: Vec::from(last).join("\n") }
    }
}

/// Whether a worker that was asked to end has ended well. One that has hardly started may not even see it coming.
fn is_well(status: ExitStatus) -> bool {
    status.success() || status.signal() == Some(Signal::TERM.as_raw())
}

/// The library that gives a program another clock, if it is installed.
pub(crate) fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|file| file.is_file())
}
