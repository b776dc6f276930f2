//! A real browser without a window.

use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::common::capabilities::chrome::ChromeCapabilities;
use thirtyfour::error::WebDriverResult;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

use crate::guard::{Guarded, Watcher};
use crate::scratch::Scratch;
use crate::{eventually, http, port, tools};

const START: Duration = Duration::from_secs(60);

/// As root there is no sandbox; nothing else may leave the machine or depend on its graphics.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// How the browser is to be: `Browser::with().phone().dark().start().await`.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    width: u32,
    height: u32,
    dark: bool,
    javascript: bool,
}

impl Settings {
    /// The size of the page's window in CSS pixels; 1280 x 800 if not set.
    pub fn size(mut self, width: u32, height: u32) -> Self {
        (self.width, self.height) = (width, height);
        self
    }

    /// The width of a phone.
    pub fn phone(self) -> Self {
        self.size(390, 844)
    }

    /// The visitor prefers a dark page; light if not set.
    pub fn dark(mut self) -> Self {
        self.dark = true;
        self
    }

    /// The visitor has switched JavaScript off. `execute` then hangs; finding, reading, typing and clicking work.
    pub fn without_javascript(mut self) -> Self {
        self.javascript = false;
        self
    }

    /// Starts a browser of one's own, with nothing remembered.
    pub async fn start(self) -> Browser {
        http::choose_crypto();
        let folder = Scratch::new();
        let port = port::free_port();
        let driver = Guarded::spawn(&tools::chromedriver(), [format!("--port={port}")], |it| {
            it.env("HOME", folder.path());
        })
        .unwrap();
        eventually(START, "chromedriver listens", async || {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
        })
        .await;
        let url = format!("http://127.0.0.1:{port}");
        let session = WebDriver::new(url, capabilities(&folder)).await.unwrap();
        // Chromium is in no group of ours and would outlive its killed driver.
        let chromium = session.capabilities().get("goog:processID");
        let chromium = chromium.unwrap().to_string();
        let browser = Browser {
            settings: self,
            session: Some(session),
            chromium: Some(Watcher::start("kill -s KILL \"$1\"", chromium).unwrap()),
            _driver: driver,
            folder,
        };
        browser.apply().await;
        browser
    }
}

/// A running browser with one page; see [`WebDriver`] for what can be done with it.
///
/// A click may return before the page that it leads to is there: wait for something on that page (`query(..).first()`
/// does), don't look at once.
#[derive(Debug)]
pub struct Browser {
    settings: Settings,
    session: Option<WebDriver>,
    chromium: Option<Watcher>,
    _driver: Guarded,
    #[cfg_attr(not(test), expect(dead_code, reason = "kept for as long as the browser"))]
    folder: Scratch,
}

impl Browser {
    /// A desktop window, light, with JavaScript, if not set otherwise.
    pub fn with() -> Settings {
        Settings { width: 1280, height: 800, dark: false, javascript: true }
    }

    /// A browser as it comes.
    pub async fn start() -> Self {
        Self::with().start().await
    }

    /// Saves the whole page, not only what fits the window, as a PNG file.
    pub async fn save_page(&self, file: &Path) -> WebDriverResult<()> {
        let page = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let height = page["cssContentSize"]["height"].as_u64().unwrap();
        self.resize(height.max(self.settings.height.into())).await;
        let saved = self.screenshot(file).await;
        self.resize(self.settings.height.into()).await;
        saved
    }

    async fn apply(&self) {
        let settings = self.settings;
        let scheme = if settings.dark { "dark" } else { "light" };
        let scheme = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let media = json!({"features": scheme});
        let script = json!({"value": !settings.javascript});
        self.devtools("Emulation.setEmulatedMedia", media).await;
        self.devtools("Emulation.setScriptExecutionDisabled", script).await;
        self.resize(settings.height.into()).await;
    }

    /// A window can't be made as narrow as a phone; a device can.
    async fn resize(&self, height: u64) {
        let width = self.settings.width;
        let device = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", device).await;
    }

    async fn devtools(&self, command: &str, settings: Value) -> Value {
        let devtools = self.cdp();
        devtools.send_raw(command, settings).await.unwrap()
    }
}

impl Deref for Browser {
    type Target = WebDriver;

    fn deref(&self) -> &WebDriver {
        self.session.as_ref().unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Closing the session properly needs the runtime that runs us now, and would wait for it for minutes.
        if let Some(session) = self.session.take() {
            let _ = session.leak();
        }
        if let Some(chromium) = self.chromium.take() {
            chromium.act();
        }
    }
}

fn capabilities(folder: &Scratch) -> ChromeCapabilities {
    let mut capabilities = DesiredCapabilities::chrome();
    let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
    for flag in FLAGS.iter().copied().chain([&*profile]) {
        capabilities.add_arg(flag).unwrap();
    }
    let chromium = tools::chromium();
    capabilities.set_binary(chromium.to_str().unwrap()).unwrap();
    capabilities
}

#[cfg(test)]
mod tests {
    use thirtyfour::By;

    use super::*;
    use crate::{Answer, Target};

    const PAGE: &str = "<!doctype html><meta name=viewport content=width=device-width><title>A page</title>
        <style>p { height: 3000px; top: 1px } @media (prefers-color-scheme: dark) { p { top: 2px } }</style>
        <form action=/sent><input name=word><button>Send</button></form><p></p>
        <script>document.title = 'A script'</script>";

    async fn page() -> Target {
        let target = Target::start().await;
        let page = Answer::ok().header("content-type", "text/html");
        target.on("/", page.body(PAGE));
        target
    }

    #[tokio::test]
    async fn a_dark_phone_sees_a_dark_narrow_page() {
        let target = page().await;
        let browser = Browser::with().phone().dark().start().await;
        browser.goto(target.url("/")).await.unwrap();
        assert_eq!(browser.title().await.unwrap(), "A script");
        let width = browser.execute("return innerWidth", Vec::new()).await;
        assert_eq!(width.unwrap().json(), &json!(390));
        let paragraph = browser.find(By::Css("p")).await.unwrap();
        assert_eq!(paragraph.css_value("top").await.unwrap(), "2px");

        let file = browser.folder.path().join("page.png");
        browser.save_page(&file).await.unwrap();
        let png = std::fs::read(file).unwrap();
        // The header of a PNG file: width and height.
        let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert_eq!(size(16), 390);
        assert!(size(20) > 3000);
    }

    #[tokio::test]
    async fn a_form_can_be_sent_without_javascript() {
        let target = page().await;
        let browser = Browser::with().without_javascript().start().await;
        browser.goto(target.url("/")).await.unwrap();
        assert_eq!(browser.title().await.unwrap(), "A page");
        let word = browser.find(By::Name("word")).await.unwrap();
        word.send_keys("hello").await.unwrap();
        let button = browser.find(By::Css("button")).await.unwrap();
        button.click().await.unwrap();
        target
            .wait_for(Duration::from_secs(10), "the form comes", |calls| {
                calls.iter().any(|call| call.uri == "/sent?word=hello")
            })
            .await;
    }
}
