//! Which errors of ours does an error code of Spark's mean?

use lakebed_txlog::ErrorKind::{self, Corrupt, InvalidRequest, NotFound, Unsupported};

/// Codes, and the kinds that say the same.
///
/// Spark's classes are finer than kinds, and not drawn at the same places: of a log that is cut off Spark says that nothing
/// is there, and we that what is left of it is damaged.
const MEANINGS: [(&[&str], &[ErrorKind]); 8] = [
    (
        &[
            "COLUMN_ALREADY_EXISTS",
            "DELTA_DELETION_VECTOR_CHECKSUM_MISMATCH",
            "DELTA_DELETION_VECTOR_SIZE_MISMATCH",
            "DELTA_DUPLICATE_COLUMNS_FOUND",
            "DELTA_STATE_RECOVER_ERROR",
            "DELTA_VERSIONS_NOT_CONTIGUOUS",
        ],
        &[Corrupt],
    ),
    (&["DELTA_MISSING_DELTA_TABLE", "DELTA_PATH_DOES_NOT_EXIST", "PATH_NOT_FOUND"], &[NotFound]),
    (
        &[
            "DELTA_LOG_FILE_NOT_FOUND",
            "DELTA_MISSING_TRANSACTION_LOG",
            "DELTA_TABLE_NOT_FOUND",
            "DELTA_TRUNCATED_TRANSACTION_LOG",
            "FAILED_READ_FILE",
        ],
        &[NotFound, Corrupt],
    ),
    (&["DELTA_TABLE_RESTORE_VERSION_INVALID", "DELTA_VERSION_NOT_FOUND"], &[NotFound, InvalidRequest]),
    (&["DELTA_TIMESTAMP_EARLIER_THAN_COMMIT_RETENTION", "DELTA_TIMESTAMP_GREATER_THAN_COMMIT"], &[NotFound]),
    (&["FIELD_NOT_FOUND", "UNRESOLVED_COLUMN"], &[InvalidRequest]),
    (&["DELTA_UNSUPPORTED_FEATURES_FOR_READ"], &[Unsupported]),
    (
        &[
            "ColumnMappingUnsupportedException",
            "DELTA_FEATURES_PROTOCOL_METADATA_MISMATCH",
            "DELTA_INVALID_PROTOCOL_VERSION",
            "DELTA_UNSUPPORTED_READER_VERSION",
        ],
        &[Unsupported, Corrupt],
    ),
];

/// The kinds of ours that say what a code says; `None` for a code that isn't known here. What stands behind a dot in a
/// code is passed over: `FAILED_READ_FILE.NO_HINT`.
pub(super) fn meaning(code: &str) -> Option<&'static [ErrorKind]> {
    let class = code.split('.').next().unwrap_or_default();
    MEANINGS.iter().find(|(codes, _)| codes.contains(&class)).map(|(_, kinds)| *kinds)
}

#[test]
fn a_code_means_some_kinds_or_is_not_known() {
    assert_eq!(meaning("DELTA_VERSIONS_NOT_CONTIGUOUS.GENERIC"), Some(&[Corrupt][..]));
    assert_eq!(meaning("UNRESOLVED_COLUMN"), Some(&[InvalidRequest][..]));
    assert_eq!(meaning("SOMETHING_ELSE"), None);
}
