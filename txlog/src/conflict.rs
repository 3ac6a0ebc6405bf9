//! May our transaction follow a commit that it did not see?
//!
//! | file | question it answers |
//! |---|---|
//! | [`resolve()`] | which rules decide, and in which order? |
//! | [`why`] | why may a transaction not follow? |
//! | `touched` | which files does a commit touch, and how? |
//! | `table` | does a change of schema or properties matter to those who did not see it? |
//! | `files` | do two commits get along on the files and rows that they touch? |
//! | `follow` | how are rows followed into the files that a rearrangement put them into? |
//! | `unite` | when do two deletes of one file become one vector? |
//! | [`rebase`] | what changes in a transaction that follows? |
//! | `live` | is what a transaction removes there, and what it adds not? |
//!
//! [`resolve()`] is pure, and refuses what it doesn't decide in detail. `docs/CONFLICTS.md` is the matrix, made of the
//! same data as the tests, a test a cell. The rules compare what ours *read* and *writes* with what the winner's
//! actions *do*, whatever either is called:
//!
//! | | ours | the winner | |
//! |---|---|---|---|
//! | A | an application's progress | comes as far, or moves it | already applied, or refused: `txn` is compare-and-set (C18) |
//! | B | a domain | the same domain | refused |
//! | C | anything | holds nothing but `commitInfo`, `txn`, domains | accepted |
//! | D | doesn't say what it read, and does more than add files | anything else | refused: it read everything |
//! | E | anything | sets the protocol | refused |
//! | F | anything | sets metadata | accepted if every difference is on the list of `table`, and ours doesn't depend on schema and properties as a whole |
//! | G | sets metadata | touches files | accepted if every difference is on that list |
//! | H | removes or adds a file | touches it | refused (C6, C11, C21), but for I, J, M and N |
//! | I | gives it a larger vector | the same | the vectors are united, where neither changed rows that the other depends on |
//! | J | an overwrite removes it whole | put its rows into others, and all files of that partition that it touches are ours | accepted; the others are removed in its place |
//! | K | depends on rows of a file | removed one of them, or the file | refused, but for M |
//! | L | looked for rows by a condition | adds files that may hold such | refused, naming the files; `WriteSerializable` doesn't look at blind appends, `Snapshot` at none |
//! | M | deletes rows of a file, or depends on them | put them into others, in order, and says so | accepted; they are deleted, by vectors, where they are |
//! | N | puts rows of a file into others, in order, and says so | deleted some of them, or the file | accepted; they are deleted, by vectors, where ours puts them |
//!
//! In K and L, a commit that only rearranges files adds no row and takes none away, but a row that ours depends on may
//! stand elsewhere after it: who doesn't find it there (M) is refused, but for those who read every file. What L judges by is the evaluator of file skipping, over the statistics of the added
//! files: unknown means may match.
//!
//! **Contents of vectors** are looked up in what the caller has decoded ([`Known`]); one that is lacking makes a refusal
//! that names it ([`Why::Unread`]). So the function stays pure, asks only for the vectors that the outcome hangs on
//! (mostly none), needs no second function that guesses which those are, and a caller that can't read has a sound
//! answer all the same: it is a refusal. [`Why::MayMatch`] works alike: it names the files in which someone who looks
//! may find no match ([`Known::without_match`]). [`Look`](crate::drive::Look) is who looks.

pub mod rebase;
pub mod resolve;
pub mod why;

mod files;
mod follow;
mod live;
mod table;
mod touched;
mod unite;

pub(crate) use live::check_live;
pub use rebase::{Carry, Rebase, Unite};
pub(crate) use resolve::check_progress;
pub use resolve::{Known, Verdict, Winner, resolve};
pub use why::{Conflict, Why};

#[cfg(test)]
mod tests;
