//! Every command in a pipe, as other programs use them.

use std::path::Path;

use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;

use super::script::{Prints, TOKEN, Try, assert_whole, script};
use super::{Ended, run};
use crate::scenarios::web::{SOON, Web};

#[tokio::test]
async fn every_command_is_for_programs() {
    let (file, target, folder) = (File::fresh(), Target::start().await, Scratch::new());
    let web = Web::start(Naptime::up(&file).env("NAPTIME_API_TOKEN", TOKEN)).await;
    let tries = script(&target.url(""), folder.path());
    assert_whole(&tries).await;
    for it in &tries {
        let ended = run(within(folder.path(), &web, &it.words, &[])).await;
        check(it, &ended);
        let Prints::List { things, columns } = it.prints else { continue };
        let rows = ended.rows();
        assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), vec![columns; things], "{ended:?}");
        assert!(!ended.stdout.contains('\u{1b}'), "no colours: {ended:?}");
        let json = run(within(folder.path(), &web, &it.words, &["--json"])).await.json();
        assert_eq!(json.len(), things, "{json:?}");
        let quiet = run(within(folder.path(), &web, &it.words, &["--quiet"])).await;
        assert_eq!(quiet.rows().iter().map(Vec::len).collect::<Vec<_>>(), vec![1; things], "{quiet:?}");
        assert!(quiet.stdout.lines().all(|line| !line.contains(' ')), "{quiet:?}");
    }
}

fn check(it: &Try, ended: &Ended) {
    let words = it.words.join(" ");
    assert!(ended.code.is_some_and(|code| it.codes.contains(&code)), "{words}: {ended:?}");
    if let Prints::Text(text) = it.prints {
        assert!(ended.stdout.contains(text) || ended.errors.contains(text), "{words}: {text} in {ended:?}");
    }
}

/// A command in the folder of its files, which is its home as well.
fn within(folder: &Path, web: &Web, words: &[String], more: &[&str]) -> Start {
    let folder = folder.to_str().unwrap();
    let start = web.naptime.ask(&words[0]);
    let start = words[1..].iter().fold(start, Start::arg).args(more);
    let start = start.env("HOME", folder).env("NAPTIME_TOKEN", TOKEN);
    start.under(&["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder])
}

#[tokio::test]
async fn a_reader_that_has_had_enough_ends_a_command_quietly() {
    let (file, target) = (File::fresh(), Target::start().await);
    let web = Web::start(Naptime::up(&file)).await;
    for path in ["/a", "/b", "/c"] {
        let url = target.url(path);
        run(web.naptime.ask("add").args(&[&url, "--every", "1s", "--activate"])).await.says(0, &[]);
    }
    naptime_tests::eventually(SOON, "runs", async || (!web.items("/api/runs").await.is_empty()).then_some(())).await;
    let script = "{ \"$0\" \"$@\"; echo \"ended $?\" >&2; } | head -n 1";
    for words in [&["list"][..], &["list", "--json"], &["runs", "-n", "0"], &["runs", "--follow"], &["man"]] {
        let piped = web.naptime.ask(words[0]).args(&words[1..]).under(&["/bin/sh", "-c", script]);
        let ended = run(piped).await;
        let errors: Vec<&str> = ended.errors.lines().filter(|line| !line.contains("follows the runs")).collect();
        assert_eq!((ended.stdout.lines().count(), &errors[..]), (1, &["ended 0"][..]), "{words:?}: {ended:?}");
    }
}
