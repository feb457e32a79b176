//! What passes the proxy, and what does not.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// What a replica is sent of a request, and what comes back of its answer.
async fn exchange(request: &str, answer: &'static str) -> (String, String) {
    let replica = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backends = Backends {
        busy: Busy::default(),
        host_token: Digest::of("opens-the-host"),
        ready: Mutex::default(),
        turn: AtomicUsize::new(0),
    };
    backends.set(vec![replica.local_addr().unwrap().to_string()]);
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    let serving = tokio::spawn(accept(door, Protocol::Http, Arc::new(backends)));
    let answering = tokio::spawn(async move {
        let (mut stream, _) = replica.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            seen.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(seen).unwrap()
    });
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answered = String::new();
    client.read_to_string(&mut answered).await.unwrap();
    serving.abort();
    (answering.await.unwrap(), answered)
}

#[tokio::test]
async fn sessions_and_the_hosts_token_stay_outside() {
    let (seen, answered) = exchange(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer opens-the-host\r\n\
         Cookie: chandlery_session=secret; theme=dark\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: chandlery_session=planted\r\n\
         Set-Cookie: theme=light\r\n\r\nok",
    )
    .await;
    assert!(seen.contains("cookie: theme=dark\r\n"), "{seen}");
    assert!(!seen.contains("secret") && !seen.contains("opens-the-host"), "{seen}");
    assert!(answered.contains("set-cookie: theme=light\r\n") && answered.ends_with("ok"), "{answered}");
    assert!(!answered.contains("planted"), "{answered}");
}

#[tokio::test]
async fn an_upgrade_is_no_way_around() {
    let (seen, answered) = exchange(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Cookie: __Host-chandlery_session=secret\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Set-Cookie: __Host-chandlery_session=planted\r\n\r\nhello",
    )
    .await;
    assert!(seen.to_lowercase().contains("upgrade: websocket") && !seen.contains("secret"), "{seen}");
    assert!(answered.starts_with("HTTP/1.1 101") && answered.ends_with("hello"), "{answered}");
    assert!(!answered.contains("planted"), "{answered}");
}
