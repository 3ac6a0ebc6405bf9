//! Is a version checksum that was parsed printed as one that says the same?

use lakebed_txlog::checksum::Checksum;
use lakebed_txlog::replay::State;
use lakebed_txlog::version::Version;

use super::{Memory, Target};

/// The bytes of `N.crc`.
pub const TARGET: Target = Target { name: "checksum", run, memory: Memory { base: 4 << 20, per_byte: 2 << 10 } };

fn run(input: &[u8]) {
    let Ok(checksum) = Checksum::parse(input) else { return };
    let printed = checksum.to_json().expect("what was parsed prints");
    assert_eq!(Checksum::parse(&printed).expect("what was printed parses"), checksum);
    let state = State::default();
    assert_eq!(checksum.differences(&state), checksum.differences(&state));
    if let Some(Ok(head)) = checksum.head(Version(3)) {
        assert_eq!(Some(head.metadata()), checksum.metadata.as_ref());
        assert_eq!(Some(head.protocol()), checksum.protocol.as_ref());
        assert!(head.partition_columns().iter().all(|column| head.schema().field(column).is_some()));
    }
}
