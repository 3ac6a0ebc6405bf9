//! How are many vectors packed into one file, or one into the log?

use uuid::Uuid;

use crate::action::DeletionVectorDescriptor;
use crate::dv::portable;
use crate::dv::stored::{CHECKSUM_BYTES, FILE_VERSION, INLINE, SIZE_BYTES, UUID_FILE, file_path};
use crate::dv::vector::DeletionVector;
use crate::dv::z85;
use crate::error::{Error, Result};
use crate::limits::MAX_DELETION_VECTOR_BYTES;
use crate::path::DataPath;

/// A file of deletion vectors under construction, in memory.
///
/// One serves a whole operation; a vector of a data file takes tens of bytes to a few kilobytes. Offsets are 31 bits in
/// the log: start another when [`len`](DeletionVectorFile::len) nears that, better at a few megabytes.
#[derive(Debug)]
pub struct DeletionVectorFile {
    prefix: String,
    uuid: Uuid,
    path: DataPath,
    bytes: Vec<u8>,
}

impl DeletionVectorFile {
    /// A file in the table's root folder, `deletion_vector_UUID.bin`. The UUID has to be a fresh one.
    ///
    /// # Errors
    ///
    /// None in practice: the name lies in the table.
    pub fn new(uuid: Uuid) -> Result<DeletionVectorFile> {
        DeletionVectorFile::under(String::new(), uuid)
    }

    /// A file in the folder `prefix` below the table's root, as random prefixes want it.
    ///
    /// # Errors
    ///
    /// Corrupt, when `prefix` leads out of the table.
    pub fn under(prefix: String, uuid: Uuid) -> Result<DeletionVectorFile> {
        let path = file_path(&prefix, uuid)?;
        Ok(DeletionVectorFile { prefix, uuid, path, bytes: vec![FILE_VERSION] })
    }

    /// Appends a vector. The descriptor is what its `add` carries.
    ///
    /// # Errors
    ///
    /// Invalid: the vector deletes nothing (such a file has no vector), or a row beyond 2^63. Exhausted: the vector is
    /// larger than [`MAX_DELETION_VECTOR_BYTES`], or the file would outgrow 31-bit offsets. The file stays as it was.
    pub fn push(&mut self, vector: &DeletionVector) -> Result<DeletionVectorDescriptor> {
        let serialised = serialise(vector)?;
        let full = |_| Error::exhausted("a deletion vector file can't outgrow 2 GiB").path(self.path.as_str());
        let offset = i32::try_from(self.bytes.len()).map_err(full)?;
        i32::try_from(self.bytes.len() + SIZE_BYTES + serialised.bytes.len() + CHECKSUM_BYTES).map_err(full)?;
        self.bytes.extend_from_slice(&serialised.size_in_bytes.to_be_bytes());
        self.bytes.extend_from_slice(&serialised.bytes);
        self.bytes.extend_from_slice(&crc32fast::hash(&serialised.bytes).to_be_bytes());
        Ok(DeletionVectorDescriptor {
            storage_type: UUID_FILE.to_owned(),
            path_or_inline_dv: format!("{}{}", self.prefix, z85::encode(self.uuid.as_bytes())),
            offset: Some(offset),
            size_in_bytes: serialised.size_in_bytes,
            cardinality: serialised.cardinality,
        })
    }

    /// The file's path in the table.
    #[must_use]
    pub fn path(&self) -> &DataPath {
        &self.path
    }

    /// The file's size so far, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no vector is in it: then it isn't worth writing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() <= 1
    }

    /// The file's bytes. It has to be stored before a commit names one of its vectors.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The descriptor that holds `vector` itself: for a few rows, where a file would cost a request.
///
/// # Errors
///
/// As [`DeletionVectorFile::push`].
pub fn inline(vector: &DeletionVector) -> Result<DeletionVectorDescriptor> {
    let serialised = serialise(vector)?;
    Ok(DeletionVectorDescriptor {
        storage_type: INLINE.to_owned(),
        path_or_inline_dv: z85::encode(&serialised.bytes),
        offset: None,
        size_in_bytes: serialised.size_in_bytes,
        cardinality: serialised.cardinality,
    })
}

struct Serialised {
    bytes: Vec<u8>,
    size_in_bytes: i32,
    cardinality: i64,
}

fn serialise(vector: &DeletionVector) -> Result<Serialised> {
    match vector.last() {
        None => return Err(Error::invalid("a deletion vector that deletes nothing isn't written")),
        Some(last) if last > portable::MAX_POSITION => {
            return Err(Error::invalid(format!("a deletion vector can't delete row {last}")));
        }
        Some(_) => {}
    }
    let bytes =
        portable::encode(vector.bitmap()).map_err(|e| Error::bug("serialising a deletion vector failed").because(e))?;
    let size_in_bytes = i32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MAX_DELETION_VECTOR_BYTES);
    let size_in_bytes = size_in_bytes.ok_or_else(|| {
        Error::exhausted(format!(
            "a deletion vector takes {} bytes, more than the limit of {MAX_DELETION_VECTOR_BYTES}",
            bytes.len()
        ))
        .hint("compact the file first, so that its rows are fewer")
    })?;
    let cardinality = i64::try_from(vector.cardinality())
        .map_err(|e| Error::invalid("a deletion vector can't delete 2^63 rows").because(e))?;
    Ok(Serialised { bytes, size_in_bytes, cardinality })
}
