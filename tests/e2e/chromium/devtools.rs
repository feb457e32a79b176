//! What the browser's own protocol adds to its driver's: how wide and in which colours a page is looked at, who looks at it, what the
//! console says of it, keys that are pressed, and pictures.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

use super::Chromium;

/// How a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Of the window, in CSS pixels.
    pub width: u32,
    pub is_dark: bool,
}

impl std::fmt::Display for Look {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.width, if self.is_dark { "dark" } else { "light" })
    }
}

/// How high a picture may be, in CSS pixels: the browser draws it as one texture, and those have a bound.
const PICTURE_HEIGHT_MAX: f64 = 16_000.0;

impl Chromium {
    /// Runs a command of the Chrome DevTools Protocol.
    fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.ask("POST", "/goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    /// Runs a script in each page from now on, before any of the page's own.
    pub fn begin_with(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    }

    /// Takes nothing from what it has loaded before: each page weighs what a first visit loads.
    pub fn keep_nothing_loaded(&self) {
        self.devtools("Network.enable", json!({}));
        self.devtools("Network.setCacheDisabled", json!({ "cacheDisabled": true }));
    }

    /// Looks at each page from now on in this way.
    pub fn look(&self, look: Look) {
        let metrics =
            json!({ "width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": look.width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if look.is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Visits sites as whoever has this cookie, `NAME=VALUE`, of the site at this URL, and no other; nothing: as nobody.
    pub fn be(&self, site: &str, cookie: &str) {
        self.devtools("Network.clearBrowserCookies", json!({}));
        if let Some((name, value)) = cookie.split_once('=') {
            let cookie = json!({ "name": name, "value": value, "url": site, "httpOnly": true });
            self.devtools("Network.setCookie", cookie);
        }
    }

    /// Shows the page at a URL.
    pub fn open_at(&self, url: &str) {
        self.ask("POST", "/url", json!({ "url": url }));
    }

    /// What the console has said since it was asked last, and is not only for information.
    pub fn complaints(&self) -> Vec<String> {
        let said = self.ask("POST", "/se/log", json!({ "type": "browser" }));
        let worse = |line: &&Value| ["SEVERE", "WARNING"].contains(&line["level"].as_str().unwrap());
        let lines = said.as_array().unwrap().iter().filter(worse);
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Presses and releases keys, one after the other, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let key = |kind: &str, key: char| json!({ "type": kind, "value": key });
        let strokes: Vec<Value> =
            keys.chars().flat_map(|one| [key("keyDown", one), key("keyUp", one)]).collect();
        let source = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.ask("POST", "/actions", json!({ "actions": [source] }));
    }

    /// The whole page as a picture, in PNG, as far as the browser pictures one.
    pub fn picture(&self) -> Vec<u8> {
        let size = self.devtools("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let height = size["height"].as_f64().unwrap().min(PICTURE_HEIGHT_MAX);
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
        let asked = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let taken = self.devtools("Page.captureScreenshot", asked);
        BASE64_STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }
}
