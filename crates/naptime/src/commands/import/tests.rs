//! Each format by samples of our own. What becomes of a sample is beside it: `UPDATE_EXPECT=1` writes that anew.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use expect_test::expect_file;
use serde_json::Value;

use super::check::check;
use super::formats::{self, Format, Options};
use super::found::Found;
use super::{document, keys};
use crate::commands::yaml;

/// What is said beside all samples.
fn options(file: &Path) -> Options {
    Options {
        file: file.display().to_string(),
        base_url: Some("https://shop.ew.r.appspot.com/".to_owned()),
        repo: Some("owner/repo".to_owned()),
        branch: "main".to_owned(),
        every: Some("5m".to_owned()),
        cron: None,
        zone: None,
        machine_zone: "Europe/London".to_owned(),
        urls: ["refresh-cache", "mail", "month-end"]
            .map(|name| (name.to_owned(), format!("https://functions.example.com/{name}")))
            .to_vec(),
    }
}

fn samples() -> impl Iterator<Item = PathBuf> {
    let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/import/samples");
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    entries(&formats)
        .into_iter()
        .flat_map(move |format| entries(&format))
        .filter(|file| file.extension().unwrap() != "expected")
}

fn read(file: &Path) -> (String, Found) {
    let text = fs::read_to_string(file).unwrap();
    let name = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
    let format = formats::detect("-", &text).unwrap_or_else(|fault| panic!("{}: {fault:#}", file.display()));
    assert_eq!(format.to_possible_value().unwrap().get_name(), name, "{}", file.display());
    let mut found = formats::read(format, &text, &options(file)).unwrap();
    keys::assign(&mut found.taken);
    (text, check(found))
}

fn shown(found: &Found) -> String {
    let mut text = String::new();
    for taken in &found.taken {
        let state = if taken.is_on { "" } else { " (off)" };
        let fields = serde_json::to_string_pretty(&taken.fields).unwrap();
        writeln!(text, "{} -> {}{state} {fields}", taken.place, taken.key).unwrap();
        for sentence in &taken.differs {
            writeln!(text, "  differs: {sentence}").unwrap();
        }
    }
    for left in &found.left {
        writeln!(text, "{} is left: {}: {}", left.place, left.what, left.why).unwrap();
    }
    for note in &found.notes {
        writeln!(text, "all: {note}").unwrap();
    }
    text
}

#[test]
fn samples_become_what_is_written_beside_them() {
    let mut count = 0;
    for file in samples() {
        let (_, found) = read(&file);
        let expect = format!("{}.expected", file.display());
        expect_file![expect].assert_eq(&shown(&found));
        count += 1;
    }
    assert_eq!(count, 30, "three of each format");
}

#[test]
fn a_document_is_the_same_as_yaml_and_as_json() {
    for file in samples() {
        let (_, found) = read(&file);
        let written = document::of(&found, Some("shop"));
        let text = yaml::write(&written);
        assert!(text.starts_with("project: shop\n"), "{text}");
        let json: Value = serde_json::from_str(&document::json(&written)).unwrap();
        assert_eq!((yaml::documents(&text), json), (Ok(vec![written.clone()]), written), "{}", file.display());
    }
}

#[test]
fn a_crontab_without_what_was_taken_over_has_nothing_more_to_take() {
    for file in samples().filter(|file| file.extension().unwrap() == "crontab") {
        let (text, found) = read(&file);
        let marked = document::crontab(&text, &found);
        let again = formats::read(Format::Crontab, &marked, &options(&file)).unwrap();
        let again = check(again);
        assert!(again.taken.is_empty() && !found.taken.is_empty(), "{}", file.display());
        assert_eq!(again.left.len(), found.left.len(), "what is left stays");
        assert_eq!(marked.lines().count(), text.lines().count());
    }
}
