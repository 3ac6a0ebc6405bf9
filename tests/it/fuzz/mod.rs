//! Does what the fuzz targets demand hold for every committed seed, and for what is made of seeds, without libFuzzer?
//!
//! | module | question it answers |
//! |---|---|
//! | `targets` | what is each parser fed, and what must hold? The files that libFuzzer's binaries are made of |
//! | [`mutate`] | what is made of seeds? |
//! | [`seeds`] | where do seeds come from? |

mod mutate;
mod seeds;
#[allow(unreachable_pub, reason = "the same files are a library for libFuzzer")]
#[path = "../../../fuzz/src/targets/mod.rs"]
mod targets;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use crate::machine;
use mutate::Mutator;
use targets::{ALL, Target};

/// Inputs made of the seeds of each target. No more in the long form: libFuzzer has ten minutes for each there.
const MADE: u64 = 200;
/// Most bytes of all seeds of a target.
const MAX_SEED_BYTES: usize = 300 << 10;

fn folder(target: &Target) -> PathBuf {
    machine::repository().join("fuzz/seeds").join(target.name)
}

/// The seeds of a target, by name.
fn seeds_of(target: &Target) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder(target)).unwrap_or_else(|e| panic!("the seeds of {}: {e}", target.name));
    let files = entries.map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

/// Feeds a target; what it says where something doesn't hold.
fn failure(target: &Target, input: &[u8]) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| (target.run)(input))).err()?;
    let said = panic.downcast_ref::<String>().cloned();
    Some(said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned())).unwrap_or_default())
}

#[test]
fn every_target_has_a_binary_and_small_seeds() {
    let manifest = std::fs::read_to_string(machine::repository().join("fuzz/Cargo.toml")).unwrap();
    for target in &ALL {
        assert!(manifest.contains(&format!("\nname = \"{}\"\n", target.name)), "{} has no binary", target.name);
        let seeds = seeds_of(target);
        let bytes: usize = seeds.values().map(Vec::len).sum();
        assert!(seeds.len() >= 3 && bytes <= MAX_SEED_BYTES, "{}: {} seeds, {bytes} bytes", target.name, seeds.len());
    }
    assert_eq!(manifest.matches("[[bin]]").count(), ALL.len());
}

#[test]
fn every_seed_holds() {
    let mut failures = Vec::new();
    for target in &ALL {
        for (name, seed) in seeds_of(target) {
            failures.extend(failure(target, &seed).map(|said| format!("{}/{name}: {said}", target.name)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_is_made_of_seeds_holds() {
    let mut failures = Vec::new();
    for target in &ALL {
        let seeds: Vec<Vec<u8>> = seeds_of(target).into_values().collect();
        for number in 0..MADE {
            let input = Mutator::new(target.name, number).input(&seeds);
            if let Some(said) = failure(target, &input) {
                let kept = std::env::temp_dir().join(format!("{}-{number}", target.name));
                std::fs::write(&kept, &input).unwrap();
                failures.push(format!("{} number {number}, kept as {}: {said}", target.name, kept.display()));
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
