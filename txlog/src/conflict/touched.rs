//! Which files does a commit touch, and how?

use std::collections::BTreeMap;

use crate::action::{Add, Remove};
use crate::replay::Commit;
use crate::transaction::Kind;

/// What happens to one path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Touch<'a> {
    /// It is removed, and not added.
    Gone(&'a Remove),
    /// It is removed and added: it has another vector, or other metadata.
    Changed(&'a Remove, &'a Add),
    /// It is added, and not removed: new, or a live one anew.
    Added(&'a Add),
}

/// The files that actions touch, by path.
#[derive(Debug, Default)]
pub(super) struct Touched<'a> {
    pub(super) files: BTreeMap<&'a str, Touch<'a>>,
    /// A path that is removed twice or added twice: what happens to it can't be told.
    pub(super) twice: Option<&'a str>,
}

impl<'a> Touched<'a> {
    pub(super) fn of(removes: impl Iterator<Item = &'a Remove>, adds: impl Iterator<Item = &'a Add>) -> Touched<'a> {
        let mut touched = Touched::default();
        for remove in removes {
            if touched.files.insert(&remove.path, Touch::Gone(remove)).is_some() {
                touched.twice = Some(&remove.path);
            }
        }
        for add in adds {
            let touch = match touched.files.get(add.path.as_str()) {
                Some(Touch::Gone(remove)) => Touch::Changed(remove, add),
                Some(Touch::Changed(..) | Touch::Added(_)) => {
                    touched.twice = Some(&add.path);
                    Touch::Added(add)
                }
                None => Touch::Added(add),
            };
            touched.files.insert(&add.path, touch);
        }
        touched
    }
}

/// What a commit did to files.
#[derive(Debug)]
pub(super) struct Theirs<'a> {
    pub(super) touched: Touched<'a>,
    /// It only put rows of files that it removes into others. A commit that removes nothing and says so of its adds
    /// isn't believed: its files are looked at as new ones.
    pub(super) rearranges: bool,
    /// It only added new rows, and says that it read none.
    pub(super) blind: bool,
}

impl<'a> Theirs<'a> {
    pub(super) fn of(commit: &'a Commit) -> Theirs<'a> {
        let says_blind = commit.commit_info.as_ref().and_then(|info| info.is_blind_append) == Some(true);
        Theirs {
            touched: Touched::of(commit.removes.iter(), commit.adds.iter()),
            rearranges: Kind::of(commit) == Kind::Rearrange && !commit.removes.is_empty(),
            blind: Kind::of(commit) == Kind::Append && says_blind,
        }
    }
}
