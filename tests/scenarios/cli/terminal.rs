//! Every command in a terminal, as people use them.

use naptime_tests::naptime::{Naptime, binary};
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use naptime_tests::terminal::{Shown, Terminal};

use super::run;
use super::script::{Prints, TOKEN, script};
use crate::scenarios::web::Web;

/// A terminal in which commands ask this server.
async fn terminal(columns: u16, web: &Web) -> Terminal {
    // Found in the folder that the shell is in: the program under test may have another name (`NAPTIME_BIN`).
    let path = format!(".:{}", std::env::var("PATH").unwrap_or_default());
    let env = [("PATH", path), ("NAPTIME_SERVER", web.naptime.url("")), ("NAPTIME_TOKEN", TOKEN.to_owned())];
    let terminal = Terminal::open(columns, &env).await;
    std::os::unix::fs::symlink(binary(), terminal.home().join("naptime")).unwrap();
    terminal
}

#[tokio::test]
async fn every_command_is_for_people() {
    let (file, target) = (File::fresh(), Target::start().await);
    let web = Web::start(Naptime::up(&file).env("NAPTIME_API_TOKEN", TOKEN)).await;
    let (wide, narrow) = (terminal(80, &web).await, terminal(40, &web).await);
    for it in script(&target.url(""), &wide.home()) {
        let line = format!("naptime {}", it.words.join(" "));
        let shown = wide.runs(&line).await;
        assert!(it.codes.contains(&shown.code), "{line}: {shown:?}");
        match it.prints {
            Prints::Text(text) => assert!(shown.text.contains(text), "{line}: {text} in {shown:?}"),
            Prints::List { things: 0, .. } => assert_eq!(shown.lines, ["no problem"]),
            Prints::List { things, .. } => {
                assert_table(&line, things, &shown);
                assert_table(&line, things, &narrow.runs(&line).await);
            }
        }
    }
}

/// Asserts that each row takes one line of the screen, below its heads.
fn assert_table(line: &str, things: usize, shown: &Shown) {
    let [head, rows @ ..] = &shown.lines[..] else { panic!("{line}: {shown:?}") };
    assert_eq!(rows.len(), things, "{line}: {shown:?}");
    assert!(shown.styled.contains("\u{1b}[1m"), "{line}: heads are bold: {shown:?}");
    let begins = |text: &str| -> Vec<usize> {
        let text: Vec<char> = text.chars().collect();
        let is_begin = |at: &usize| text[*at] != ' ' && (*at == 0 || text[..*at].ends_with(&[' ', ' ']));
        (0..text.len()).filter(is_begin).collect()
    };
    let (heads, columns) = (begins(head), begins(&rows[0]));
    assert!(columns.iter().all(|at| heads.contains(at)), "{line}: columns stand below their heads: {shown:?}");
}

#[tokio::test]
async fn colours_are_for_terminals_that_have_them() {
    let (file, target) = (File::fresh(), Target::start().await);
    let web = Web::start(Naptime::up(&file)).await;
    run(web.naptime.ask("add").args(&[&target.url("/"), "--every", "1d", "--activate"])).await.says(0, &[]);
    let terminal = terminal(80, &web).await;
    let coloured = terminal.runs("naptime list").await;
    assert!(coloured.styled.contains("\u{1b}[32mon\u{1b}"), "{coloured:?}");
    for line in ["NO_COLOR=1 naptime list", "TERM=dumb naptime list"] {
        let plain = terminal.runs(line).await;
        assert_eq!((plain.code, plain.styled.contains('\u{1b}')), (0, false), "{line}: {plain:?}");
        assert!(plain.lines.len() == 2 && plain.lines[0].starts_with("ID "), "{line}: {plain:?}");
    }
}

#[tokio::test]
async fn people_are_asked_and_stop_what_goes_on() {
    let (file, target) = (File::fresh(), Target::start().await);
    let web = Web::start(Naptime::up(&file)).await;
    let terminal = terminal(80, &web).await;
    let document = format!("endpoints: {{checkout: {{url: \"{}\", every: 1s, active: true}}}}", target.url("/"));
    std::fs::write(terminal.home().join("naptime.yaml"), document).unwrap();

    let asked = async |keys: &[&str]| {
        terminal.begins("naptime apply -f naptime.yaml");
        terminal.shows("it asks", |screen| screen.contains("Apply this? [y/N]")).await;
        terminal.presses(keys);
        terminal.ends().await
    };
    let no = asked(&["n", "Enter"]).await;
    assert_eq!((no.code, no.lines.last().map(String::as_str)), (1, Some("nothing was applied")), "{no:?}");
    // Who just presses Enter has not said yes.
    assert_eq!(asked(&["Enter"]).await.code, 1);
    assert_eq!(asked(&["C-c"]).await.code, 130);
    assert_eq!(web.items("/api/endpoints").await.len(), 0);
    let yes = asked(&["y", "Enter"]).await;
    assert_eq!(yes.code, 0, "{yes:?}");
    assert_eq!(yes.lines.last().map(String::as_str), Some("applied: 1 added, 0 changed, 0 deleted"), "{yes:?}");
    assert_eq!(web.items("/api/endpoints").await.len(), 1);

    for line in ["naptime runs --follow", "naptime problems --watch"] {
        terminal.begins(line);
        terminal.shows(line, |screen| screen.contains("Ctrl-C ends that")).await;
        if line.contains("runs") {
            terminal
                .shows("runs as they come", |screen| screen.lines().filter(|it| it.contains(" ok ")).count() > 1)
                .await;
        }
        terminal.presses(&["C-c"]);
        assert_eq!(terminal.ends().await.code, 130, "{line}");
    }
}
