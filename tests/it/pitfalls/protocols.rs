//! Do we read and write exactly the tables whose demands we meet (H5, L14)?

use lakebed_txlog::ErrorKind;
use lakebed_txlog::action::Protocol;
use lakebed_txlog::protocol::{FEATURES, Kind, Support, check_read, check_write};

use super::corpus::cases;
use super::schemas::table_actions;

#[test]
fn h5_every_table_is_read_or_refused_as_the_corpus_says() {
    let of_readers = ["unsupported_reader_feature", "unsupported_reader_version", "invalid_protocol"];
    let mut checked = 0;
    for case in cases("h5") {
        let (metadata, protocols) = table_actions(&case);
        let Some(protocol) = protocols.last() else { continue };
        let outcome = check_read(protocol);
        let kind = case.about.error_kind.as_deref().unwrap_or_default();
        if of_readers.contains(&kind) {
            let refused = outcome.expect_err(&case.name);
            let corrupt = kind == "invalid_protocol";
            let expected = if corrupt { ErrorKind::Corrupt } else { ErrorKind::Unsupported };
            assert_eq!(refused.kind(), expected, "{}: {refused}", case.name);
        } else if let Err(refused) = outcome {
            // What isn't implemented is refused by its name, and stands in the registry as such.
            let named = FEATURES.iter().find(|feature| refused.message().contains(&format!("{} (", feature.name)));
            assert!(
                named.is_some_and(|feature| matches!(feature.read, Support::NotYet(_))),
                "{}: {refused}",
                case.name
            );
        }
        if case.about.write_expect.as_deref() == Some("refuse") {
            let refused = check_write(protocol, metadata.last().unwrap()).expect_err(&case.name);
            assert_eq!(refused.kind(), ErrorKind::Unsupported, "{}", case.name);
        }
        checked += 1;
    }
    assert!(checked == 0 || checked > 400, "only {checked} tables");
}

#[test]
fn h5_no_feature_is_claimed_that_readers_of_ours_refuse() {
    for feature in FEATURES.iter().filter(|feature| feature.kind == Kind::ReaderWriter) {
        let claimed = !matches!(feature.write, Support::NotYet(_));
        assert!(!claimed || !matches!(feature.read, Support::NotYet(_)), "{}", feature.name);
    }
}

#[test]
fn l14_reader_version_2_with_named_writer_features_is_read() {
    let protocol = Protocol {
        min_reader_version: 2,
        min_writer_version: 7,
        reader_features: None,
        writer_features: Some(vec!["columnMapping".to_owned(), "identityColumns".to_owned()]),
    };
    assert!(check_read(&protocol).is_ok());
    let mut found = 0;
    for case in cases("l14") {
        let protocols = table_actions(&case).1;
        for protocol in protocols.iter().filter(|p| (p.min_reader_version, p.min_writer_version) == (2, 7)) {
            assert!(check_read(protocol).is_ok(), "{}", case.name);
            found += 1;
        }
    }
    assert!(found == 0 || found >= 10, "only {found} such tables");
}
