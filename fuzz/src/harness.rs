//! How does libFuzzer run a target?

use std::panic::PanicHookInfo;

use crate::memory;
use crate::targets::Target;

/// Where cargo keeps what isn't ours.
const OF_OTHERS: &str = "/registry/src/";

/// Makes a panic of ours end the process, as libFuzzer wants it. One of a decoder that others wrote goes on as a panic: it
/// is for the product to turn it into an error (pitfall H2), and ends the process where that isn't done.
pub fn begin() {
    let end = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic: &PanicHookInfo<'_>| {
        let of_others = panic.location().is_some_and(|location| location.file().contains(OF_OTHERS));
        if !of_others {
            end(panic);
        }
    }));
}

/// Runs a target, and holds it to its bound of memory.
///
/// # Panics
/// Where a property of the target doesn't hold, or the bound is passed.
pub fn run(target: &Target, input: &[u8]) {
    let most = target.memory.base + target.memory.per_byte * input.len();
    let (held, largest) = memory::most_held(|| (target.run)(input));
    assert!(
        held <= most,
        "{} bytes of input: {held} bytes of memory, more than {most}; at once {largest}",
        input.len()
    );
}

/// The binary of a target.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[global_allocator]
        static MEMORY: $crate::memory::Counting = $crate::memory::Counting;

        libfuzzer_sys::fuzz_target!(init: $crate::harness::begin(), |input: &[u8]| {
            $crate::harness::run(&$crate::targets::$name::TARGET, input);
        });
    };
}
