//! Links between the pages lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use naptime_tests::tools;

/// The pages: those in the root, in `docs`, and beside the crates that are published.
fn pages() -> Vec<PathBuf> {
    let folders = ["", "docs", "docs/guides", "crates/naptime-client", "crates/naptime-core"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(tools::workspace().join(folder)).unwrap());
    files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "md")).collect()
}

/// What a page's links lead to, but for those to elsewhere.
fn links(text: &str) -> Vec<&str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
    links.filter(|link| !link.contains("://")).collect()
}

/// What a heading is called in a link, as hosts of repositories have it.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let is_kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    headings
        .map(|heading| heading.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-"))
        .collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            seen += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = page.parent().unwrap_or(Path::new(""));
            let goal = if file.is_empty() { page.clone() } else { folder.join(file) };
            assert!(goal.exists(), "{}: {link} leads nowhere", page.display());
            if !anchor.is_empty() {
                let anchors = anchors(&fs::read_to_string(&goal).unwrap());
                assert!(anchors.contains(anchor), "{}: {link}: no such heading in {anchors:?}", page.display());
            }
        }
    }
    assert!(seen > 20, "only {seen} links were found");
}
