//! In how many cases is a property tried?

use proptest::test_runner::Config;

use crate::env::process_variable;

/// So many where somebody waits, more in CI, and most in the long form (`LAKEBED_SOAK`).
pub(crate) fn cases(quick: u32, in_ci: u32, long: u32) -> Config {
    let is_set = |name: &str| process_variable(name).is_some();
    let cases = match (is_set("LAKEBED_SOAK"), is_set("CI")) {
        (true, _) => long,
        (false, true) => in_ci,
        (false, false) => quick,
    };
    Config { cases, ..Config::default() }
}
