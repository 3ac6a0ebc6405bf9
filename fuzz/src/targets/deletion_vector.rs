//! Are hostile deletion vectors errors, and is what is read written back as the same rows?

use lakebed_txlog::action::DeletionVectorDescriptor;
use lakebed_txlog::dv::{Stored, inline, locate, z85};

use super::{Memory, Target};

/// A cardinality (4 bytes, little-endian) and a serialised vector, or, when its last bit is set, a descriptor's text.
pub const TARGET: Target = Target { name: "deletion_vector", run, memory: Memory { base: 1 << 20, per_byte: 4 << 10 } };

fn run(input: &[u8]) {
    let Some((cardinality, bytes)) = input.split_first_chunk::<4>() else { return };
    let cardinality = u32::from_le_bytes(*cardinality);
    if cardinality >> 31 == 1 {
        return by_text(cardinality, bytes);
    }
    let descriptor = DeletionVectorDescriptor {
        storage_type: "i".to_owned(),
        path_or_inline_dv: z85::encode(bytes),
        offset: None,
        size_in_bytes: i32::try_from(bytes.len()).expect("inputs are small"),
        cardinality: i64::from(cardinality),
    };
    let Ok(Stored::Inline(vector)) = locate(&descriptor) else { return };
    assert_eq!(vector.cardinality(), u64::from(cardinality));
    let Some(last) = vector.last() else { return };
    let written = inline(&vector).expect("what was read can be written");
    assert_eq!(written.cardinality, descriptor.cardinality);
    let Ok(Stored::Inline(again)) = locate(&written) else { panic!("what was written can be read") };
    assert!(again == vector);
    assert!(vector.check_rows(last).is_err(), "row {last} isn't one of the first {last}");
    // A window at the end: the whole file may have more runs than there is time for.
    let end = last.saturating_add(2);
    let start = end.saturating_sub(10_000);
    let live: u64 = vector.live_runs(start..end).map(|run| run.select).sum();
    assert_eq!(live + vector.cardinality_in(start..end), end - start);
}

fn by_text(kind: u32, text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let descriptor = DeletionVectorDescriptor {
        storage_type: ["u", "p", "i", "x"][(kind & 3) as usize].to_owned(),
        path_or_inline_dv: text.to_owned(),
        offset: Some(((kind >> 2) & 0xFFFF) as i32),
        size_in_bytes: ((kind >> 2) & 0xFF) as i32,
        cardinality: 3,
    };
    if let Ok(Stored::InFile(slice)) = locate(&descriptor) {
        assert!(slice.range.start < slice.range.end);
        assert!(slice.decode_from_file(text.as_bytes()).is_err() || text.len() > 20);
    }
}
