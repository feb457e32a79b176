//! A headless Chromium of this machine, told what to do by its driver (W3C WebDriver), with an authenticator of its own that is always there,
//! and whose user always agrees.

mod devtools;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::world::until;

pub use devtools::Look;

/// By which name WebDriver gives an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser that visits one site.
pub struct Chromium {
    driver: Child,
    site: String,
    session: String,
    authenticator: String,
    client: reqwest::Client,
    runtime: Runtime,
}

impl Chromium {
    /// A browser with an authenticator, for a site whose URL this is.
    pub fn start(site: &str) -> Self {
        Self::with(site, json!({}))
    }

    /// The same, which is so many pixels wide: a window without a screen is never narrower than 500, an emulated phone is.
    pub fn of_width(width: u32, site: &str) -> Self {
        let metrics = json!({ "width": width, "height": 900, "pixelRatio": 1.0, "mobile": true });
        Self::with(site, json!({ "mobileEmulation": { "deviceMetrics": metrics } }))
    }

    /// The same, in which no page runs a script.
    pub fn without_scripts(site: &str) -> Self {
        Self::with(site, json!({ "prefs": { "profile.managed_default_content_settings.javascript": 2 } }))
    }

    fn with(site: &str, mut options: Value) -> Self {
        let mut command = Command::new("chromedriver");
        let started = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut driver = started.expect("chromedriver is missing: run `make system`");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver did not start");
        // Whatever it says later must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Self {
            driver,
            site: site.into(),
            session: format!("http://127.0.0.1:{port}/session"),
            authenticator: String::new(),
            client: crate::person::plain_client(),
            runtime: Runtime::new().unwrap(),
        };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
        options["args"] = json!(arguments);
        let wanted = json!({
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" },
        });
        let begun = browser.ask("POST", "", json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = format!("{}/{}", browser.session, begun["sessionId"].as_str().unwrap());
        let authenticator = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserConsenting": true, "isUserVerified": true,
        });
        let added = browser.ask("POST", "/webauthn/authenticator", authenticator);
        browser.authenticator = format!("/webauthn/authenticator/{}", added.as_str().unwrap());
        browser
    }

    /// Visits another site from now on.
    pub fn turn_to(&mut self, site: &str) {
        self.site = site.into();
    }

    /// The address of the page that is shown.
    pub fn address(&self) -> String {
        self.ask("GET", "/url", Value::Null).as_str().unwrap().to_owned()
    }

    /// Whether the page has what a selector of CSS finds.
    pub fn has(&self, selector: &str) -> bool {
        self.find(selector).is_some()
    }

    /// What is shown of what a selector of CSS finds, as soon as it is there.
    pub fn text(&self, selector: &str) -> String {
        until(&format!("the text of '{selector}'"), || {
            let element = self.find(selector)?;
            let shown = self.tried("GET", &format!("/element/{element}/text"), Value::Null)?;
            Some(shown.as_str()?.to_owned())
        })
    }

    /// Shows a page of the site.
    pub fn open(&self, path: &str) {
        self.ask("POST", "/url", json!({ "url": format!("{}{path}", self.site) }));
    }

    /// Clicks what a selector of CSS finds, as soon as it is there.
    pub fn click(&self, selector: &str) {
        self.act(selector, "click", &json!({}));
    }

    /// Writes into the field that a selector of CSS finds, as soon as it is there.
    pub fn write(&self, selector: &str, text: &str) {
        self.act(selector, "value", &json!({ "text": text }));
    }

    fn act(&self, selector: &str, what: &str, body: &Value) {
        until(&format!("{what} of '{selector}'"), || {
            let element = self.find(selector)?;
            self.tried("POST", &format!("/element/{element}/{what}"), body.clone())
        });
    }

    /// Waits until the page of this path is shown.
    pub fn until_at(&self, path: &str) {
        let expected = format!("{}{path}", self.site);
        until(&expected, || {
            let url = self.tried("GET", "/url", Value::Null)?;
            (url.as_str()? == expected).then_some(())
        });
    }

    /// Waits until what a selector of CSS finds shows a text.
    pub fn until_shows(&self, selector: &str, text: &str) {
        until(&format!("'{text}' in '{selector}'"), || {
            let element = self.find(selector)?;
            let shown = self.tried("GET", &format!("/element/{element}/text"), Value::Null)?;
            shown.as_str()?.contains(text).then_some(())
        });
    }

    /// Runs a script, whose last argument is called with its result.
    pub fn run(&self, script: &str) -> Value {
        self.ask("POST", "/execute/async", json!({ "script": script, "args": [] }))
    }

    /// Keeps a cookie, `NAME=VALUE`, for the site, of which a page is open.
    pub fn keep(&self, cookie: &str) {
        let (name, value) = cookie.split_once('=').unwrap();
        let cookie =
            json!({ "name": name, "value": value, "path": "/", "httpOnly": true, "sameSite": "Strict" });
        self.ask("POST", "/cookie", json!({ "cookie": cookie }));
    }

    /// What the authenticator keeps.
    pub fn credentials(&self) -> Vec<Value> {
        let kept = self.ask("GET", &format!("{}/credentials", self.authenticator), Value::Null);
        kept.as_array().unwrap().clone()
    }

    /// Lets the authenticator keep nothing but this.
    pub fn keep_only(&self, credential: Value) {
        self.ask("DELETE", &format!("{}/credentials", self.authenticator), Value::Null);
        self.ask("POST", &format!("{}/credential", self.authenticator), credential);
    }

    fn find(&self, selector: &str) -> Option<String> {
        let by = json!({ "using": "css selector", "value": selector });
        Some(self.tried("POST", "/element", by)?[ELEMENT].as_str()?.to_owned())
    }

    fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let what = format!("{method} {path}");
        self.tried(method, path, body).unwrap_or_else(|| panic!("the browser refused {what}"))
    }

    /// What the driver answers; none: it refuses.
    fn tried(&self, method: &str, path: &str, body: Value) -> Option<Value> {
        let url = format!("{}{path}", self.session);
        self.runtime.block_on(async {
            let mut request = self.client.request(method.parse().unwrap(), url);
            if !body.is_null() {
                request = request.json(&body);
            }
            let answer = request.send().await.ok()?;
            let is_done = answer.status().is_success();
            let mut said: Value = answer.json().await.ok()?;
            is_done.then(|| said["value"].take())
        })
    }
}

impl Drop for Chromium {
    /// The browser ends with its session, which its driver does not end by itself.
    fn drop(&mut self) {
        let _ = self.tried("DELETE", "", Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
