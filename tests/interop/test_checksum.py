"""What the checksum sees, and what it passes over."""
import decimal
import random
import unittest

import pyarrow as pa

import checksum

ROWS = 500


def sample():
    """A column of every kind, nulls included."""
    pick = random.Random(7)
    some = {
        "i": (pa.int32(), lambda: pick.randrange(-99, 99)),
        "f": (pa.float64(), lambda: pick.choice([pick.random(), float("nan"), -0.0])),
        "s": (pa.string(), lambda: pick.choice(["", "é" * pick.randrange(5), "x" * pick.randrange(60)])),
        "b": (pa.binary(), lambda: pick.choice([b"", b"\0\xff"])),
        "t": (pa.timestamp("us", "UTC"), lambda: pick.randrange(-(10**15), 10**15)),
        "d": (pa.decimal128(20, 4), lambda: decimal.Decimal(pick.randrange(-(10**12), 10**12)).scaleb(-4)),
        "l": (pa.list_(pa.int64()), lambda: pick.choice([[], [1, None, 3], [3, 1]])),
        "m": (pa.map_(pa.string(), pa.int64()), lambda: pick.choice([[], [("k", 1), ("j", None)], [("j", None), ("k", 1)]])),
        "st": (pa.struct([("x", pa.int32()), ("y", pa.list_(pa.string()))]),
               lambda: pick.choice([{"x": 1, "y": ["q", None]}, {"x": None, "y": None}])),
    }
    return pa.table({name: pa.array([None if pick.random() < 0.2 else value() for _ in range(ROWS)], kind)
                     for name, (kind, value) in some.items()})


BASE = sample()


def sums(table, rows_at_once=None):
    hasher = checksum.Hasher(table.schema)
    for batch in table.to_batches(max_chunksize=rows_at_once):
        hasher.update(batch)
    out = hasher.result()
    return out["checksum"], out["checksum_lenient"], out["checksum_coarse"]


def replaced(name, array):
    return BASE.set_column(BASE.column_names.index(name), name, array)


class Checksum(unittest.TestCase):
    def test_order_and_batches_are_passed_over(self):
        shuffled = list(range(ROWS))
        random.Random(8).shuffle(shuffled)
        for same in (
            BASE.take(pa.array(shuffled)),
            pa.concat_tables([BASE.slice(213), BASE.slice(0, 13), BASE.slice(13, 200)]),
            BASE.select(BASE.column_names[::-1]),
        ):
            self.assertEqual(sums(same), sums(BASE))
        self.assertEqual(sums(BASE, 7), sums(BASE))

    def test_flavours_of_a_type_are_passed_over(self):
        for name, kind in (
            ("i", pa.int64()), ("i", pa.int8()), ("s", pa.large_string()), ("s", pa.string_view()), ("b", pa.large_binary()),
            ("t", pa.timestamp("us")), ("l", pa.large_list(pa.int32())), ("d", pa.decimal128(38, 4)),
        ):
            self.assertEqual(sums(replaced(name, BASE[name].cast(kind))), sums(BASE), (name, kind))
        self.assertEqual(sums(replaced("s", BASE["s"].dictionary_encode())), sums(BASE))
        entries = pa.list_(pa.struct([("key", pa.string()), ("value", pa.int64())]))
        as_list = [m and [{"key": k, "value": v} for k, v in m] for m in BASE["m"].to_pylist()]
        self.assertEqual(sums(replaced("m", pa.array(as_list, entries))), sums(BASE))

    def test_a_change_of_one_value_is_seen(self):
        for name in BASE.column_names:
            values = BASE[name].to_pylist()
            values[next(i for i, v in enumerate(values) if v not in (None, [], "", b""))] = None
            changed = replaced(name, pa.array(values, BASE.schema.field(name).type))
            self.assertNotEqual(sums(changed)[0], sums(BASE)[0], name)

    def test_other_rows_are_seen(self):
        self.assertNotEqual(sums(BASE.slice(1))[2], sums(BASE)[2])
        self.assertNotEqual(sums(pa.concat_tables([BASE, BASE.slice(0, 1)]))[2], sums(BASE)[2])
        self.assertNotEqual(sums(pa.table({"a": [1, 2], "b": [3, 4]}))[2], sums(pa.table({"a": [1, 2], "b": [4, 3]}))[2])
        self.assertNotEqual(sums(pa.table({"a": [1]}))[2], sums(pa.table({"b": [1]}))[2])

    def test_each_level_passes_over_what_its_engines_cannot_say(self):
        null_list, empty_list = (pa.table({"l": pa.array([v], pa.list_(pa.int8()))}) for v in (None, []))
        times = BASE["t"].to_pylist()
        other_times = replaced("t", pa.array([v and 7 for v in times], pa.timestamp("us", "UTC")))
        for left, right, equal in (
            (null_list, empty_list, [False, True, True]),
            (pa.table({"A": [1]}), pa.table({"a": [1]}), [False, False, True]),
            (BASE, other_times, [False, False, True]),
            (BASE, replaced("t", pa.array([7] * ROWS, pa.timestamp("us", "UTC"))), [False, False, False]),
        ):
            self.assertEqual([a == b for a, b in zip(sums(left), sums(right))], equal)

    def test_variants_as_text_compare_by_value(self):
        one, other = (pa.table({"v": [text]}) for text in ('{"b": 1, "a": 2}', '{"a":2,"b":1}'))
        self.assertEqual(checksum.report(one, ["v"]), checksum.report(other, ["v"]))
        self.assertEqual(checksum.report(one, ["v"])["columns"], {"v": "variant"})

    def test_the_value_is_the_same_on_every_machine(self):
        table = pa.table({"a": pa.array([1, 2, None], pa.int64()), "s": ["x", None, "yz"]})
        self.assertEqual(sums(table)[0], "0a623261613b256033b34050f6c62f2f")


if __name__ == "__main__":
    unittest.main()
