//! What if a decoder panics?

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};

/// What `decode` gives. A decoder that panics on damaged bytes has found damage (pitfall H2).
///
/// # Errors
/// Those of `decode`; [`Corrupt`](crate::ErrorKind::Corrupt) where it panics.
pub(super) fn guarded<T>(decode: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic| Err(gave_up(panic.as_ref())))
}

fn gave_up(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::corrupt(format!("a checkpoint can't be decoded: {}", said.unwrap_or("its decoder gave up")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn a_panic_is_damage_and_says_why() {
        let error = guarded(|| -> Result<()> { panic!("no such level: {}", 7) }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().ends_with("no such level: 7"), "{error}");
        assert_eq!(guarded(|| Ok(1)).unwrap(), 1);
    }
}
