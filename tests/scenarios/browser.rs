//! The pages in a real browser: the life of an endpoint with and without JavaScript, faults in the form, a phone.

mod pools;
mod timing;

use std::time::Duration;

use naptime_tests::browser::Settings;
use naptime_tests::naptime::Naptime;
use naptime_tests::sqlite::File;
use naptime_tests::target::{Answer, Target};
use naptime_tests::{Browser, eventually, http};
use serde_json::{Value, json};
use thirtyfour::{By, WebElement};

/// For what comes soon on an idle machine, and later on a busy one.
const SOON: Duration = Duration::from_secs(30);
/// A row of the table of runs that tells of a good call.
const GOOD_RUN: &str = "//table[contains(@class, 'runs')]//tr[contains(., 'ok 200')]";

/// How wide the page is. What does not fit a phone widens the window that a script sees.
const WIDTH: &str = "return Math.max(document.documentElement.scrollWidth, innerWidth)";
/// What is wider than a phone, the innermost elements.
const BEYOND_THE_EDGE: &str = "
    const wide = element => {
        const {left, right} = element.getBoundingClientRect();
        return Math.max(right, left + element.scrollWidth) > 390.5;
    };
    return [...document.querySelectorAll('main *')]
        .filter(element => wide(element) && ![...element.children].some(wide))
        .map(element => `${element.localName}.${element.className}`).join(' ')";
/// What lies over the name in a row of endpoints.
const OVER_THE_NAME: &str = "
    const over = element => {
        const {left, right, top, bottom} = element.getBoundingClientRect();
        const lines = [...element.closest('tr').querySelectorAll('th a span')].flatMap(it => [...it.getClientRects()]);
        return lines.some(it => left < it.right && right > it.left && top < it.bottom && bottom > it.top);
    };
    const controls = document.querySelectorAll('.endpoints input, .endpoints button');
    return [...controls].filter(over).map(element => element.localName).join(' ')";

/// A browser on the pages of a `naptime up`.
pub(crate) struct Visit {
    pub(crate) browser: Browser,
    pub(crate) up: Naptime,
    _file: File,
}

impl Visit {
    pub(crate) async fn start(settings: Settings) -> Self {
        Self::start_with(settings, |start| start).await
    }

    async fn start_with(
        settings: Settings,
        set: impl FnOnce(naptime_tests::naptime::Start) -> naptime_tests::naptime::Start,
    ) -> Self {
        let file = File::fresh();
        let up = set(Naptime::up(&file)).start().await;
        Self { browser: settings.start().await, up, _file: file }
    }

    pub(crate) async fn goto(&self, path: &str) {
        self.browser.goto(self.up.url(path)).await.unwrap();
    }

    /// The path of the page that is shown.
    async fn path(&self) -> String {
        self.browser.current_url().await.unwrap().path().to_owned()
    }

    /// Adds an endpoint by the API, and returns the path of its page.
    async fn posts(&self, endpoint: &Value) -> String {
        let request = http::client().post(self.up.url("/api/endpoints")).header("content-type", "application/json");
        let answer = request.body(endpoint.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{endpoint}");
        answer.headers()["location"].to_str().unwrap().strip_prefix("/api").unwrap().to_owned()
    }

    /// Waits until the page is at a path that `is_it` accepts: a click may return before the next page is there.
    pub(crate) async fn arrives(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let what = format!("the browser arrives at {what}");
        eventually(SOON, &what, async || Some(self.path().await).filter(|path| is_it(path))).await
    }

    /// What an XPath finds on the page now. What a page puts in its place meanwhile counts as not there yet.
    async fn shown(&self, xpath: &str) -> Option<WebElement> {
        let element = self.browser.find(By::XPath(xpath)).await.ok()?;
        element.is_displayed().await.ok()?.then_some(element)
    }

    /// Waits for what an XPath finds.
    pub(crate) async fn sees(&self, what: &str, xpath: &str) -> WebElement {
        eventually(SOON, &format!("the page shows {what}"), async || self.shown(xpath).await).await
    }

    /// Clicks what an XPath finds, once it is there and stays for a click.
    pub(crate) async fn clicks(&self, what: &str, xpath: &str) {
        eventually(SOON, &format!("a click on {what}"), async || self.shown(xpath).await?.click().await.ok()).await;
    }

    pub(crate) async fn sees_text(&self, text: &str) {
        self.sees(text, &format!("//main//*[contains(normalize-space(.), \"{text}\")]")).await;
    }

    /// Whether an XPath finds something now.
    pub(crate) async fn has(&self, xpath: &str) -> bool {
        self.browser.find(By::XPath(xpath)).await.is_ok()
    }

    /// Presses a button, or follows a link, of this label.
    pub(crate) async fn press(&self, label: &str) {
        let button = format!("//main//*[self::button or self::a][normalize-space(.) = '{label}']");
        self.clicks(label, &button).await;
    }

    /// Presses the switch of the page, which then shows `now`.
    async fn switch(&self, now: &str) {
        self.clicks("a switch", "//button[@role = 'switch']").await;
        self.sees(now, &format!("//button[@role = 'switch'][normalize-space(.) = '{now}']")).await;
    }

    /// Types into a field in place of what it holds.
    pub(crate) async fn types(&self, field: &str, text: &str) {
        let field = self.sees(field, &format!("//*[@name = '{field}']")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// What a field holds.
    async fn value(&self, field: &str) -> String {
        let field = self.browser.find(By::Name(field)).await.unwrap();
        field.prop("value").await.unwrap().unwrap_or_default()
    }

    async fn adds(&self, url: &str, every: &str) -> String {
        self.goto("/endpoints").await;
        self.press("Add endpoint").await;
        self.arrives("the form", |path| path == "/endpoints/new").await;
        self.types("url", url).await;
        self.types("every", every).await;
        self.press("Add").await;
        self.arrives("the endpoint", |path| path.starts_with("/endpoints/") && path != "/endpoints/new").await
    }

    async fn run(&self, script: &str) -> Value {
        self.browser.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// What the browser has complained about so far: errors, refused scripts and styles, answers that are errors.
    async fn complaints(&self) -> Vec<String> {
        let entries = self.browser.browser_log().await.unwrap();
        entries.into_iter().map(|entry| format!("{}: {}", entry.level, entry.message)).collect()
    }
}

/// Whether the list shows an endpoint of this URL.
fn listed(url: &str) -> String {
    format!("//table//tr[contains(., '{url}')]")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_lives_its_life_on_the_page() {
    let target = Target::start().await;
    let url = target.url("/life");
    let visit = Visit::start(Browser::with()).await;
    visit.goto("/").await;
    visit.press("Add an endpoint").await;
    let page = visit.adds(&url, "1s").await;

    visit.sees("that it is off", "//button[@role = 'switch'][normalize-space(.) = 'off']").await;
    visit.sees_text("none, it is switched off").await;
    visit.sees_text("No runs yet.").await;
    assert_eq!(target.count(), 0, "nothing is called until it is switched on");

    visit.switch("on").await;
    assert_eq!(visit.path().await, page);
    // Would be gone if the page were loaded again.
    visit.run("window.sameDocument = true").await;
    visit.sees("its run", GOOD_RUN).await;
    assert_eq!(visit.run("return window.sameDocument === true").await, true, "the run came without a reload");
    assert!(target.count() > 0);

    visit.press("Edit").await;
    visit.arrives("the form", |path| path.ends_with("/edit")).await;
    assert_eq!((visit.value("url").await, visit.value("every").await), (url.clone(), "1s".to_owned()));
    visit.types("every", "1h 30m").await;
    visit.press("Save").await;
    visit.arrives("the endpoint", |path| path == page).await;
    visit.sees_text("every 1h 30m").await;

    visit.switch("off").await;
    visit.sees_text("none, it is switched off").await;

    visit.press("Delete").await;
    visit.arrives("the question", |path| path.ends_with("/delete")).await;
    visit.press("Keep").await;
    visit.arrives("the endpoint", |path| path == page).await;
    visit.press("Delete").await;
    visit.sees_text("Delete this endpoint?").await;
    visit.press("Delete").await;
    visit.arrives("the endpoint", |path| path == page).await;
    visit.sees_text("It is not called any more.").await;
    visit.sees("its history", GOOD_RUN).await;
    assert!(!visit.has("//button[@role = 'switch']").await, "a deleted endpoint cannot be switched on");

    visit.goto("/endpoints").await;
    visit.sees_text("No endpoints yet.").await;
    assert!(!visit.has(&listed(&url)).await);
    visit.press("Deleted").await;
    visit.arrives("the deleted ones", |path| path == "/endpoints/deleted").await;
    visit.sees("it among them", &listed(&url)).await;
    visit.press("Restore").await;
    visit.arrives("the endpoint", |path| path == page).await;
    visit.sees("that it is off", "//button[@role = 'switch'][normalize-space(.) = 'off']").await;
    visit.goto("/endpoints").await;
    visit.sees("it in the list", &listed(&url)).await;
    assert_eq!(visit.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_without_javascript() {
    let target = Target::start().await;
    let visit = Visit::start(Browser::with().without_javascript()).await;
    visit.adds(&target.url("/plain"), "1s").await;
    visit.switch("on").await;
    target.wait_for(SOON, "a call", |calls| !calls.is_empty()).await;
    eventually(SOON, "its run is there after a reload", async || {
        visit.browser.refresh().await.ok()?;
        visit.has(GOOD_RUN).await.then_some(())
    })
    .await;
    visit.switch("off").await;
    visit.press("Delete").await;
    visit.sees_text("Delete this endpoint?").await;
    visit.press("Delete").await;
    visit.sees_text("It is not called any more.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_shown_at_its_field_and_nothing_typed_is_lost() {
    let visit = Visit::start(Browser::with()).await;
    visit.goto("/endpoints/new").await;
    visit.types("url", "ftp://example.com/").await;
    visit.types("every", "soon").await;
    visit.types("name", "<script>alert(1)</script> $period").await;
    visit.clicks("the rest of the form", "//details[@class = 'more']/summary").await;
    visit.types("headers", "Accept: text/plain\nX-A: b").await;
    visit.types("body", "\nfirst\n\nthird").await;
    visit.types("tags", "one, two").await;
    visit.press("Add").await;

    visit.sees("that nothing was saved", "//*[@role = 'alert'][contains(., 'Nothing was saved')]").await;
    for (field, words) in [("url", "http"), ("every", "soon")] {
        let at = format!("//div[contains(@class, 'faulty')][.//input[@name = '{field}'][@aria-invalid = 'true']]");
        let fault = visit.sees("a fault", &format!("{at}//p[@id = '{field}-fault']")).await.text().await.unwrap();
        assert!(fault.contains(words), "{field}: {fault}");
    }
    for (field, typed) in [
        ("url", "ftp://example.com/"),
        ("every", "soon"),
        ("name", "<script>alert(1)</script> $period"),
        ("headers", "Accept: text/plain\nX-A: b"),
        ("body", "\nfirst\n\nthird"),
        ("tags", "one, two"),
    ] {
        assert_eq!(visit.value(field).await, typed, "{field}");
    }
    visit.types("url", "http://127.0.0.1/").await;
    visit.types("every", "5m").await;
    visit.press("Add").await;
    visit.sees("its name", "//h1[normalize-space(.) = '<script>alert(1)</script> $period']").await;
    visit.sees_text("Accept: text/plain").await;
    let complaints = visit.complaints().await;
    // The answer that told of the faults is one to Chromium too.
    assert!(complaints.iter().all(|text| text.contains("422 (Unprocessable Entity)")), "{complaints:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_and_out() {
    let visit = Visit::start_with(Browser::with(), |start| start.env("NAPTIME_PASSWORD", "correct horse")).await;
    visit.goto("/endpoints?q=x").await;
    visit.arrives("the login", |path| path == "/login").await;
    visit.types("password", "wrong horse").await;
    visit.press("Log in").await;
    visit.sees_text("That is not the password.").await;
    visit.types("password", "correct horse").await;
    visit.press("Log in").await;
    visit.arrives("where they wanted to go", |path| path == "/endpoints").await;
    assert_eq!(visit.value("q").await, "x");
    assert_eq!(visit.run("return document.cookie").await, "", "no script can read the session");
    visit.clicks("the way out", "//form[@action = '/logout']//button").await;
    visit.arrives("the login", |path| path == "/login").await;
    visit.goto("/endpoints").await;
    visit.arrives("the login", |path| path == "/login").await;
    let complaints = visit.complaints().await;
    assert!(complaints.iter().all(|text| text.contains("401 (Unauthorized)")), "{complaints:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_no_page_scrolls_sideways() {
    let target = Target::start().await;
    let path = format!("/{}", "a-long-path-without-end/".repeat(12));
    target.on(&path, Answer::ok().body("w".repeat(500)));
    let visit = Visit::start(Browser::with().phone()).await;
    let mut wide = Vec::new();
    let mut measure = async |what: &str| {
        if visit.run(WIDTH).await != 390 {
            wide.push(format!("{what}: {}", visit.run(BEYOND_THE_EDGE).await));
        }
    };

    for path in ["/", "/endpoints", "/endpoints/new", "/nothing/here"] {
        visit.goto(path).await;
        measure(path).await;
    }
    visit.goto("/endpoints/new").await;
    visit.types("url", &format!("ftp://{}", "x".repeat(300))).await;
    visit.types("every", &"9".repeat(80)).await;
    visit.clicks("the rest of the form", "//details[@class = 'more']/summary").await;
    // What is wrong with the period is said where the next calls would be.
    visit.sees_text("could be seconds or milliseconds").await;
    measure("the whole form").await;
    visit.press("Add").await;
    visit.sees("that nothing was saved", "//*[@role = 'alert']").await;
    measure("the form with faults").await;

    visit.goto("/endpoints/new").await;
    visit.types("url", &target.url(&path)).await;
    visit.types("every", "1s").await;
    visit.types("name", &"Aprettylongname".repeat(6)).await;
    visit.clicks("the rest of the form", "//details[@class = 'more']/summary").await;
    visit.types("tags", &format!("{}, short", "t".repeat(50))).await;
    visit.types("sla.every", "15m").await;
    visit.types("headers", &format!("X-Long: {}", "h".repeat(300))).await;
    visit.types("body", &"b".repeat(300)).await;
    visit.press("Add").await;
    let page = visit.arrives("the endpoint", |path| path.starts_with("/endpoints/") && path != "/endpoints/new").await;
    measure("a new endpoint").await;
    visit.switch("on").await;
    visit.sees("its run", GOOD_RUN).await;
    measure("an endpoint with runs").await;
    // The figures of the overview come with the next report of the worker.
    eventually(SOON, "the overview has figures", async || {
        visit.goto("/").await;
        (!visit.has("//main//*[normalize-space(.) = 'No calls yet.']").await).then_some(())
    })
    .await;
    // Schedules that are long to tell, and changes that the target asked for.
    target.on("/steering", Answer::ok().header("Naptime-Every", "1d"));
    let zone = "America/Argentina/ComodRivadavia";
    visit.posts(&json!({"url": target.url("/cron"), "cron": "*/7 8-18 1-28 jan-nov mon-fri", "tz": zone})).await;
    let random =
        json!({"url": target.url("/r"), "random": "1h", "window": "09:00-17:00", "days": "mon,wed,fri", "tz": zone});
    visit.posts(&random).await;
    let steer = json!({"min": "1s", "max": "30d"});
    let steering = json!({"url": target.url("/steering"), "every": "1s", "active": true, "steer": steer});
    visit.goto(&visit.posts(&steering).await).await;
    visit.sees_text("every 1s, now every 1d").await;
    measure("an endpoint that steers itself").await;
    for path in ["/", "/?unit=second", "/?unit=day", "/endpoints", &format!("{page}/edit"), &format!("{page}/delete")] {
        visit.goto(path).await;
        measure(path).await;
    }
    visit.goto("/endpoints").await;
    assert_eq!(visit.run(OVER_THE_NAME).await, "");
    visit.goto(&format!("{page}/delete")).await;
    // Not pressed: on a page that is too wide the browser would miss the button, which would hide why.
    visit.run("document.querySelector('main form').requestSubmit()").await;
    visit.sees_text("It is not called any more.").await;
    measure("a deleted endpoint").await;
    visit.goto("/endpoints/deleted").await;
    measure("the deleted ones").await;
    assert_eq!(wide, Vec::<String>::new(), "wider than the phone");

    let complaints = visit.complaints().await;
    let expected = ["422 (Unprocessable Entity)", "404 (Not Found)"];
    assert!(complaints.iter().all(|text| expected.iter().any(|it| text.contains(it))), "{complaints:?}");

    // Would it have been seen? Wider by a little, and by much.
    for width in ["391px", "2000px"] {
        visit.run(&format!("document.querySelector('main').style.minWidth = '{width}'")).await;
        assert!(visit.run(WIDTH).await.as_u64().unwrap() > 390, "{width}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_policy_forbids_is_heard_of() {
    let visit = Visit::start(Browser::with()).await;
    visit.goto("/").await;
    assert_eq!(visit.complaints().await, Vec::<String>::new());
    // Else the other tests would see nothing because there is nothing to see.
    visit.run("document.body.appendChild(document.createElement('script')).text = 'window.forbidden = true'").await;
    assert_eq!(visit.run("return window.forbidden === true").await, false);
    let complaints = visit.complaints().await;
    assert!(complaints.iter().any(|text| text.contains("Content Security Policy")), "{complaints:?}");
}
