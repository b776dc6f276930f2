//! The timing part of the form in a real browser: what belongs to the chosen kind, and the next calls while one types.

use naptime_tests::eventually;
use naptime_tests::target::Target;
use naptime_tests::{Browser, browser::Settings};
use serde_json::{Value, json};
use thirtyfour::By;

use super::{SOON, Visit};

/// The times that the form shows, in the zone of the endpoint.
const SHOWN: &str = "return [...document.querySelectorAll('#preview time')].map(time => time.textContent)";
/// The same times, as the visitor has them.
const YOURS: &str = "return [...document.querySelectorAll('#preview .yours:not([hidden])')].map(it => it.textContent)";
/// What the same moments are in the visitor's zone, worked out anew: the date and the time, to the second.
const EXPECTED: &str = "return [...document.querySelectorAll('#preview time')].map(time =>
    new Date(time.dateTime).toLocaleString('sv-SE', {timeZone: 'America/New_York'}))";

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

impl Visit {
    async fn chooses(&self, kind: &str) {
        let radio = format!("//input[@name = 'timing'][@value = '{kind}']");
        self.clicks(kind, &radio).await;
    }

    async fn times(&self, script: &str) -> Vec<String> {
        texts(&self.run(script).await)
    }

    /// Waits until the form shows five times that are right.
    async fn shows_times(&self, what: &str, right: impl Fn(&str) -> bool) -> Vec<String> {
        eventually(SOON, what, async || {
            // A page that is on its way answers no script.
            let times = texts(self.browser.execute(SHOWN, Vec::new()).await.ok()?.json());
            (times.len() == 5 && times.iter().all(|time| right(time))).then_some(times)
        })
        .await
    }

    async fn shows(&self, field: &str) -> bool {
        self.browser.find(By::Name(field)).await.unwrap().is_displayed().await.unwrap()
    }

    /// Which fields of the timing are shown.
    async fn fields_of(&self, kind: &str, there: [bool; 6]) {
        let mut shown = Vec::new();
        for field in ["every", "jitter", "cron", "random", "window", "tz"] {
            shown.push(self.shows(field).await);
        }
        assert_eq!(shown, there, "{kind}");
    }
}

/// Where it is another time of the day than in the zones of these tests.
async fn visit(settings: Settings) -> Visit {
    let visit = Visit::start(settings).await;
    let zone = serde_json::json!({"timezoneId": "America/New_York"});
    visit.browser.cdp().send_raw("Emulation.setTimezoneOverride", zone).await.unwrap();
    visit
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_calls_are_shown_while_one_types() {
    let target = Target::start().await;
    let visit = visit(Browser::with()).await;
    visit.goto("/endpoints/new").await;
    visit.fields_of("every", [true, true, false, false, false, false]).await;
    assert!(!visit.has("//button[@name = 'preview'][not(@hidden)]").await, "the script does what the button does");
    visit.types("url", &target.url("/cron")).await;
    visit.chooses("cron").await;
    visit.fields_of("cron", [false, false, true, false, false, true]).await;
    visit.types("tz", "Asia/Tokyo").await;
    visit.types("cron", "15 4 * * *").await;
    let first = visit.shows_times("a quarter past four", |time| time.ends_with(" 04:15:00 JST")).await;
    let yours = visit.times(YOURS).await;
    let expected = visit.times(EXPECTED).await;
    assert_eq!((yours.len(), expected.len()), (5, 5), "{yours:?}");
    for (yours, expected) in yours.iter().zip(&expected) {
        assert!(yours.contains(expected.as_str()), "{yours} is not {expected}");
    }
    // One key more, and they are others.
    visit.sees("the pattern", "//input[@name = 'cron']").await.send_keys(" ").await.unwrap();
    visit.types("cron", "15 5 * * *").await;
    let second = visit.shows_times("a quarter past five", |time| time.ends_with(" 05:15:00 JST")).await;
    assert_ne!(first, second);
    visit.types("cron", "61 5 * * *").await;
    visit.sees("what is wrong", "//*[@id = 'preview']//p[contains(., 'minute 61: from 0 to 59')]").await;
    assert!(visit.times(SHOWN).await.is_empty());
    visit.types("cron", "* * * * * *").await;
    visit.types("tz", "America/New_York").await;
    let shown = visit.shows_times("seconds", |time| time.ends_with(" EST") || time.ends_with(" EDT")).await;
    assert_eq!(visit.times(YOURS).await, [""; 0], "the visitor's own zone is not shown twice: {shown:?}");

    // And so it is called, once it is switched on.
    visit.press("Add").await;
    visit.sees_text("cron * * * * * * (America/New_York)").await;
    visit.switch("on").await;
    target.wait_for(SOON, "calls by the second", |calls| calls.len() >= 2).await;
    assert_eq!(visit.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_moves_an_endpoint_to_round_times() {
    let visit = visit(Browser::with()).await;
    for align in [true, true, false] {
        let other = json!({"url": "http://127.0.0.1:9/", "every": "1h", "align": align, "active": true});
        visit.posts(&other).await;
    }
    visit.goto("/endpoints/new").await;
    visit.types("url", "http://127.0.0.1:9/mine").await;
    visit.types("every", "1h").await;
    visit.shows_times("an hour apart", |time| time.ends_with(" UTC")).await;
    // The third is due at a time of its own, which may be that of the two.
    let others = ["2", "3"].map(|most| format!("starts-with(., '3 others every 1h: at most {most} ')"));
    visit.sees("the others", &format!("//*[@id = 'preview']//p[{}]", others.join(" or "))).await;
    let at_the_start = "//*[name() = 'rect'][@class = 'place'][@x = '0']";
    visit.clicks("the box", "//input[@name = 'align']").await;
    visit.shows_times("round times", |time| time.ends_with(":00:00 UTC")).await;
    visit.sees("its mark at the start of the hour", at_the_start).await;
    visit.press("Add").await;
    visit.sees_text("every 1h, on round times").await;
    visit.press("Edit").await;
    visit.sees("the tick", "//input[@name = 'align'][@checked]").await;
    // What does not go with the kind is not shown, and not sent.
    visit.chooses("cron").await;
    assert!(!visit.shows("align").await);
    visit.types("cron", "@daily").await;
    visit.press("Save").await;
    visit.sees_text("cron @daily (UTC)").await;
    assert_eq!(visit.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_random_endpoint_is_added_and_its_url_named_when_it_comes_again() {
    let visit = visit(Browser::with().phone()).await;
    visit.goto("/endpoints/new").await;
    visit.types("url", "http://127.0.0.1:9/twice").await;
    visit.types("name", "the first").await;
    visit.chooses("random").await;
    visit.fields_of("random", [false, false, false, true, true, true]).await;
    visit.types("random", "1h").await;
    visit.types("window", "09:00-17:00").await;
    visit.types("tz", "Europe/Berlin").await;
    for day in ["sat", "sun"] {
        let there = format!("//input[@name = 'days'][@value = '{day}']");
        visit.clicks(day, &there).await;
    }
    let working = |time: &str| {
        let hour: u32 = time.split([' ', ':']).nth(2).unwrap().parse().unwrap();
        // What was shown before the zone was typed fits the rest on a working day.
        let there = time.ends_with(" CET") || time.ends_with(" CEST");
        there && (9..17).contains(&hour) && !time.starts_with("Sat") && !time.starts_with("Sun")
    };
    let shown = visit.shows_times("moments of working days", working).await;
    visit.press("Add").await;
    visit.sees_text("at random once in each 1h, 09:00-17:00, Mon-Fri (Europe/Berlin)").await;
    visit.press("Edit").await;
    let again = visit.shows_times("the same moments", working).await;
    // A moment may have come meanwhile.
    assert!(again.iter().filter(|time| shown.contains(time)).count() >= 4, "{shown:?} {again:?}");

    visit.goto("/endpoints/new").await;
    visit.types("url", "http://127.0.0.1:9/twice").await;
    visit.sees("that it exists", "//*[@id = 'preview'][contains(., 'This URL exists already')]").await;
    visit.sees("which one", "//*[@id = 'preview']//a[normalize-space(.) = 'the first']").await;
    visit.types("every", "5m").await;
    visit.shows_times("what it comes to all the same", |time| time.ends_with(" UTC")).await;
    visit.press("Add").await;
    visit.sees_text("every 5m").await;
    assert_eq!(visit.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_shows_the_next_calls_without_javascript() {
    let visit = Visit::start(Browser::with().without_javascript()).await;
    visit.goto("/endpoints/new").await;
    visit.types("url", "http://127.0.0.1:9/").await;
    visit.types("name", "kept").await;
    visit.chooses("cron").await;
    visit.types("cron", "15 4 * * *").await;
    visit.types("tz", "Asia/Tokyo").await;
    visit.press("Preview").await;
    visit.sees("the time", "//*[@id = 'preview']//time[contains(., '04:15:00 JST')]").await;
    assert_eq!((visit.value("cron").await, visit.value("name").await), ("15 4 * * *".to_owned(), "kept".to_owned()));
    visit.press("Add").await;
    visit.sees_text("cron 15 4 * * * (Asia/Tokyo)").await;
}

/// Times are those of whoever looks, until another zone is chosen, which is remembered.
#[tokio::test(flavor = "multi_thread")]
async fn times_are_shown_in_the_zone_that_is_chosen() {
    let visit = visit(Browser::with()).await;
    // Called at four in the afternoon in Berlin, which is ten in the morning in New York.
    let endpoint = json!({"url": "http://127.0.0.1:9/", "cron": "0 16 * * *", "tz": "Europe/Berlin", "active": true});
    let page = visit.posts(&endpoint).await;
    visit.goto(&page).await;
    const NEXT: &str = "const at = new Date(document.querySelector('time.clock').dateTime);
        return [document.querySelector('time.clock').textContent, ...['America/New_York', 'Europe/Berlin', 'UTC'].map(
            timeZone => at.toLocaleTimeString('sv-SE', {timeZone}))]";
    let [shown, mine, berlin, utc] = visit.times(NEXT).await.try_into().unwrap();
    assert!(shown.ends_with(&mine) && mine != berlin && berlin == "16:00:00", "{shown} {mine} {berlin}");
    for (choice, expected) in [("endpoint", &berlin), ("utc", &utc), ("mine", &mine), ("endpoint", &berlin)] {
        visit.clicks(choice, &format!("//header//option[@value = '{choice}']")).await;
        let [shown, ..]: [String; 4] = visit.times(NEXT).await.try_into().unwrap();
        assert!(shown.ends_with(expected.as_str()), "{choice}: {shown}");
    }
    visit.goto(&page).await;
    let [shown, ..]: [String; 4] = visit.times(NEXT).await.try_into().unwrap();
    assert!(shown.ends_with(&berlin), "it is remembered: {shown}");
    // A page that is about no zone has none of its own, and is in the visitor's.
    visit.goto("/").await;
    assert!(!visit.has("//header//option[@value = 'endpoint']").await);
    assert_eq!(visit.complaints().await, Vec::<String>::new());
}
