//! When do two deletes of one file become one vector?
//!
//! Both began from the base `b`: the winner's vector is `w`, ours `c`, and ours depends on the rows `m` (what it
//! deletes, and what it looked at). Ours may follow when the winner deleted none of them, `(w∖b) ∩ (m ∪ c∖b) = ∅`; the
//! file then has the vector `w ∪ c`. Both must only have deleted: `b ⊆ w` and `b ⊆ c`. A row that came back would be
//! deleted again by `w ∪ c`, or never be looked at by ours.

use crate::dv::DeletionVector;

/// Why two vectors of one file don't become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    /// A vector lacks rows of the one it replaces.
    Restored,
    /// The winner deleted rows that ours deletes or depends on.
    SameRows,
}

/// `w ∪ c`, or why not.
pub(super) fn unite(
    base: &DeletionVector,
    winner: &DeletionVector,
    ours: &DeletionVector,
    depended: &DeletionVector,
) -> Result<DeletionVector, Apart> {
    if !winner.is_superset(base) || !ours.is_superset(base) {
        return Err(Apart::Restored);
    }
    let gone = winner.difference(base);
    if gone.intersects(depended) || gone.intersects(&ours.difference(base)) {
        return Err(Apart::SameRows);
    }
    Ok(winner.union(ours))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    type Rows = BTreeSet<u64>;

    fn vector(rows: &Rows) -> DeletionVector {
        rows.iter().copied().collect()
    }

    fn united(base: &Rows, winner: &Rows, ours: &Rows, depended: &Rows) -> Result<Rows, Apart> {
        let united = unite(&vector(base), &vector(winner), &vector(ours), &vector(depended))?;
        Ok(united.iter().collect())
    }

    /// Few rows, so that they often meet, on both sides of a container's border.
    fn rows() -> impl Strategy<Value = Rows> {
        prop::collection::btree_set(prop_oneof![0..6_u64, 65_533..65_539_u64, (1_u64 << 32)..(1 << 32) + 3], 0..7)
    }

    fn or(a: &Rows, b: &Rows) -> Rows {
        a | b
    }

    #[test]
    fn the_formula_by_hand() {
        let of = |rows: &[u64]| rows.iter().copied().collect::<Rows>();
        let (base, none) = (of(&[1]), of(&[]));
        assert_eq!(united(&base, &of(&[1, 2]), &of(&[1, 3]), &of(&[3])), Ok(of(&[1, 2, 3])));
        assert_eq!(united(&base, &of(&[1, 2]), &of(&[1, 2]), &of(&[2])), Err(Apart::SameRows));
        // A row that a MERGE matched and left as it is.
        assert_eq!(united(&base, &of(&[1, 2]), &of(&[1, 3]), &of(&[2, 3])), Err(Apart::SameRows));
        // What ours deletes counts whether it is named or not.
        assert_eq!(united(&none, &of(&[2]), &of(&[2]), &none), Err(Apart::SameRows));
        assert_eq!(united(&base, &of(&[2]), &of(&[1, 3]), &of(&[3])), Err(Apart::Restored));
        assert_eq!(united(&base, &of(&[1, 2]), &of(&[3]), &of(&[3])), Err(Apart::Restored));
    }

    proptest! {
        /// Against the formula on plain sets, whatever is given.
        #[test]
        fn it_is_the_formula(b in rows(), w in rows(), c in rows(), m in rows()) {
            let gone = &w - &b;
            let allowed = b.is_subset(&w) && b.is_subset(&c) && gone.is_disjoint(&m) && gone.is_disjoint(&(&c - &b));
            let result = united(&b, &w, &c, &m);
            prop_assert_eq!(result.is_ok(), allowed);
            if let Ok(result) = result {
                prop_assert_eq!(result, &w | &c);
            }
        }

        /// Two deletes that unite take away what they would take away one after the other, and no row twice.
        #[test]
        fn united_deletes_delete_each_row_once(b in rows(), theirs in rows(), ours in rows()) {
            let (theirs, ours) = (&theirs - &b, &ours - &b);
            if let Ok(result) = united(&b, &or(&b, &theirs), &or(&b, &ours), &ours) {
                prop_assert_eq!(result.len(), b.len() + theirs.len() + ours.len());
                prop_assert_eq!(&result - &b, &theirs | &ours);
            } else {
                prop_assert!(!theirs.is_disjoint(&ours));
            }
        }

        /// Where each depends on what it deletes, who comes first makes no difference.
        #[test]
        fn order_makes_no_difference_to_deletes(b in rows(), x in rows(), y in rows()) {
            let (with_x, with_y) = (&b | &x, &b | &y);
            prop_assert_eq!(united(&b, &with_x, &with_y, &(&y - &b)), united(&b, &with_y, &with_x, &(&x - &b)));
        }

        /// Following two winners one by one is following what they come to together.
        #[test]
        fn winners_are_followed_one_by_one_or_at_once(b in rows(), x in rows(), y in rows(), c in rows(), m in rows()) {
            let (first, ours) = (&b | &x, &b | &c);
            let second = &first | &y;
            let at_once = united(&b, &second, &ours, &m);
            let one_by_one = united(&b, &first, &ours, &m).and_then(|rebased| united(&first, &second, &rebased, &m));
            prop_assert_eq!(at_once, one_by_one);
        }
    }
}
