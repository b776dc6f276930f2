//! What a page has a reader type, and what it shows them.

use std::fs;

use naptime_tests::tools;

/// A page of `docs/guides`.
pub(super) struct Page {
    pub(super) name: String,
    pub(super) blocks: Vec<Block>,
    /// Parts of a program.
    pub(super) code: Vec<String>,
}

/// Commands, and what they print.
pub(super) struct Block {
    /// Where it begins on the page.
    pub(super) line: usize,
    pub(super) commands: String,
    /// Lines as [`fits`] reads them.
    pub(super) shows: Vec<String>,
}

impl Page {
    /// All lines that a reader types.
    pub(super) fn commands(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().flat_map(|block| block.commands.lines())
    }

    pub(super) fn read(name: &str) -> Self {
        let path = tools::workspace().join(format!("docs/guides/{name}.md"));
        let (blocks, code) = blocks(&fs::read_to_string(path).unwrap());
        Self { name: format!("docs/guides/{name}.md"), blocks, code }
    }
}

/// The blocks of commands (`sh`), each with the block of output (`text`) that follows it, if one does; and those of code.
fn blocks(page: &str) -> (Vec<Block>, Vec<String>) {
    let (mut blocks, mut code): (Vec<Block>, Vec<String>) = Default::default();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let content: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        match kind {
            "sh" => blocks.push(Block { line: at + 1, commands: content.join("\n"), shows: Vec::new() }),
            "text" => {
                let shows = content.into_iter().filter(|line| !line.trim().is_empty()).map(str::to_owned);
                blocks.last_mut().expect("output follows commands").shows.extend(shows);
            }
            "rust" => code.push(content.join("\n")),
            other => panic!("line {}: nobody runs a block of `{other}`", at + 1),
        }
    }
    assert!(!blocks.is_empty());
    (blocks, code)
}

/// Whether a line is like what is shown: `…` stands for anything, and blanks and tabs are the same. What is shown may be
/// a part of the line.
pub(super) fn fits(line: &str, shown: &str) -> bool {
    let even = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = even(line);
    let mut rest = &*line;
    shown.split('…').map(even).all(|part| match rest.find(&part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[test]
fn what_is_shown_may_leave_out_what_differs() {
    let line = "0193ab\ton\t2026-11-30T09:00:00Z\tevery 5m\tGET\thttp://a/poll\t";
    for fitting in ["… on … every 5m GET http://a/poll", "every  5m", "…on…poll…", "…"] {
        assert!(fits(line, fitting), "{fitting}");
    }
    for other in ["… off …", "every 5m … on", "every 50m", "poll…poll"] {
        assert!(!fits(line, other), "{other}");
    }
}

#[test]
fn output_belongs_to_the_commands_before_it() {
    let (blocks, code) = blocks("```rust\nf();\n```\n```sh\na\nb\n```\nand\n\n```text\nc\n\nd …\n```\n```sh\ne\n```\n");
    let read: Vec<_> = blocks.iter().map(|block| (block.line, &*block.commands, block.shows.join("|"))).collect();
    assert_eq!(read, [(4, "a\nb", "c|d …".to_owned()), (15, "e", String::new())]);
    assert_eq!(code, ["f();"]);
}
