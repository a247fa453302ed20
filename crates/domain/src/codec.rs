//! Bytes of snapshots: big-endian, length-prefixed, read with every step checked. A snapshot that does not
//! read is refused as a whole and the one before it is used; nothing is guessed.

/// Writes the fields of a snapshot one after another.
#[derive(Default)]
pub struct Writer(Vec<u8>);

macro_rules! number {
    ($put:ident, $take:ident, $kind:ty) => {
        impl Writer {
            #[doc = concat!("Appends a `", stringify!($kind), "`.")]
            pub fn $put(&mut self, value: $kind) -> &mut Self {
                self.0.extend_from_slice(&value.to_be_bytes());
                self
            }
        }

        impl Reader<'_> {
            #[doc = concat!("Reads a `", stringify!($kind), "`.")]
            pub fn $take(&mut self) -> Result<$kind, CodecError> {
                let mut bytes = [0; size_of::<$kind>()];
                bytes.copy_from_slice(self.take(size_of::<$kind>())?);
                Ok(<$kind>::from_be_bytes(bytes))
            }
        }
    };
}

number!(u8, u8, u8);
number!(u16, u16, u16);
number!(u32, u32, u32);
number!(u64, u64, u64);
number!(i64, i64, i64);

impl Writer {
    /// An empty page that begins with its format version.
    pub fn versioned(version: u16) -> Self {
        let mut writer = Self::default();
        writer.u16(version);
        writer
    }

    /// Appends raw bytes of a known length.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends bytes with their length before them.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(bytes.len() as u32).raw(bytes)
    }

    /// Appends a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Appends how many there are, then each.
    pub fn list<T>(
        &mut self,
        items: impl ExactSizeIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.u32(items.len() as u32);
        items.for_each(|item| each(self, item));
        self
    }

    /// Appends whether there is one, then it.
    pub fn option<T>(&mut self, item: Option<T>, each: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.u8(u8::from(item.is_some()));
        if let Some(item) = item {
            each(self, item);
        }
        self
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Bytes that are not the snapshot they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("the bytes end too early")]
    Short,
    #[error("{0} bytes are left over")]
    Leftover(usize),
    #[error("format version {0} is not known")]
    Version(u16),
    #[error("{0} is not what it should be")]
    Value(&'static str),
}

/// Reads what a [`Writer`] wrote.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader behind the format version, which must be `version`.
    pub fn versioned(bytes: &'a [u8], version: u16) -> Result<Self, CodecError> {
        let mut reader = Self(bytes);
        match reader.u16()? {
            found if found == version => Ok(reader),
            found => Err(CodecError::Version(found)),
        }
    }

    /// Reads `length` raw bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CodecError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Reads exactly 16 raw bytes.
    pub fn id(&mut self) -> Result<[u8; 16], CodecError> {
        self.take(16)?.try_into().map_err(|_| CodecError::Short)
    }

    /// Reads length-prefixed bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    /// Reads a text.
    pub fn text(&mut self) -> Result<String, CodecError> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| CodecError::Value("text"))
    }

    /// Reads a list. The count is not trusted for allocation: each item takes at least one byte.
    pub fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Result<T, CodecError>) -> Result<Vec<T>, CodecError> {
        let count = self.u32()? as usize;
        if count > self.0.len() {
            return Err(CodecError::Short);
        }
        (0..count).map(|_| each(self)).collect()
    }

    /// Reads one that may be absent.
    pub fn option<T>(
        &mut self,
        each: impl FnOnce(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Option<T>, CodecError> {
        match self.u8()? {
            0 => Ok(None),
            1 => each(self).map(Some),
            _ => Err(CodecError::Value("presence")),
        }
    }

    /// Everything must have been read.
    pub fn end(self) -> Result<(), CodecError> {
        if self.0.is_empty() { Ok(()) } else { Err(CodecError::Leftover(self.0.len())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_was_written() {
        let mut writer = Writer::versioned(3);
        writer.u8(1).u32(2).i64(-3).text("vier").list([5u16, 6].iter(), |w, n| {
            w.u16(*n);
        });
        writer.option(Some(7u64), |w, n| {
            w.u64(n);
        });
        let bytes = writer.finish();
        let mut reader = Reader::versioned(&bytes, 3).unwrap();
        assert_eq!((reader.u8(), reader.u32(), reader.i64()), (Ok(1), Ok(2), Ok(-3)));
        assert_eq!(reader.text().unwrap(), "vier");
        assert_eq!(reader.list(Reader::u16), Ok(vec![5, 6]));
        assert_eq!(reader.option(Reader::u64), Ok(Some(7)));
        reader.end().unwrap();
    }

    #[test]
    fn every_cut_is_refused() {
        let mut writer = Writer::versioned(1);
        writer.text("text").list([1u8].iter(), |w, n| {
            w.u8(*n);
        });
        let bytes = writer.finish();
        for cut in 0..bytes.len() {
            let read = Reader::versioned(&bytes[..cut], 1).and_then(|mut r| {
                r.text()?;
                r.list(Reader::u8)
            });
            assert!(read.is_err(), "cut at {cut}");
        }
    }
}
