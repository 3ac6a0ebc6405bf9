//! Which invariants does the model check? A bit each.

/// An acknowledged commit is in the log, at its version.
pub(super) const DURABLE: u16 = 1;
/// None of them lies in a hole that log cleanup made.
pub(super) const HOLE: u16 = 1 << 1;
/// Every open sees every commit that landed, to the newest.
pub(super) const VISIBLE: u16 = 1 << 2;
/// No transaction is in the log twice.
pub(super) const ONCE: u16 = 1 << 3;
/// One that is said to be in the log in no way isn't, and won't be.
pub(super) const FAILED: u16 = 1 << 4;
/// Only live files are removed, and a path is live at most once.
pub(super) const LIVE: u16 = 1 << 5;
/// The rows are those of the transactions run one after the other: in the order of the log where all are serializable, in
/// some order where they are `WriteSerializable`.
pub(super) const SERIAL: u16 = 1 << 6;
/// No row that was gone is there again.
pub(super) const RESURRECTED: u16 = 1 << 7;
/// The vectors delete the rows that transactions chose, and no others.
pub(super) const VECTORS: u16 = 1 << 8;
/// Every file that a live or retained version names is there.
pub(super) const NEEDED: u16 = 1 << 9;

/// How many there are.
pub(super) const COUNT: usize = 10;

/// Their names, in the order of their bits.
pub(super) const NAMES: [&str; COUNT] = [
    "acknowledged is in the log",
    "acknowledged isn't in a hole",
    "every open sees all that landed",
    "nothing lands twice",
    "failed stays out of the log",
    "one live entry for a path",
    "rows are those of a serial order",
    "no deleted row comes back",
    "vectors delete what was chosen",
    "no needed file is deleted",
];

/// The name of an invariant.
pub(super) fn name(bit: u16) -> &'static str {
    NAMES[bit.trailing_zeros() as usize]
}
