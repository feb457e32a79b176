//! Whoever is between a registry and those who ask it: hands on what they ask, and answers as an attack has it.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::IntoResponse as _;
use tokio::runtime::Runtime;

use crate::receiver::{Received, Receiver};

/// What of an answer's head is handed on as it came: what browsers make their minds up by.
const TOLD: [HeaderName; 2] = [header::CONTENT_TYPE, header::CONTENT_SECURITY_POLICY];

/// What a registry answers.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// What becomes of an answer, by the path that was asked for.
type Attack = dyn Fn(&str, Answer) -> Answer + Send + Sync;

/// A mirror of a registry, honest until an attack is played.
pub struct Mirror {
    pub server: Receiver,
    attack: Arc<Mutex<Arc<Attack>>>,
}

impl Mirror {
    pub fn of(registry: &str) -> Self {
        let honest: Arc<Attack> = Arc::new(|_: &str, answer: Answer| answer);
        let attack = Arc::new(Mutex::new(honest));
        let (registry, played) = (registry.to_owned(), Arc::clone(&attack));
        let server = Receiver::answering(move |request| {
            let attack = Arc::clone(&*played.lock().unwrap());
            let (told, answer) = hand_on(&registry, request);
            let Answer { status, body } = attack(&request.path, answer);
            (StatusCode::from_u16(status).unwrap(), told, body).into_response()
        });
        Self { server, attack }
    }

    pub fn play(&self, attack: impl Fn(&str, Answer) -> Answer + Send + Sync + 'static) {
        *self.attack.lock().unwrap() = Arc::new(attack);
    }

    pub fn be_honest(&self) {
        self.play(|_, answer| answer);
    }

    /// Answers with these bytes wherever a path has this end.
    pub fn serve(&self, end: &'static str, with: Vec<u8>) {
        self.play(move |path, answer| match path.ends_with(end) {
            true => Answer { status: 200, body: with.clone() },
            false => answer,
        });
    }
}

fn hand_on(registry: &str, request: &Received) -> (HeaderMap, Answer) {
    let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    let url = format!("http://{registry}{}", request.path);
    let mut asked = client.request(request.method.parse().unwrap(), url).body(request.body.clone());
    for name in ["authorization", "accept", "content-type"] {
        if !request.header(name).is_empty() {
            asked = asked.header(name, request.header(name));
        }
    }
    let asking = std::thread::spawn(move || {
        Runtime::new().unwrap().block_on(async {
            let answer = asked.send().await.unwrap();
            let told =
                TOLD.into_iter().filter_map(|name| Some((name.clone(), answer.headers().get(name)?.clone())));
            let (told, status) = (told.collect(), answer.status().as_u16());
            (told, Answer { status, body: answer.bytes().await.unwrap().to_vec() })
        })
    });
    asking.join().unwrap()
}
