//! Which server is asked, with which token, and what is said if none answers.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use naptime_tests::naptime::{Naptime, Start};
use naptime_tests::port::free_port;
use naptime_tests::scratch::Scratch;
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;

use super::{Ended, naptime, run};
use crate::scenarios::web::Web;

/// The server cannot be reached.
const AWAY: i32 = 2;
const TOKEN: &str = "a-token-of-more-than-24-characters";

/// A command that is run in a folder.
fn within(folder: &Scratch, start: Start) -> Start {
    let program = "cd \"$0\" && exec \"$@\"";
    start.under(&["/bin/sh", "-c", program, folder.path().to_str().unwrap()])
}

fn is_empty(folder: &Scratch) -> bool {
    fs::read_dir(folder.path()).unwrap().next().is_none()
}

#[tokio::test]
async fn a_server_that_is_away_is_named_in_one_line() {
    let folder = Scratch::new();
    let server = format!("http://127.0.0.1:{}", free_port());
    for words in [
        &["add", "http://127.0.0.1:9/", "--every", "1d"][..],
        &["edit", "one", "--every", "1d"],
        &["list"],
        &["show", "one"],
        &["on", "one"],
        &["off", "one"],
        &["pause", "one", "--for", "1h"],
        &["resume", "one"],
        &["call", "one", "--wait"],
        &["delete", "one"],
        &["restore", "one"],
        &["enqueue", "http://127.0.0.1:9/"],
        &["jobs"],
        &["runs"],
        &["runs", "--follow"],
        &["problems"],
        &["problems", "--watch"],
        &["status"],
        &["doctor"],
        &["plan"],
        &["pools"],
        &["workers"],
        &["receivers"],
        &["rules", "list"],
        &["rules", "export"],
        &["login", "--token", TOKEN],
    ] {
        let start = within(&folder, Start::asking(&server, words[0]).args(&words[1..]));
        let ended = run(start.env("HOME", folder.path().to_str().unwrap())).await;
        ended.says(AWAY, &[&format!("nothing answers at {server}"), "naptime up", "--server"]);
        assert_eq!((ended.errors.lines().count(), &*ended.stdout), (1, ""), "{words:?}: {ended:?}");
        assert!(is_empty(&folder), "{words:?} makes no file");
    }
}

#[tokio::test]
async fn what_is_not_naptime_is_told_so() {
    let target = Target::start().await;
    let ask = |server: &str| run(Start::asking(server, "list"));
    ask(&target.url("")).await.says(AWAY, &["is not Naptime's API: ok"]);
    for wrong in ["localhost:8080", "ftp://127.0.0.1", "http://u:p@127.0.0.1/"] {
        ask(wrong).await.says(64, &["\n  --server: "]);
    }
}

#[tokio::test]
async fn a_token_is_said_or_kept() {
    let file = File::fresh();
    let web = Web::start(Naptime::up(&file).env("NAPTIME_API_TOKEN", TOKEN)).await;
    naptime(&web, &["list"]).await.says(1, &["without the right token", "naptime login", "NAPTIME_TOKEN"]);
    naptime(&web, &["list", "--token", "wrong"]).await.says(1, &["without the right token"]);
    naptime(&web, &["list", "--token", TOKEN]).await.says(0, &[]);
    assert_eq!(run(web.naptime.ask("list").env("NAPTIME_TOKEN", TOKEN)).await.code, Some(0));

    let home = Scratch::new();
    let at_home = async |words: &[&str], server: Option<&str>| -> Ended {
        let start = Start::asking(server.unwrap_or_default(), words[0]).args(&words[1..]);
        run(start.env("HOME", home.path().to_str().unwrap())).await
    };
    let server = web.naptime.url("");
    at_home(&["login", "--token", "wrong"], Some(&server)).await.says(1, &["without the right token"]);
    assert!(is_empty(&home), "what is wrong is not kept");
    at_home(&["login", "--token", TOKEN], Some(&server)).await.says(0, &[&server, "logins.json"]);
    let kept = home.path().join(".config/naptime/logins.json");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(kept.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);

    at_home(&["list"], None).await.says(0, &[]);
    at_home(&["list"], Some(&format!("{server}/"))).await.says(0, &[]);
    at_home(&["list", "--token", "wrong"], None).await.says(1, &["without the right token"]);
    // The token is for its server alone.
    let other = File::fresh();
    let other = Web::start(Naptime::up(&other).env("NAPTIME_API_TOKEN", "another-token-of-24-characters")).await;
    at_home(&["list"], Some(&other.naptime.url(""))).await.says(1, &["without the right token"]);

    at_home(&["logout"], None).await.says(0, &["logged out of", &server]);
    assert!(!fs::read_to_string(&kept).unwrap().contains(TOKEN));
    at_home(&["list"], Some(&server)).await.says(1, &["without the right token"]);
    at_home(&["logout"], None).await.says(1, &["no login"]);
}
