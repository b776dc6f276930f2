//! Figures by second, minute, hour and day: in the API, on the overview, and in a browser.

use std::time::Duration;

use naptime_core::Time;
use naptime_core::load::BEHIND;
use naptime_tests::naptime::Start;
use naptime_tests::sqlite::File;
use naptime_tests::target::Target;
use naptime_tests::{Browser, Naptime, eventually};
use serde_json::{Value, json};
use thirtyfour::By;
use thirtyfour::prelude::ElementQueryable;

use super::web::{SOON, Web, on_both_stores};

on_both_stores!(
    every_call_is_in_its_second,
    days_are_sums_of_hours,
    the_charts_go_by_any_unit,
    workers_are_shown_with_a_picture
);

const SECOND: Duration = Duration::from_secs(1);
/// The units of the overview, and as its charts name them.
const UNITS: [(&str, &str); 5] = [
    ("second", "each second"),
    ("minute", "each minute"),
    ("ten-minutes", "each 10 min"),
    ("hour", "each hour"),
    ("day", "each day"),
];

fn calls(points: &Value) -> u64 {
    points["items"].as_array().unwrap().iter().map(|point| point["calls"].as_u64().unwrap()).sum()
}

fn time(value: &Value) -> Time {
    value.as_str().unwrap().parse().unwrap()
}

async fn called_every_second(start: Start) -> (Web, Target, String) {
    let target = Target::start().await;
    let web = Web::start(start).await;
    let (endpoint, _) = web.add(json!({"url": target.url("/"), "every": "1s", "active": true})).await;
    (web, target, endpoint)
}

async fn every_call_is_in_its_second(start: Start) {
    let (web, _target, endpoint) = called_every_second(start).await;
    let runs = web.runs(&endpoint, 5).await;
    let finished: Vec<Time> = runs.iter().map(|run| time(&run["finished"])).collect();
    let (first, last) = (finished[0].floor(SECOND), finished[finished.len() - 1]);
    let path = format!("/api/load?step=1s&from={first}&to={}", last.floor(SECOND) + SECOND);
    let load = eventually(SOON, "all calls are reported", async || {
        let load = web.get(&path).await.value();
        (calls(&load) >= runs.len() as u64).then_some(load)
    })
    .await;
    for point in load["items"].as_array().unwrap() {
        let at = time(&point["at"]);
        assert_eq!(at, at.floor(SECOND));
        let in_it = finished.iter().filter(|finished| finished.floor(SECOND) == at).count();
        // The last second may hold another call, made since.
        if at + SECOND <= last {
            assert_eq!(point["calls"], in_it, "{point}");
            assert_eq!(point["calls_per_second"], in_it as f64, "{point}");
        }
    }
    let now = web.get("/api/load").await.value();
    assert_eq!(time(&now["to"]).since(time(&now["complete_to"])), BEHIND, "{now}");
}

async fn days_are_sums_of_hours(start: Start) {
    let (web, _target, endpoint) = called_every_second(start).await;
    let run = web.runs(&endpoint, 1).await.remove(0);
    let day = Duration::from_secs(86_400);
    let today = time(&run["finished"]).floor(day);
    let (days, hours) = eventually(SOON, "the day has a call", async || {
        let of = async |step| {
            let path = format!("/api/load?step={step}&from={}&to={}", today - 2 * day, today + day);
            web.get(&path).await.value()
        };
        // The hours last: they may hold more.
        let (days, hours) = (of("1d").await, of("1h").await);
        (calls(&days) > 0).then_some((days, hours))
    })
    .await;
    let starts: Vec<Time> = days["items"].as_array().unwrap().iter().map(|point| time(&point["at"])).collect();
    assert_eq!(starts, [today - 2 * day, today - day, today]);
    assert_eq!(days["items"][2]["calls"], calls(&days), "all calls were made today: {days}");
    assert_eq!(hours["items"].as_array().unwrap().len(), 72);
    assert!(calls(&hours) >= calls(&days));
}

async fn the_charts_go_by_any_unit(start: Start) {
    let (web, _target, _) = called_every_second(start).await;
    for (unit, each) in UNITS {
        let page = eventually(SOON, "the charts show calls", async || {
            let page = web.get(&format!("/?unit={unit}")).await;
            (!page.text.contains("No calls yet.")).then_some(page)
        })
        .await;
        let current = format!("<a href=\"/?unit={unit}&amp;last=");
        let current = page.text.split(&current).skip(1).any(|link| link.contains("\" aria-current=\"true\">"));
        assert!(page.status == 200 && current && page.text.contains(each), "{}", page.text);
    }
    let plain = web.get("/").await.text;
    assert!(plain.contains("<a href=\"/?unit=minute&amp;last=60\" aria-current=\"true\">hour</a>"), "{plain}");
    let chosen = web.get("/?unit=second&last=90").await.text;
    assert!(chosen.contains("<a href=\"/?unit=second&amp;last=90\" aria-current=\"true\">90 × second</a>"), "{chosen}");
    for (query, field) in [
        ("unit=year", "unit"),
        ("unit=second&last=601", "last"),
        ("last=0", "last"),
        ("last=-5", "last"),
        ("last=x", "last"),
        ("last=1&last=2", "last"),
        ("range=day", "range"),
    ] {
        let page = web.get(&format!("/?{query}")).await;
        assert_eq!(page.status, 400, "{query}");
        assert!(page.text.contains(&format!("`{field}`")), "{query}: {}", page.text);
    }
}

async fn workers_are_shown_with_a_picture(start: Start) {
    let (web, _target, endpoint) = called_every_second(start).await;
    web.runs(&endpoint, 1).await;
    let worker = web.items("/api/workers").await.remove(0);
    let shown = format!("</svg>{}</span>", worker["name"].as_str().unwrap());
    for page in ["/", endpoint.trim_start_matches("/api")] {
        let text = web.get(page).await.text;
        let (before, _) = text.split_once(&shown).unwrap_or_else(|| panic!("{shown} in {text}"));
        let tag = before.rfind("<span class=\"worker\"").unwrap();
        assert!(before[tag..].contains("<svg class=\"face\"") && before[tag..].contains("aria-hidden"), "{page}");
    }
}

/// With the script the charts are kept up to date, and the choice with them.
#[tokio::test]
async fn a_choice_outlives_the_refresh() {
    let file = File::fresh();
    let up = Naptime::up(&file).start().await;
    let browser = Browser::start().await;
    browser.goto(up.url("/")).await.unwrap();
    for choice in ["2 min"] {
        let link = format!("//nav//a[normalize-space(.) = '{choice}']");
        browser.query(By::XPath(&link)).first().await.unwrap().click().await.unwrap();
        let chosen = format!("{link}[@aria-current]");
        browser.query(By::XPath(&chosen)).first().await.unwrap();
    }
    let mark = "document.querySelector('[data-live=charts]').dataset.old = 'yes'";
    browser.execute(mark, Vec::new()).await.unwrap();
    let text = eventually(SOON, "the charts are replaced", async || {
        let fresh = browser.find(By::Css("[data-live=charts]:not([data-old])")).await.ok()?;
        fresh.text().await.ok()
    })
    .await;
    assert!(text.contains("The newest second is"), "{text}");
    let current = browser.find_all(By::Css(".ranges [aria-current]")).await.unwrap();
    let mut texts = Vec::new();
    for link in current {
        texts.push(link.text().await.unwrap());
    }
    assert_eq!(texts, ["2 min"]);
    assert_eq!(browser.current_url().await.unwrap().query(), Some("unit=second&last=120"));
}
