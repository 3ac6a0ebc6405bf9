//! What do writers of other makes and we do to one table, at once?
//!
//! | module | question it answers |
//! |---|---|
//! | [`race`] | is every row there once that Trino, delta-rs or we were told of, when all of us race? |
//!
//! Who has to take turns instead, and what happens where one doesn't, is [`crate::pitfalls`]' `spark`.

mod race;
