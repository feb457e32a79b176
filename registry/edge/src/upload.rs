//! Forms with a file, as browsers send them. Whatever is no file in them is small and comes soon: more is not even read.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use futures::Stream;
use tokio::time::{Instant, timeout_at};

use crate::{Error, NO_TEXT};

/// What a form may have before a file, after it, or where no file comes, in bytes: its other fields, and what parts them.
pub const FIELDS_BYTES_MAX: usize = 64 << 10;
/// The longest text of a field, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 10;
/// How long all that is no file may take, and each piece of a file.
const PATIENCE: Duration = Duration::from_secs(60);

/// A form with a file. It is read part by part, in the order in which its parts are sent.
pub struct Upload {
    parts: Multipart,
    allowed: Arc<AtomicUsize>,
    until: Instant,
}

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let allowed = Arc::new(AtomicUsize::new(FIELDS_BYTES_MAX));
        let request = request.map(|body| {
            let (body, allowed) = (body.into_data_stream(), Arc::clone(&allowed));
            Body::from_stream(Arriving { body, held: Bytes::new(), allowed })
        });
        let parts = Multipart::from_request(request, state).await;
        let parts = parts.map_err(|refused| Error::Invalid(refused.body_text()))?;
        Ok(Self { parts, allowed, until: Instant::now() + PATIENCE })
    }
}

impl Upload {
    /// The next part; what is left of the one before is passed over.
    pub async fn next(&mut self) -> Result<Option<Part<'_>>, Error> {
        let field = arrives(&self.allowed, self.until, self.parts.next_field()).await?;
        Ok(field.map(|field| Part { field, allowed: &self.allowed, until: &mut self.until }))
    }
}

/// A part of a form.
pub struct Part<'a> {
    field: Field<'a>,
    allowed: &'a AtomicUsize,
    until: &'a mut Instant,
}

impl<'a> Part<'a> {
    /// Of which field it is.
    pub fn name(&self) -> Option<&str> {
        self.field.name()
    }

    /// Its text, of at most 1 KiB and without U+0000.
    pub async fn text(mut self) -> Result<String, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = arrives(self.allowed, *self.until, self.field.chunk()).await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > TEXT_BYTES_MAX {
                return Err(Error::Invalid(format!(
                    "a field of the form has more than {TEXT_BYTES_MAX} bytes"
                )));
            }
        }
        match String::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Err(Error::Invalid(NO_TEXT.into())),
            Ok(text) => Ok(text),
            Err(_) => Err(Error::Invalid("a field of the form is no text in UTF-8".into())),
        }
    }

    /// The file that it is, of at most so many bytes.
    pub fn file(self, bytes_max: u64) -> File<'a> {
        File { part: self, bytes: 0, bytes_max }
    }
}

/// A file as it arrives. One that is too large is read to its end nevertheless, as far as any form may have so much: whoever sends it reads
/// the answer then.
pub struct File<'a> {
    part: Part<'a>,
    bytes: u64,
    bytes_max: u64,
}

impl File<'_> {
    /// What its sender calls it.
    pub fn name(&self) -> Option<&str> {
        self.part.field.file_name()
    }

    /// The next piece; none: it has ended.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(piece) = self.arriving().await? {
            self.bytes += piece.len() as u64;
            if self.bytes <= self.bytes_max {
                return Ok(Some(piece));
            }
        }
        match self.bytes <= self.bytes_max {
            true => Ok(None),
            false => Err(self.too_large()),
        }
    }

    /// All of it, in memory.
    pub async fn whole(mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    async fn arriving(&mut self) -> Result<Option<Bytes>, Error> {
        let Part { field, allowed, until } = &mut self.part;
        allowed.store(FIELDS_BYTES_MAX, Ordering::Relaxed);
        **until = Instant::now() + PATIENCE;
        match arrives(allowed, **until, field.chunk()).await {
            Err(Stopped::Broken(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(self.too_large())
            }
            piece => Ok(piece?),
        }
    }

    fn too_large(&self) -> Error {
        Error::TooLarge { what: "a file".into(), bytes_max: self.bytes_max }
    }
}

/// Why a form is read no further.
enum Stopped {
    /// All was read that it may have beside a file.
    Spent,
    /// It takes too long.
    Late,
    Broken(MultipartError),
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        Self::Invalid(match stopped {
            Stopped::Spent => {
                format!("the form has more than {} KiB beside its file", FIELDS_BYTES_MAX >> 10)
            }
            Stopped::Late => format!(
                "the next piece of the form took longer than {} seconds: send it again",
                PATIENCE.as_secs()
            ),
            Stopped::Broken(error) => error.body_text(),
        })
    }
}

/// What is read of a form, as long as as much may arrive as that takes.
async fn arrives<T>(
    allowed: &AtomicUsize,
    until: Instant,
    read: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T, Stopped> {
    let mut read = pin!(read);
    let arriving = poll_fn(|context| match read.as_mut().poll(context) {
        Poll::Pending if allowed.load(Ordering::Relaxed) == 0 => Poll::Ready(Err(Stopped::Spent)),
        polled => polled.map_err(Stopped::Broken),
    });
    timeout_at(until, arriving).await.unwrap_or(Err(Stopped::Late))
}

/// The body of a form, of which no more is given than is allowed. The parser searches all that it has at each read, and reads on by itself
/// where a part does not end.
struct Arriving {
    body: BodyDataStream,
    /// What has arrived and is not allowed yet.
    held: Bytes,
    allowed: Arc<AtomicUsize>,
}

impl Stream for Arriving {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let allowed = self.allowed.load(Ordering::Relaxed);
        if allowed == 0 {
            // Nobody is to be woken: whoever reads is told by `arrives`, and asks again after more was allowed.
            return Poll::Pending;
        }
        let mut piece = std::mem::take(&mut self.held);
        if piece.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(arrived)) => piece = arrived,
                ended => return Poll::Ready(ended),
            }
        }
        if piece.len() > allowed {
            self.held = piece.split_off(allowed);
        }
        self.allowed.store(allowed - piece.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::iter::repeat_n;

    use axum::http::header;
    use futures::StreamExt as _;
    use futures::stream::iter;

    use super::*;

    const PART: &str = "--B\r\ncontent-disposition: form-data; name=";
    const PIECE: &[u8] = &[b'x'; 1 << 10];
    const FILE_BYTES_MAX: u64 = 1 << 20;

    async fn form(body: Body) -> Upload {
        let request = Request::post("/").header(header::CONTENT_TYPE, "multipart/form-data; boundary=B");
        Upload::from_request(request.body(body).unwrap(), &()).await.unwrap()
    }

    /// One that begins so, goes on in pieces of so many KiB, and ends so; and how many of these bytes were read.
    async fn sent(begin: &str, kib: usize, end: &str) -> (Upload, Arc<AtomicUsize>) {
        let (begin, end) = (Bytes::from(begin.to_owned()), Bytes::from(end.to_owned()));
        let pieces = [begin].into_iter().chain(repeat_n(Bytes::from_static(PIECE), kib)).chain([end]);
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let body = iter(pieces).inspect(move |piece| _ = counted.fetch_add(piece.len(), Ordering::Relaxed));
        (form(Body::from_stream(body.map(Ok::<_, Infallible>))).await, read)
    }

    /// Reads one with a text and a file as handlers do.
    async fn read(form: &mut Upload) -> Result<(String, Vec<u8>), Error> {
        let (mut text, mut file) = (String::new(), Vec::new());
        while let Some(part) = form.next().await? {
            match part.name() {
                Some("text") => text = part.text().await?,
                Some("file") => file = part.file(FILE_BYTES_MAX).whole().await?,
                _ => {}
            }
        }
        Ok((text, file))
    }

    #[tokio::test]
    async fn beside_its_file_a_form_is_small() {
        let file = format!("{PART}\"file\"; filename=\"f\"\r\n\r\nbytes\r\n");
        for (what, begin, says) in [
            ("what comes first", String::new(), "64 KiB beside"),
            ("what has no end", format!("{PART}\""), "64 KiB beside"),
            ("a text", format!("{PART}\"text\"\r\n\r\n"), "more than 1024 bytes"),
            ("what nobody asked for", format!("{PART}\"other\"; filename=\"f\"\r\n\r\n"), "64 KiB beside"),
            ("what comes last", format!("{file}{PART}\"other\"\r\n\r\n"), "64 KiB beside"),
        ] {
            let (mut form, read_bytes) = sent(&begin, 1 << 10, "\r\n--B--\r\n").await;
            let refused = read(&mut form).await.unwrap_err().to_string();
            assert!(refused.contains(says), "{what}: {refused}");
            let read_bytes = read_bytes.load(Ordering::Relaxed);
            assert!(read_bytes <= 4 * FIELDS_BYTES_MAX, "{what}: {read_bytes} bytes were read");
        }
        let (mut form, _) = sent(&format!("{PART}\"other\"\r\n\r\n\r\n").repeat(2_000), 0, "").await;
        assert!(read(&mut form).await.unwrap_err().to_string().contains("64 KiB beside"));
    }

    #[tokio::test]
    async fn a_file_is_read_between_fields_and_to_its_end_where_it_is_too_large() {
        let begin = format!("{PART}\"other\"\r\n\r\n{}\r\n{PART}\"file\"\r\n\r\n", "y".repeat(60 << 10));
        let end = format!(
            "\r\n{PART}\"other\"\r\n\r\n{}\r\n{PART}\"text\"\r\n\r\né\r\n--B--\r\n",
            "z".repeat(60 << 10)
        );
        let (mut form, _) = sent(&begin, 1 << 10, &end).await;
        let (text, file) = read(&mut form).await.unwrap();
        assert_eq!((text.as_str(), file == PIECE.repeat(1 << 10)), ("é", true));

        let (mut form, read_bytes) = sent(&begin, (1 << 10) + 1, &end).await;
        let refused = read(&mut form).await.unwrap_err();
        assert!(matches!(refused, Error::TooLarge { bytes_max: FILE_BYTES_MAX, .. }), "{refused}");
        assert!(read_bytes.load(Ordering::Relaxed) > (1 << 20) + (61 << 10));
        // As large as no form may be here, it is refused as soon as that shows.
        let (mut form, _) = sent(&begin, 3 << 10, &end).await;
        let refused = read(&mut form).await.unwrap_err();
        assert!(matches!(refused, Error::TooLarge { bytes_max: FILE_BYTES_MAX, .. }), "{refused}");
    }

    #[tokio::test]
    async fn texts_are_texts() {
        for text in ["a\0b".as_bytes(), b"\xff"] {
            let body = [PART.as_bytes(), b"\"text\"\r\n\r\n", text, b"\r\n--B--\r\n"].concat();
            assert!(matches!(read(&mut form(Body::from(body)).await).await, Err(Error::Invalid(_))));
        }
        let unknown = Upload::from_request(Request::post("/").body(Body::empty()).unwrap(), &()).await;
        assert!(matches!(unknown, Err(Error::Invalid(_))));
    }

    #[tokio::test]
    async fn a_form_that_does_not_go_on_ends() {
        for begin in [
            format!("{PART}\""),
            format!("{PART}\"text\"\r\n\r\n"),
            format!("{PART}\"text\"\r\n\r\nx\r\n--B"),
        ] {
            let begin = iter([Ok::<_, Infallible>(Bytes::from(begin))]);
            let mut form = form(Body::from_stream(begin.chain(futures::stream::pending()))).await;
            form.until = Instant::now();
            let refused = read(&mut form).await.unwrap_err().to_string();
            assert!(refused.contains("took longer than 60 seconds"), "{refused}");
        }
    }
}
