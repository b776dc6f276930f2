//! A script that tries every command there is, for a pipe and for a terminal. What commands there are is asked of the program,
//! so one that is added without a trial here fails the tests.

use std::path::Path;

use naptime_tests::naptime::Start;

use super::run;

/// A command that is tried: what is typed, what it may end with, and what it prints.
pub(super) struct Try {
    pub(super) words: Vec<String>,
    pub(super) codes: &'static [i32],
    pub(super) prints: Prints,
}

pub(super) enum Prints {
    /// This text somewhere, on stdout or stderr.
    Text(&'static str),
    /// So many things, each in so many columns; with `--json` and `--quiet`, the same ones.
    List { things: usize, columns: usize },
}

use Prints::{List, Text};

/// The token of the server that is asked.
pub(super) const TOKEN: &str = "a-token-of-more-than-24-characters";

/// The whole script. `target` is a URL that answers; `folder` gets the files that commands read.
pub(super) fn script(target: &str, folder: &Path) -> Vec<Try> {
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write(
        "naptime.yaml",
        format!(
            "project: shop\n\
             endpoints:\n  checkout: {{url: \"{target}/checkout\", every: 1d}}\n\
             rules:\n  opened: {{event: shop.opened, then: {{upsert: {{url: \"{target}/opened\", every: 1d}}}}}}\n\
             receivers:\n  ops: {{kind: webhook, url: \"{target}/hook\"}}\n"
        ),
    );
    write("rules.json", r#"[{"name": "closed", "event": "shop.closed", "then": "delete"}]"#.to_owned());
    write("crontab", format!("*/5 * * * * curl -s {target}/cron\n"));
    let tries: [(&str, &[i32], Prints); 46] = [
        ("add TARGET/paper --every 1d --name report --key paper --tag night", &[0], Text("added ")),
        ("add TARGET/other --every 1d --key paper", &[0], Text("nothing was added: report")),
        ("add TARGET/paper --every 5M", &[64], Text("--every: ")),
        ("edit paper --every 2d", &[0], Text("changed report")),
        ("on report", &[0], Text("switched on report")),
        ("off report", &[0], Text("switched off report")),
        ("pause report --for 1h", &[0], Text("paused report")),
        ("resume report", &[0], Text("resumed report")),
        ("list --tag night", &[0], List { things: 1, columns: 12 }),
        ("show report", &[0], Text("paper")),
        ("show nobody", &[1], Text("`nobody`")),
        ("call report --wait", &[0], List { things: 1, columns: 8 }),
        ("runs -n 1", &[0], List { things: 1, columns: 8 }),
        ("enqueue TARGET/once --key once --wait", &[0], Text("is done")),
        ("jobs", &[0], List { things: 1, columns: 9 }),
        ("problems --kind versions", &[0], List { things: 0, columns: 6 }),
        // Whether all is well on a busy machine is not decided here.
        ("status", &[0, 1], Text("http://127.0.0.1")),
        ("doctor", &[0, 1], Text("token is right")),
        ("plan", &[0], Text("slots there")),
        ("pools", &[0], List { things: 1, columns: 6 }),
        ("workers", &[0], List { things: 1, columns: 10 }),
        ("apply -f naptime.yaml --plan", &[2], Text("+ endpoint checkout")),
        ("apply -f naptime.yaml --yes", &[0], Text("applied: 3 added")),
        ("apply -f naptime.yaml --plan", &[0], Text("nothing to do: 3 unchanged")),
        ("export --project shop", &[0], Text("checkout:")),
        ("receivers", &[0], List { things: 1, columns: 4 }),
        ("rules", &[0], List { things: 1, columns: 3 }),
        ("rules list", &[0], List { things: 1, columns: 3 }),
        ("rules export", &[0], Text("shop.opened")),
        ("rules import rules.json", &[0], Text("added closed")),
        ("import crontab --plan", &[2], Text("+ endpoint")),
        ("import crontab --yes", &[0], Text("applied: 1 added")),
        ("delete report", &[0], Text("deleted report")),
        ("restore report", &[0], Text("restored report")),
        ("login", &[0], Text("logged in")),
        ("logout", &[0], Text("logged out")),
        ("next --every 1d -n 2", &[0], Text("every 1d")),
        ("completions bash", &[0], Text("complete -F _naptime")),
        ("man", &[0], Text("Print the manual page")),
        // What these do takes databases, and has scenarios of its own: here they are told what they lack.
        ("up --naptime-retention x", &[64], Text("NAPTIME_RETENTION: ")),
        ("web", &[64], Text("MONGODB_URI: ")),
        ("worker", &[64], Text("MONGODB_URI: ")),
        ("move --naptime-db none.db", &[64], Text("--to: ")),
        ("prove", &[64], Text("--embedded")),
        ("list --frob", &[64], Text("--frob")),
        ("frob", &[64], Text("frob")),
    ];
    let words = |line: &str| line.split(' ').map(|word| word.replace("TARGET", target)).collect();
    tries.into_iter().map(|(line, codes, prints)| Try { words: words(line), codes, prints }).collect()
}

/// Asserts that each command that the program names in its help is tried.
pub(super) async fn assert_whole(tries: &[Try]) {
    let mut commands = commands(&[]).await;
    assert!(commands.len() > 30, "the help is read: {commands:?}");
    for command in commands.clone() {
        commands.extend(self::commands(&[command.as_str()]).await.into_iter().map(|sub| format!("{command} {sub}")));
    }
    for command in commands {
        let names: Vec<&str> = command.split(' ').collect();
        let is_tried =
            tries.iter().any(|it| it.words.iter().map(String::as_str).take(names.len()).eq(names.iter().copied()));
        assert!(is_tried, "`naptime {command}` is not tried");
    }
}

/// The commands that the help of a command lists.
async fn commands(of: &[&str]) -> Vec<String> {
    let words = [of, &["--help"][..]].concat();
    let help = run(Start::asking("", words[0]).args(&words[1..])).await;
    assert_eq!(help.code, Some(0), "{help:?}");
    let listed = help.stdout.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.starts_with("  "));
    // The words of a description that takes several lines stand further to the right.
    let names = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").map(str::to_owned).collect()
}
