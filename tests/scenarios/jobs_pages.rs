//! The pages of the queue in a real browser, with and without JavaScript, and on a phone.

use std::path::Path;

use naptime_tests::Browser;
use naptime_tests::browser::Settings;
use naptime_tests::http;
use naptime_tests::target::{Answer, Target};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::browser::Visit;
use super::web::SOON;

/// How wide the page is, what does not fit included.
const WIDTH: &str = "return Math.max(document.documentElement.scrollWidth, innerWidth)";

async fn enqueue(visit: &Visit, job: Value) -> String {
    let request = http::client().post(visit.up.url("/api/jobs")).header(CONTENT_TYPE, "application/json");
    let answer: Value =
        serde_json::from_str(&request.body(job.to_string()).send().await.unwrap().text().await.unwrap()).unwrap();
    answer["id"].as_str().unwrap_or_default().to_owned()
}

/// A row of the queue that holds both texts.
fn row(channel: &str, state: &str) -> String {
    format!("//table[contains(@class, 'jobs')]//tr[contains(., '{channel}') and contains(., '{state}')]")
}

async fn a_queue_is_looked_after(settings: Settings, script: bool) {
    let target = Target::start().await;
    target.on("/fails", Answer::status(500).body("first\nsecond"));
    target.on("/slow", Answer::never());
    let visit = Visit::start(settings).await;
    visit.goto("/jobs").await;
    visit.sees_text("naptime enqueue URL").await;
    for n in 0..3 {
        enqueue(&visit, json!({"url": target.url("/fails"), "name": format!("<b>{n}</b>")})).await;
    }
    let later = enqueue(&visit, json!({"url": target.url("/later"), "in": "1h", "tags": ["night"]})).await;
    let slow = enqueue(&visit, json!({"url": target.url("/slow"), "timeout": "5m"})).await;
    target.wait_for(SOON, "they are called", |calls| calls.len() == 4).await;
    if !script {
        // Nobody brings the page up to date but the visitor, so what it shows is to have happened before.
        let failed = visit.up.url("/api/jobs?state=failed");
        naptime_tests::eventually(SOON, "all have failed", async || {
            let text = http::client().get(&failed).send().await.ok()?.text().await.ok()?;
            (serde_json::from_str::<Value>(&text).ok()?["items"].as_array()?.len() == 3).then_some(())
        })
        .await;
        visit.goto("/jobs").await;
    }
    // With the script, the page that was opened before shows it.
    visit.sees("what failed", &row("/fails", "failed 500")).await;
    visit.sees("what runs", &row("/slow", "running")).await;
    visit.sees("what waits", &row("/later", "waiting")).await;

    // One row is cancelled, and the page is where it was.
    visit.press("waiting 1").await;
    visit.sees("the stage", "//nav[@class = 'stages']/a[@aria-current][contains(., 'waiting')]").await;
    assert!(!visit.has(&row("/fails", "")).await);
    visit.press("Cancel").await;
    visit.sees("no job", "//p[contains(., 'There is none.')]").await;
    visit.press("cancelled 1").await;
    visit.sees("the cancelled one", &row("/later", "cancelled")).await;

    // All that match are retried, after a question.
    target.on("/fails", Answer::ok());
    visit.press("failed 3").await;
    visit.types("q", "<B>1").await;
    visit.press("Filter").await;
    visit.sees("the one that matches", &row("<b>1</b>", "failed")).await;
    assert!(!visit.has(&row("<b>2</b>", "failed")).await);
    visit.press("Retry…").await;
    visit.sees_text("Retry 1 job?").await;
    visit.press("Retry").await;
    visit.arrives("the list", |path| path == "/jobs").await;
    target.wait_for(SOON, "it is called again", |calls| calls.len() == 5).await;

    // The page of a job: its log.
    visit.goto(&format!("/jobs/{slow}")).await;
    visit.sees("the attempt under way", "//table//tr[contains(., 'calling') and contains(., 'not yet')]").await;
    visit.press("Cancel").await;
    visit.sees("that it is cancelled", "//dl//*[normalize-space(.) = 'cancelled']").await;
    visit.goto("/jobs?state=failed").await;
    visit.clicks("a failed one", "//table//th/a").await;
    visit.arrives("the job", |path| path.starts_with("/jobs/")).await;
    visit.sees("the attempt", "//table//tr[contains(., 'failed 500') and contains(., 'second')]").await;
    visit.press("Retry").await;
    if !script {
        target.wait_for(SOON, "it is called again", |calls| calls.len() == 6).await;
        visit.goto(&format!("/jobs/{later}")).await;
        visit.sees_text("Not called yet.").await;
        return;
    }
    visit.sees("that it is done", "//dl//*[normalize-space(.) = 'done']").await;
    visit.sees("the second attempt", "//table//tr[contains(., 'ok 200')]").await;
}

#[tokio::test]
async fn a_queue_is_looked_after_in_a_browser() {
    a_queue_is_looked_after(Browser::with(), true).await;
}

#[tokio::test]
async fn a_queue_is_looked_after_without_javascript() {
    a_queue_is_looked_after(Browser::with().without_javascript(), false).await;
}

#[tokio::test]
async fn the_queue_fits_a_phone() {
    let target = Target::start().await;
    target.on("/fails", Answer::status(500).body("x".repeat(300)));
    let visit = Visit::start(Browser::with().phone().dark()).await;
    let long = format!("/later/{}", "x".repeat(300));
    for (channel, more) in
        [("/fails", json!({})), (&*long, json!({"in": "1h", "name": "y".repeat(90), "tags": ["z".repeat(50)]}))]
    {
        let mut job = json!({"url": target.url(channel)});
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let id = enqueue(&visit, job).await;
        visit.goto("/jobs").await;
        visit.sees("the first, as it has failed", &row("/fails", "failed 500")).await;
        for page in ["/jobs".to_owned(), format!("/jobs/{id}"), "/jobs/bulk/cancel?state=waiting&q=x".to_owned()] {
            visit.goto(&page).await;
            // For whoever looks at the pages.
            if let Some(folder) = std::env::var_os("NAPTIME_SCREENSHOTS") {
                let name = page.replace(['/', '?', '='], "-");
                visit.browser.save_page(&Path::new(&folder).join(format!("phone{name}.png"))).await.unwrap();
            }
            let width = visit.browser.execute(WIDTH, Vec::new()).await.unwrap();
            assert_eq!(width.json(), &json!(390), "{page}");
        }
    }
}
