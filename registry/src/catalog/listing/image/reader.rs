//! What the formats of images have in common: a size, bytes that are read in their order, and what may be wrong with them.

/// How large an image is, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Why an image is not taken for what it begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// Bytes are missing, or come after the last one.
    #[error("the file does not end where its image does: save it again with a program for images")]
    End,
    /// It is more than one picture.
    #[error("the image moves: send one that stands still")]
    Moves,
    /// Programs could read it differently.
    #[error("the image cannot be read, for {0}: save it again with a program for images")]
    Form(&'static str),
}

/// What of a file was not read yet.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// All of these bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether everything was read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next so many bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(Fault::End)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Fault::End)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Goes on to the first place where two bytes follow each other for which this holds.
    pub(super) fn seek(&mut self, found: impl Fn([u8; 2]) -> bool) -> Result<(), Fault> {
        let at = self.0.array_windows().position(|pair| found(*pair)).ok_or(Fault::End)?;
        self.take(at).map(drop)
    }

    /// Refuses what is left.
    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.is_empty() { Ok(()) } else { Err(Fault::End) }
    }
}
