//! What pages take and weigh.

use std::time::{Duration, Instant};

use reqwest::Client;
use reqwest::header::COOKIE;

use crate::stage::{Server, ok};

const ROUNDS: usize = 300;

/// What pages of one server take.
pub struct Watch<'a> {
    http: &'a Client,
    server: &'a Server,
    kind: &'a str,
    cookie: &'a str,
    /// The median of a file of the same server, in milliseconds.
    floor: f64,
}

impl<'a> Watch<'a> {
    pub async fn new(http: &'a Client, server: &'a Server, kind: &'a str, cookie: &'a str) -> Self {
        let mut watch = Self { http, server, kind, cookie, floor: f64::NAN };
        let (times, _) = watch.times(|_| "/style.css".to_owned(), "--page").await;
        watch.floor = times[ROUNDS / 2];
        watch
    }

    pub async fn get(&self, path: &str, round: usize) -> String {
        let request = self.http.get(format!("{}{path}", self.server.base)).header(COOKIE, self.cookie);
        let visitor = format!("203.0.{}.{}", round / 250, round % 250);
        ok(request.header("accept", "text/html").header("x-forwarded-for", visitor))
            .await
            .text()
            .await
            .unwrap()
    }

    /// How long each of many answers took, in milliseconds and in order, and the last of them.
    pub async fn times(&self, path: impl Fn(usize) -> String, shows: &str) -> (Vec<f64>, String) {
        let (mut times, mut last) = (Vec::new(), String::new());
        // The first ones fill what is remembered.
        for round in 0..ROUNDS + 5 {
            let path = path(round);
            let begun = Instant::now();
            last = self.get(&path, round).await;
            if round >= 5 {
                times.push(begun.elapsed().as_secs_f64() * 1000.0);
            }
            assert!(last.contains(shows), "{path} lacks '{shows}': {last}");
        }
        times.sort_by(f64::total_cmp);
        (times, last)
    }

    /// What a first visit loads, in KiB, and how many style sheets are among it.
    pub async fn weight(&self, page: &str) -> (usize, usize) {
        let styles = page.matches("rel=\"stylesheet\"").count();
        let mut bytes = page.len();
        for begin in ["rel=\"stylesheet\" href=\"", "src=\""] {
            for rest in page.split(begin).skip(1) {
                let path = rest.split('"').next().unwrap();
                if path.starts_with('/') {
                    bytes += self.get(path, 0).await.len();
                }
            }
        }
        (bytes / 1024, styles)
    }

    pub async fn page(&self, path: &str, shows: &str) {
        let (times, page) = self.times(|_| path.to_owned(), shows).await;
        let (weight, styles) = self.weight(&page).await;
        assert_eq!(styles, 1, "{path} has {styles} style sheets");
        self.row(path, &times, &format!("{weight} KiB (< 150)"), 50);
    }

    pub fn row(&self, what: &str, times: &[f64], weight: &str, aim: u32) {
        let (median, late) = (times[ROUNDS / 2], times[ROUNDS * 99 / 100]);
        println!(
            "| {} | {what} | {median:.1} ms | {late:.1} ms (< {aim}) | {:.1} ms | × {:.1} | {weight} |",
            self.kind,
            self.floor,
            median / self.floor
        );
    }

    /// A plan for each visitor's own choice, which nobody has asked for before.
    pub async fn live_plan(&self) {
        let path = |round: usize| {
            format!("/plugins/acme/ocr-server?engine=local&set.port={}&fragment=plan", 9000 + round)
        };
        let begun = Instant::now();
        // The first plan of a component waits until it is compiled.
        while !self.get(&path(ROUNDS * 2), ROUNDS * 2).await.contains("It fits") {
            assert!(begun.elapsed() < Duration::from_secs(120), "there is no plan");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let (times, last) = self.times(path, "It fits").await;
        self.row("a live plan", &times, &format!("{} KiB", last.len() / 1024), 20);
    }
}
