//! A browser without a screen, driven by WebDriver (W3C).

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// A window of a browser that nobody else uses.
pub struct Browser {
    driver: Child,
    /// Where the session is.
    url: String,
    runtime: Runtime,
}

impl Browser {
    /// Opens a window that is so many pixels wide.
    pub fn start(width: u32) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: run `tests/system.sh`");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            let (_, port) = line.rsplit_once("successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        std::thread::spawn(move || lines.for_each(drop));
        let url = format!("http://127.0.0.1:{}/session", port.expect("chromedriver did not start"));
        let mut browser = Self { driver, url, runtime: Runtime::new().unwrap() };
        // A window without a screen is never narrower than 500 pixels; an emulated phone is as wide as it is told.
        let emulated =
            json!({ "deviceMetrics": { "width": width, "height": 900, "pixelRatio": 1.0, "mobile": true } });
        let arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
        let options = json!({ "args": arguments, "mobileEmulation": emulated });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } });
        let session = browser.ask(Method::POST, "", &wanted);
        browser.url = format!("{}/{}", browser.url, session["sessionId"].as_str().unwrap());
        browser
    }

    /// Opens a page, and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.ask(Method::POST, "/url", &json!({ "url": url }));
    }

    /// What the body of a function gives in the page.
    pub fn run(&self, script: &str) -> Value {
        self.ask(Method::POST, "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Keeps a cookie, `NAME=VALUE`, for the host of the page that is open.
    pub fn keep(&self, cookie: &str) {
        let (name, value) = cookie.split_once('=').unwrap();
        let cookie =
            json!({ "name": name, "value": value, "path": "/", "httpOnly": true, "sameSite": "Strict" });
        self.ask(Method::POST, "/cookie", &json!({ "cookie": cookie }));
    }

    fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.url);
        let request = reqwest::Client::new().request(method, &url).json(body);
        let answer: Value =
            self.runtime.block_on(async { request.send().await.unwrap().json().await.unwrap() });
        assert!(answer["value"]["error"].is_null(), "{url} {body}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let end = reqwest::Client::new().delete(&self.url);
        let _ = self.runtime.block_on(end.send());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
