//! How are many alike texts kept small?

use arrow::array::{Array, AsArray, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::concat;

use super::stats::CHUNK_ROWS;
use crate::error::{Error, Result};

const ZSTD_LEVEL: i32 = 1;

/// Texts in chunks of [`CHUNK_ROWS`], each compressed by itself.
#[derive(Debug, Default)]
pub(super) struct PackedTexts {
    chunks: Vec<Chunk>,
    /// Less than a chunk.
    waiting: Vec<StringArray>,
    waiting_rows: usize,
}

#[derive(Debug)]
struct Chunk {
    rows: usize,
    nulls: Option<NullBuffer>,
    /// Length of what is compressed: the texts' end offsets, then the texts.
    length: usize,
    bytes: Box<[u8]>,
}

impl PackedTexts {
    /// Packs more texts. They come in chunks that are full, or wait for more to fill one.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) where they can't be compressed.
    pub(super) fn push(&mut self, texts: &StringArray) -> Result<()> {
        let mut texts = texts.clone();
        while self.waiting_rows + texts.len() >= CHUNK_ROWS {
            let take = CHUNK_ROWS - self.waiting_rows;
            self.waiting.push(texts.slice(0, take));
            texts = texts.slice(take, texts.len() - take);
            self.close()?;
        }
        self.waiting_rows += texts.len();
        if !texts.is_empty() {
            self.waiting.push(texts);
        }
        Ok(())
    }

    /// Packs what waits for more.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub(super) fn finish(&mut self) -> Result<()> {
        if self.waiting_rows > 0 {
            self.close()?;
        }
        self.chunks.shrink_to_fit();
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_rows = 0;
        let chunk = match waiting.as_slice() {
            [only] => Chunk::new(only)?,
            many => {
                let many: Vec<&dyn Array> = many.iter().map(|texts| texts as &dyn Array).collect();
                let joined = concat(&many).map_err(|e| Error::bug("texts can't be put together").because(e))?;
                Chunk::new(joined.as_string_opt::<i32>().ok_or_else(|| Error::bug("texts aren't text"))?)?
            }
        };
        self.chunks.push(chunk);
        Ok(())
    }

    /// The texts of a chunk; none past the last.
    ///
    /// # Errors
    /// [`Bug`](crate::ErrorKind::Bug) where memory holds something else than was put there.
    pub(super) fn chunk(&self, chunk: usize) -> Result<StringArray> {
        self.chunks.get(chunk).map_or_else(|| Ok(StringArray::new_null(0)), Chunk::texts)
    }

    /// How many chunks there are.
    pub(super) fn num_chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Bytes of the texts.
    pub(super) fn text_bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.length).sum()
    }

    /// Bytes of memory held.
    pub(super) fn memory_size(&self) -> usize {
        let own = |chunk: &Chunk| chunk.bytes.len() + chunk.nulls.as_ref().map_or(0, |n| n.buffer().capacity());
        self.chunks.capacity() * size_of::<Chunk>() + self.chunks.iter().map(own).sum::<usize>()
    }
}

impl Chunk {
    fn new(texts: &StringArray) -> Result<Chunk> {
        let offsets = texts.value_offsets();
        let (first, last) = (offsets.first().copied().unwrap_or(0), offsets.last().copied().unwrap_or(0));
        let text = usize::try_from(first).ok().zip(usize::try_from(last).ok());
        let text = text.and_then(|(first, last)| texts.value_data().get(first..last)).unwrap_or_default();
        let mut raw = Vec::with_capacity(texts.len() * 4 + text.len());
        // As lengths: they repeat, ends don't.
        offsets.windows(2).for_each(|pair| raw.extend_from_slice(&(pair[1] - pair[0]).to_le_bytes()));
        raw.extend_from_slice(text);
        let bytes = zstd::bulk::compress(&raw, ZSTD_LEVEL).map_err(uncompressed)?.into_boxed_slice();
        // A slice of a longer bitmap would keep all of it.
        let nulls = texts.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| nulls.iter().collect());
        Ok(Chunk { rows: texts.len(), nulls, length: raw.len(), bytes })
    }

    fn texts(&self) -> Result<StringArray> {
        let damaged = || Error::bug("packed statistics can't be unpacked");
        let raw = zstd::bulk::decompress(&self.bytes, self.length).map_err(|e| damaged().because(e))?;
        let buffer = Buffer::from_vec(raw);
        let lengths = buffer.as_slice().get(..self.rows * 4).ok_or_else(damaged)?.chunks_exact(4);
        let mut end = 0_i32;
        let mut offsets = Vec::with_capacity(self.rows + 1);
        offsets.push(0);
        for length in lengths {
            let length: [u8; 4] = length.try_into().map_err(|_| damaged())?;
            end = end.checked_add(i32::from_le_bytes(length)).ok_or_else(damaged)?;
            offsets.push(end);
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        StringArray::try_new(offsets, buffer.slice(self.rows * 4), self.nulls.clone()).map_err(|e| damaged().because(e))
    }
}

fn uncompressed(e: std::io::Error) -> Error {
    Error::bug("statistics can't be compressed").because(e)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packed_texts_come_back(
            texts in proptest::collection::vec(proptest::option::of("[a-zé{}]{0,9}"), 0..5_000),
            from in 0_usize..100,
        ) {
            let texts: StringArray = texts.into_iter().collect();
            let texts = texts.slice(from.min(texts.len()), texts.len() - from.min(texts.len()));
            prop_assume!(!texts.is_empty());
            let mut packed = PackedTexts::default();
            let first = texts.len() / 3;
            packed.push(&texts.slice(0, first)).unwrap();
            packed.push(&texts.slice(first, texts.len() - first)).unwrap();
            packed.finish().unwrap();
            for chunk in 0..packed.num_chunks() {
                let from = chunk * CHUNK_ROWS;
                let expected = texts.slice(from, CHUNK_ROWS.min(texts.len() - from));
                prop_assert_eq!(packed.chunk(chunk).unwrap(), expected);
            }
            prop_assert_eq!(packed.num_chunks(), texts.len().div_ceil(CHUNK_ROWS));
            prop_assert!(packed.chunk(5).unwrap().is_empty());
        }
    }
}
