//! `naptime prove`, run as a user runs it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use naptime_tests::mongo::ReplicaSet;
use naptime_tests::process::Process;
use naptime_tests::tools;
use serde_json::Value;

/// The longest that one run may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// The pause between two looks at its process.
const LOOK: Duration = Duration::from_millis(100);

/// Runs `naptime prove` of the binary `program` with these arguments. Returns its report as it is in JSON and, if not all
/// holds that is promised, what it said. The report is kept in `target/bench` under this name, as JSON and as a page.
///
/// # Errors
/// If there is no report.
pub async fn prove(program: &Path, args: &str, mongo: &ReplicaSet, name: &str) -> Result<(Value, Option<String>)> {
    let folder = tools::workspace().join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let file = |kind: &str| folder.join(format!("{name}.{kind}"));
    // A report of an earlier run must not pass for one of this run.
    let _ = std::fs::remove_file(file("json"));
    let files = [("--json", "json"), ("--report", "html")];
    let files = files.into_iter().flat_map(|(arg, kind)| [arg.to_owned(), file(kind).display().to_string()]);
    let all = ["prove"].into_iter().chain(args.split_whitespace()).map(str::to_owned).chain(files);
    let process = Process::spawn("naptime prove", program, all, &[("MONGODB_URI".to_owned(), mongo.uri())]);
    let start = Instant::now();
    let status = loop {
        match process.exited() {
            Some(status) => break status,
            None if start.elapsed() > LIMIT => bail!("naptime prove {args} took too long:\n{}", process.output()),
            None => tokio::time::sleep(LOOK).await,
        }
    };
    let said = format!("{} prove {args} ended with {status}:\n{}", program.display(), process.output());
    let report = std::fs::read(file("json")).with_context(|| said.clone())?;
    Ok((serde_json::from_slice(&report)?, (!status.success()).then_some(said)))
}
