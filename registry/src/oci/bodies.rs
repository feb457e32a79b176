//! The bodies of pushes: as they arrive, within a bound and without long pauses; or whole, as long as there is room in memory.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::Error;
use super::http::drain;

/// Up to this size a body is held in memory, in bytes.
const WHOLE_BYTES_MAX: u64 = 8 << 20;
/// What all bodies together may have that are held in memory, in KiB.
const ROOM_KIB: usize = 128 << 10;
/// How long a client may send nothing.
const PATIENCE: Duration = Duration::from_secs(60);

static ROOM: Semaphore = Semaphore::const_new(ROOM_KIB);

/// A body as it arrives.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, Error>>;

/// How long a body is, where its sender says.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Room in memory for the whole body of a request, as long as it is kept; none: it is large, of unknown length, or others have the room.
pub(super) fn room(headers: &HeaderMap) -> Option<SemaphorePermit<'static>> {
    room_in(&ROOM, headers)
}

fn room_in<'a>(all: &'a Semaphore, headers: &HeaderMap) -> Option<SemaphorePermit<'a>> {
    let bytes = length(headers).filter(|bytes| *bytes <= WHOLE_BYTES_MAX)?;
    all.try_acquire_many(u32::try_from(bytes.div_ceil(1024)).ok()?).ok()
}

/// A body in pieces. One that has more than so many bytes, or says so, is refused.
pub(super) async fn pieces(
    request: Request,
    bytes_max: u64,
    refuse: impl Fn() -> Error + Send + 'static,
) -> Result<Pieces, Error> {
    if length(request.headers()).is_some_and(|bytes| bytes > bytes_max) {
        drain(request.into_body()).await;
        return Err(refuse());
    }
    let mut arrived = 0;
    let bounded = patient(request.into_body()).and_then(move |piece| {
        arrived += piece.len() as u64;
        std::future::ready(if arrived <= bytes_max { Ok(piece) } else { Err(refuse()) })
    });
    Ok(bounded.boxed())
}

fn patient(body: Body) -> impl Stream<Item = Result<Bytes, Error>> {
    futures::stream::unfold(body.into_data_stream(), |mut stream| async {
        let piece = match tokio::time::timeout(PATIENCE, stream.next()).await {
            Ok(Some(Ok(piece))) => Ok(piece),
            Ok(Some(Err(error))) => Err(Error::invalid(format!("the body broke off: {error}"))),
            Ok(None) => return None,
            Err(_) => Err(Error::invalid(format!("nothing arrived for {} seconds", PATIENCE.as_secs()))),
        };
        Some((piece, stream))
    })
}

/// The whole of a body, which is expected to have so many bytes.
pub(super) async fn whole(mut pieces: Pieces, expected: u64) -> Result<Bytes, Error> {
    let expected = expected.min(WHOLE_BYTES_MAX);
    let Some(first) = pieces.try_next().await? else { return Ok(Bytes::new()) };
    if first.len() as u64 == expected && !first.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(expected as usize);
    whole.extend_from_slice(&first);
    while let Some(piece) = pieces.try_next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_held_in_memory_while_there_is_room() {
        let all = Semaphore::new(ROOM_KIB);
        let room = |headers: &HeaderMap| room_in(&all, headers);
        let of = |length: &str| -> HeaderMap {
            HeaderMap::from_iter([(header::CONTENT_LENGTH, length.parse().unwrap())])
        };
        let large = (WHOLE_BYTES_MAX + 1).to_string();
        for streamed in [HeaderMap::new(), of("many"), of(&large)] {
            assert!(room(&streamed).is_none(), "{streamed:?}");
        }
        let most = of(&WHOLE_BYTES_MAX.to_string());
        let held: Vec<_> = (0..100).map_while(|_| room(&most)).collect();
        assert_eq!(held.len(), (ROOM_KIB << 10) / WHOLE_BYTES_MAX as usize);
        assert!(room(&of("0")).is_some() && room(&of("1")).is_none());
        drop(held);
        assert!(room(&most).is_some());
    }

    #[tokio::test]
    async fn a_body_is_bounded_by_what_arrives_and_by_what_it_says() {
        let refuse = || Error::too_large("a blob", 3);
        let request = |body: &'static str, length: Option<&str>| {
            let mut request = Request::new(Body::from(body));
            if let Some(length) = length {
                request.headers_mut().insert(header::CONTENT_LENGTH, length.parse().unwrap());
            }
            request
        };
        let fits = pieces(request("abc", Some("3")), 3, refuse).await.unwrap();
        assert_eq!(whole(fits, 3).await.unwrap(), "abc");
        assert!(pieces(request("abc", Some("4")), 3, refuse).await.is_err());
        let too_long = pieces(request("abcd", None), 3, refuse).await.unwrap();
        assert!(whole(too_long, 0).await.is_err());
    }
}
