//! Where does a descriptor say that its vector is, and what is in those bytes?

use std::ops::Range;

use uuid::Uuid;

use crate::action::DeletionVectorDescriptor;
use crate::dv::portable;
use crate::dv::vector::DeletionVector;
use crate::dv::z85;
use crate::error::{Error, Result};
use crate::limits::MAX_DELETION_VECTOR_BYTES;
use crate::path::{DataLocation, DataPath};

/// `storageType` of a vector in the log.
pub(crate) const INLINE: &str = "i";
/// `storageType` of a vector in a file that a UUID names, below the table root.
pub(crate) const UUID_FILE: &str = "u";
/// `storageType` of a vector in a file that a path names.
const PATH_FILE: &str = "p";

/// Characters of a UUID in Z85.
const UUID_CHARS: usize = 20;
/// The one version of the file format.
pub(crate) const FILE_VERSION: u8 = 1;
/// The version, at the start of a file.
pub(crate) const VERSION_BYTES: usize = 1;
/// The size before a vector.
pub(crate) const SIZE_BYTES: usize = 4;
/// The CRC-32 after a vector.
pub(crate) const CHECKSUM_BYTES: usize = 4;

/// Where a vector is.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// It stood in the descriptor.
    Inline(DeletionVector),
    /// It stands in a file: fetch the slice, then decode it.
    InFile(FileSlice),
}

/// The bytes of a file that hold one vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSlice {
    /// The file.
    pub location: DataLocation,
    /// The bytes to fetch: with the vector's size and checksum, and the file's version where it stands right before.
    pub range: Range<u64>,
    /// Bytes of the vector itself, as the descriptor says.
    size: usize,
    /// Deleted rows, as the descriptor says.
    cardinality: u64,
}

/// Says where the vector of `descriptor` is, and decodes it when that is right there.
///
/// # Errors
///
/// Corrupt: the descriptor isn't one, or its inline vector is damaged. Exhausted: it is larger than
/// [`MAX_DELETION_VECTOR_BYTES`].
pub fn locate(descriptor: &DeletionVectorDescriptor) -> Result<Stored> {
    let size = usize::try_from(descriptor.size_in_bytes)
        .map_err(|_| malformed(descriptor, format!("its sizeInBytes is {}", descriptor.size_in_bytes)))?;
    let cardinality = u64::try_from(descriptor.cardinality)
        .map_err(|_| malformed(descriptor, format!("its cardinality is {}", descriptor.cardinality)))?;
    if size > MAX_DELETION_VECTOR_BYTES {
        return Err(Error::exhausted(format!(
            "a deletion vector of {size} bytes is larger than the limit of {MAX_DELETION_VECTOR_BYTES}"
        ))
        .path(&descriptor.path_or_inline_dv));
    }
    let location = match descriptor.storage_type.as_str() {
        INLINE => return decode_inline(descriptor, size, cardinality).map(Stored::Inline),
        UUID_FILE => DataLocation::Relative(uuid_file(descriptor)?),
        PATH_FILE => match DataLocation::decode(&descriptor.path_or_inline_dv)? {
            DataLocation::Relative(_) => {
                return Err(malformed(descriptor, "its storageType `p` asks for an absolute path".to_owned()));
            }
            absolute => absolute,
        },
        other => return Err(malformed(descriptor, format!("its storageType is `{other}`, not `u`, `p` or `i`"))),
    };
    // Absent counts as zero, where the version of the file stands: the first vector then follows it.
    let offset = u64::try_from(descriptor.offset.unwrap_or(0))
        .map_err(|_| malformed(descriptor, format!("its offset is {:?}", descriptor.offset)))?;
    let frame = offset.max(VERSION_BYTES as u64);
    let start = if frame == VERSION_BYTES as u64 { 0 } else { frame };
    let range = start..frame + (SIZE_BYTES + size + CHECKSUM_BYTES) as u64;
    Ok(Stored::InFile(FileSlice { location, range, size, cardinality }))
}

/// The path of a vector file of a table: `PREFIX/deletion_vector_UUID.bin`, without folder when the prefix is empty.
///
/// # Errors
///
/// Corrupt, when the prefix leads out of the table.
pub(crate) fn file_path(prefix: &str, uuid: Uuid) -> Result<DataPath> {
    let name = format!("deletion_vector_{}.bin", uuid.hyphenated());
    if prefix.is_empty() { DataPath::new(name) } else { DataPath::new(format!("{prefix}/{name}")) }
}

impl FileSlice {
    /// Decodes the bytes of [`FileSlice::range`].
    ///
    /// # Errors
    ///
    /// Corrupt, naming the file: there are fewer or more bytes than asked for, the checksum, the size or the number of
    /// deleted rows isn't the declared one, or the bitmap is damaged.
    pub fn decode(&self, bytes: &[u8]) -> Result<DeletionVector> {
        self.checked(bytes)
            .and_then(|vector| decode_vector(vector, self.cardinality))
            .map_err(|why| damaged(why).path(self.location.to_string()))
    }

    /// Decodes the vector from the whole file.
    ///
    /// # Errors
    ///
    /// As [`FileSlice::decode`], and when the file is shorter than the descriptor says.
    pub fn decode_from_file(&self, file: &[u8]) -> Result<DeletionVector> {
        let cut = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(file.len());
        self.decode(&file[cut(self.range.start)..cut(self.range.end)])
    }

    /// The vector's own bytes, after everything around them is checked.
    fn checked<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], Damage> {
        let expected = self.range.end - self.range.start;
        if bytes.len() as u64 != expected {
            return Err(Damage::Length { found: bytes.len(), expected });
        }
        let frame = if self.range.start == 0 {
            let (version, frame) = bytes.split_first().ok_or(Damage::Length { found: 0, expected })?;
            if *version != FILE_VERSION {
                return Err(Damage::FileVersion(*version));
            }
            frame
        } else {
            bytes
        };
        let length = || Damage::Length { found: bytes.len(), expected };
        let (size, rest) = frame.split_first_chunk::<SIZE_BYTES>().ok_or_else(length)?;
        let (vector, checksum) = rest.split_last_chunk::<CHECKSUM_BYTES>().ok_or_else(length)?;
        let size = u32::from_be_bytes(*size);
        if size as usize != vector.len() || vector.len() != self.size {
            return Err(Damage::Size { in_file: size, declared: self.size });
        }
        let (found, declared) = (crc32fast::hash(vector), u32::from_be_bytes(*checksum));
        if found != declared {
            return Err(Damage::Checksum { found, declared });
        }
        Ok(vector)
    }
}

/// Why stored bytes aren't the vector that the descriptor describes.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error("{found} bytes were read instead of {expected}")]
    Length { found: usize, expected: u64 },
    #[error("its file has format version {0}, not {FILE_VERSION}")]
    FileVersion(u8),
    #[error("its size is {in_file} bytes in its file and {declared} in the log")]
    Size { in_file: u32, declared: usize },
    #[error("its checksum is {declared:08x}, that of its bytes {found:08x}")]
    Checksum { found: u32, declared: u32 },
    #[error("{0}")]
    Z85(#[from] z85::Z85Error),
    #[error("{found} inline bytes can't be {declared} bytes and their padding")]
    InlineLength { found: usize, declared: usize },
    #[error("{0}")]
    Bitmap(#[from] portable::PortableError),
    #[error("it deletes {found} rows, the log says {declared}")]
    Cardinality { found: u64, declared: u64 },
}

fn damaged(why: Damage) -> Error {
    Error::corrupt(format!("a deletion vector can't be read: {why}"))
        .hint("without it the deleted rows can't be told from the others: restore the file, or an earlier version")
        .because(why)
}

fn malformed(descriptor: &DeletionVectorDescriptor, why: String) -> Error {
    Error::corrupt(format!("the descriptor of a deletion vector is malformed: {why}"))
        .path(&descriptor.path_or_inline_dv)
        .hint("restore an earlier version of the table, or write the file entry again")
}

fn decode_vector(bytes: &[u8], cardinality: u64) -> Result<DeletionVector, Damage> {
    let vector = DeletionVector::from_bitmap(portable::decode(bytes)?);
    match vector.cardinality() {
        found if found == cardinality => Ok(vector),
        found => Err(Damage::Cardinality { found, declared: cardinality }),
    }
}

fn decode_inline(descriptor: &DeletionVectorDescriptor, size: usize, cardinality: u64) -> Result<DeletionVector> {
    let text = &descriptor.path_or_inline_dv;
    if size == 0 && cardinality == 0 && text.is_empty() {
        // What Spark calls the empty vector.
        return Ok(DeletionVector::new());
    }
    // Before anything is decoded: the text isn't longer than its declared size asks for.
    if text.len() != size.div_ceil(4) * 5 {
        return Err(damaged(Damage::InlineLength { found: text.len() / 5 * 4, declared: size }));
    }
    let decode = || -> Result<DeletionVector, Damage> {
        let padded = z85::decode(text)?;
        let bytes = padded.get(..size).ok_or(Damage::InlineLength { found: padded.len(), declared: size })?;
        decode_vector(bytes, cardinality)
    };
    decode().map_err(damaged)
}

fn uuid_file(descriptor: &DeletionVectorDescriptor) -> Result<DataPath> {
    let text = &descriptor.path_or_inline_dv;
    let parts = text.len().checked_sub(UUID_CHARS).and_then(|at| text.split_at_checked(at));
    let Some((prefix, encoded)) = parts else {
        return Err(malformed(descriptor, format!("its UUID isn't {UUID_CHARS} characters")));
    };
    let bytes = z85::decode(encoded).map_err(|why| malformed(descriptor, format!("its UUID isn't one: {why}")))?;
    let uuid = Uuid::from_slice(&bytes).map_err(|why| malformed(descriptor, format!("its UUID isn't one: {why}")))?;
    file_path(prefix, uuid)
}
