"""An order-independent checksum of rows, the same whatever library hands them over.

It doesn't depend on row order, column order, batch boundaries, or on which Arrow flavour of a type an engine returns
(string / large_string / string_view / dictionary, ms / us / ns, int32 / int64, map / list<struct<key,value>>, ...).  There are
three: `strict` tells null structs, lists and maps apart from all-null structs and empty lists and maps; `lenient` doesn't
(ClickHouse can't represent a null Array or Map); `coarse` also takes column `A` for `a` and every timestamp for equal (Trino
lower-cases names and rounds timestamps to milliseconds).
"""
from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from variant import variant_decode

np.seterr(over="ignore")

M64 = (1 << 64) - 1
NULL_H = 0x9E3779B97F4A7C15
EMPTY_H = 0x2545F4914F6CDD1D


def _mix(x):
    """splitmix64 finaliser on a uint64 numpy array (bijective)."""
    x = x.astype(np.uint64, copy=True)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def _mix_int(x: int) -> int:
    x &= M64
    x ^= x >> 30
    x = x * 0xBF58476D1CE4E5B9 & M64
    x ^= x >> 27
    x = x * 0x94D049BB133111EB & M64
    return x ^ (x >> 31)


_BYTE_TABLE = None
_POW = None
_P = 0x9FB21C651E98DF25  # odd


def _byte_table():
    global _BYTE_TABLE
    if _BYTE_TABLE is None:
        _BYTE_TABLE = _mix(np.arange(1, 257, dtype=np.uint64) * np.uint64(NULL_H))
    return _BYTE_TABLE


def _pow_table(n):
    global _POW
    if _POW is None or len(_POW) < n:
        size = max(1024, 1 << (int(n) - 1).bit_length())
        base = np.full(size, _P, dtype=np.uint64)
        base[0] = 1
        _POW = np.multiply.accumulate(base)
    return _POW


def _segment_sum(values, starts, lens):
    """Sum values[starts[i]:starts[i]+lens[i]] mod 2**64; contiguous segments."""
    out = np.zeros(len(lens), dtype=np.uint64)
    nz = lens > 0
    if nz.any():
        out[nz] = np.add.reduceat(values, starts[nz])
    return out


def _hash_bytes(arr):
    """arr: large_binary array (no offset assumptions)."""
    n = len(arr)
    out = np.empty(n, dtype=np.uint64)
    off = np.frombuffer(arr.buffers()[1], dtype=np.int64)[arr.offset : arr.offset + n + 1] if n else np.zeros(1, np.int64)
    data = np.frombuffer(arr.buffers()[2], dtype=np.uint8) if arr.buffers()[2] is not None else np.zeros(0, np.uint8)
    table = _byte_table()
    i = 0
    while i < n:
        limit = off[i] + (4 << 20)
        j = max(i + 1, int(np.searchsorted(off, limit, side="right")) - 1)
        j = min(j, n)
        base = off[i]
        starts = off[i:j] - base
        lens = off[i + 1 : j + 1] - off[i:j]
        chunk = data[base : off[j]]
        if len(chunk):
            pos = np.arange(len(chunk), dtype=np.int64) - np.repeat(starts, lens)
            contrib = table[chunk] * _pow_table(int(lens.max()))[pos]
            h = _segment_sum(contrib, starts, lens)
        else:
            h = np.zeros(j - i, dtype=np.uint64)
        out[i:j] = _mix(h + _mix(lens.astype(np.uint64) + np.uint64(EMPTY_H)))
        i = j
    return out


def _apply_nulls(h, arr):
    if arr.null_count:
        mask = np.asarray(arr.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        h[mask] = np.uint64(NULL_H)
    return h


def _ints(arr, typ):
    return pc.fill_null(arr, pa.scalar(0, typ)).to_numpy(zero_copy_only=False)


def _is_entries(t):
    """list<struct<key,value>> - what engines without a map type return for a map."""
    return pa.types.is_struct(t) and [t.field(i).name for i in range(t.num_fields)] in (
        ["key", "value"],
        ["keys", "values"],
    )


def _is_variant(t):
    return (
        pa.types.is_struct(t)
        and t.num_fields == 2
        and {t.field(0).name, t.field(1).name} == {"metadata", "value"}
        and all(_is_bin(t.field(i).type) for i in range(2))
    )


def _is_bin(t):
    ty = pa.types
    return ty.is_binary(t) or ty.is_large_binary(t) or ty.is_binary_view(t) or ty.is_fixed_size_binary(t)


def _is_str(t):
    ty = pa.types
    return ty.is_string(t) or ty.is_large_string(t) or ty.is_string_view(t)


def _hash_seq(n, starts, lens, elem_hash, ordered):
    if ordered:
        pos = np.arange(len(elem_hash), dtype=np.int64) - np.repeat(starts, lens)
        contrib = _mix(elem_hash + _mix(pos.astype(np.uint64) + np.uint64(1)))
    else:
        contrib = _mix(elem_hash ^ np.uint64(EMPTY_H))
    h = _segment_sum(contrib, starts, lens)
    return _mix(h + _mix(lens.astype(np.uint64) ^ np.uint64(0xA5A5)))


STRICT, LENIENT, COARSE = LEVELS = range(3)


def hash_array(arr, lenient=STRICT):
    """uint64 hash per value of a pyarrow.Array, independent of its physical flavour."""
    t = arr.type
    ty = pa.types
    n = len(arr)
    if isinstance(t, pa.BaseExtensionType):
        return hash_array(arr.storage, lenient)
    if ty.is_dictionary(t):
        return hash_array(arr.dictionary_decode(), lenient)
    if ty.is_run_end_encoded(t):
        return hash_array(pc.run_end_decode(arr), lenient)
    if ty.is_null(t):
        return np.full(n, NULL_H, dtype=np.uint64)
    if ty.is_boolean(t):
        arr8 = arr.cast(pa.int8())
        return _apply_nulls(_mix(_ints(arr8, pa.int8()).astype(np.int64).view(np.uint64)), arr)
    if ty.is_integer(t):
        v = _ints(arr, t)
        v = v.view(np.uint64) if v.dtype == np.uint64 else v.astype(np.int64).view(np.uint64)
        return _apply_nulls(_mix(v), arr)
    if ty.is_floating(t):
        v = _ints(arr.cast(pa.float64()), pa.float64()).astype(np.float64)
        bits = np.ascontiguousarray(v).view(np.uint64).copy()
        bits[np.isnan(v)] = np.uint64(0x7FF8000000000000)
        return _apply_nulls(_mix(bits ^ np.uint64(0xF10A7)), arr)
    if ty.is_decimal(t):
        a = arr.cast(pa.decimal128(38, t.scale))
        if a.offset:
            a = pa.concat_arrays([a, a.slice(0, 0)])
        if a.offset or len(a) == 0:
            a = pa.array(a.to_pylist(), a.type)
        w = np.frombuffer(a.buffers()[1], dtype=np.uint64)[: 2 * n].reshape(n, 2) if n else np.zeros((0, 2), np.uint64)
        return _apply_nulls(_mix(w[:, 0] + _mix(w[:, 1] + np.uint64(t.scale))), arr)
    if ty.is_date(t):
        v = _ints(arr.cast(pa.date32()).cast(pa.int32()), pa.int32()).astype(np.int64)
        return _apply_nulls(_mix(v.view(np.uint64) ^ np.uint64(0xDA7E)), arr)
    if ty.is_timestamp(t):
        v = _ints(arr.view(pa.int64()), pa.int64())
        v = {"s": lambda x: x * 1000000, "ms": lambda x: x * 1000, "us": lambda x: x,
             "ns": lambda x: x // 1000}[t.unit](v).astype(np.int64)
        v = v * 0 if lenient == COARSE else v
        return _apply_nulls(_mix(v.view(np.uint64) ^ np.uint64(0x71)), arr)
    if ty.is_time(t) or ty.is_duration(t):
        v = _ints(arr.view(pa.int32() if ty.is_time32(t) else pa.int64()), pa.int64()).astype(np.int64)
        v = {"s": lambda x: x * 1000000, "ms": lambda x: x * 1000, "us": lambda x: x,
             "ns": lambda x: x // 1000}[t.unit](v)
        return _apply_nulls(_mix(v.view(np.uint64) ^ np.uint64(0x73)), arr)
    if _is_str(t) or _is_bin(t):
        a = arr.cast(pa.binary(), safe=False) if ty.is_fixed_size_binary(t) else arr
        a = a.cast(pa.large_string()) if _is_str(a.type) else a
        return _apply_nulls(_hash_bytes(a.cast(pa.large_binary())), arr)
    if ty.is_fixed_size_list(t) or ty.is_list_view(t) or ty.is_large_list_view(t):
        arr = arr.cast(pa.large_list(t.value_type))
        t = arr.type
    if ty.is_list(t) or ty.is_large_list(t) or ty.is_map(t):
        # lens of null slots are forced to 0; values are gathered so they are contiguous
        off = arr.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
        lens = off[1:] - off[:-1]
        starts = off[:-1]
        valid = np.asarray(arr.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
        lens = np.where(valid, lens, 0)
        child = pa.StructArray.from_arrays([arr.keys, arr.items], ["key", "value"]) if ty.is_map(t) else arr.values
        total = int(lens.sum())
        cs = np.concatenate([[0], np.cumsum(lens)])[:-1] if n else np.zeros(0, np.int64)
        if total == len(child) and (n == 0 or (starts[lens > 0] == cs[lens > 0]).all()):
            flat = child
        else:
            idx = np.arange(total, dtype=np.int64) - np.repeat(cs, lens) + np.repeat(starts, lens)
            flat = child.take(pa.array(idx))
        as_map = ty.is_map(t) or _is_entries(flat.type)
        if as_map:
            kh = hash_array(flat.field(0), lenient)
            vh = hash_array(flat.field(1), lenient)
            eh = _mix(kh * np.uint64(3) + _mix(vh))
        else:
            eh = hash_array(flat, lenient)
        h = _hash_seq(n, cs, lens, eh, ordered=not as_map)
        return h if lenient else _apply_nulls(h, arr)
    if ty.is_struct(t):
        if _is_variant(t):
            return hash_array(_variant_to_json(arr), lenient)
        kids = arr.flatten()
        h = np.zeros(n, dtype=np.uint64)
        for i, k in enumerate(kids):
            h += _mix(hash_array(k, lenient) ^ np.uint64(_name_hash(t.field(i).name, lenient)))
        h = _mix(h)
        return h if lenient else _apply_nulls(h, arr)
    raise TypeError(f"no canonical form for Arrow type {t}")


_NAMES: dict[str, int] = {}


def _name_hash(s, lenient=STRICT):
    s = s.lower() if lenient == COARSE else s
    if s not in _NAMES:
        h = 0
        for b in s.encode():
            h = _mix_int(h * 31 + b + 1)
        _NAMES[s] = h
    return _NAMES[s]


def canonical_type(t):
    """Delta-like type name, for the human-readable schema comparison."""
    ty = pa.types
    if isinstance(t, pa.BaseExtensionType):
        return "variant" if "variant" in t.extension_name else canonical_type(t.storage_type)
    if ty.is_dictionary(t):
        return canonical_type(t.value_type)
    for pred, name in ((ty.is_boolean, "boolean"), (ty.is_int8, "byte"), (ty.is_int16, "short"), (ty.is_int32, "integer"),
                       (ty.is_int64, "long"), (ty.is_float32, "float"), (ty.is_float64, "double"), (ty.is_date, "date"),
                       (ty.is_null, "void"), (_is_str, "string"), (_is_bin, "binary")):
        if pred(t):
            return name
    if ty.is_decimal(t):
        return f"decimal({t.precision},{t.scale})"
    if ty.is_timestamp(t):
        return "timestamp" if t.tz else "timestamp_ntz"
    if ty.is_map(t):
        return f"map<{canonical_type(t.key_type)},{canonical_type(t.item_type)}>"
    if ty.is_list(t) or ty.is_large_list(t) or ty.is_fixed_size_list(t):
        v = t.value_type
        if _is_entries(v):
            return f"map<{canonical_type(v.field(0).type)},{canonical_type(v.field(1).type)}>"
        return f"array<{canonical_type(v)}>"
    if ty.is_struct(t):
        if _is_variant(t):
            return "variant"
        return "struct<" + ",".join(f"{t.field(i).name}:{canonical_type(t.field(i).type)}" for i in range(t.num_fields)) + ">"
    return str(t)


# -- variant (unshredded binary encoding) -> canonical JSON text ----------------------------


def _variant_to_json(arr):
    f = {arr.type.field(i).name: arr.flatten()[i].to_pylist() for i in range(2)}
    out = []
    for i, ok in enumerate(arr.is_valid().to_pylist()):
        m, v = f["metadata"][i], f["value"][i]
        out.append(json.dumps(variant_decode(m, v), sort_keys=True) if ok and m is not None and v is not None else None)
    return pa.array(out, pa.string())


class Hasher:
    def __init__(self, schema):
        self.schema = schema
        self.rows = 0
        self.acc = [[0, 0] for _ in LEVELS]
        self.cols: dict[str, int] = {}

    def update(self, batch):
        n = batch.num_rows
        if n == 0:
            return
        self.rows += n
        rowh = [np.zeros(n, np.uint64) for _ in LEVELS]
        for name, col in zip(batch.schema.names, batch.columns):
            if isinstance(col, pa.ChunkedArray):
                col = pa.concat_arrays(col.chunks)
            same = not (pa.types.is_nested(col.type) or pa.types.is_timestamp(col.type))
            for level in LEVELS:
                h = h if same and level else hash_array(col, level)
                named = _mix(h + np.uint64(_name_hash(name, level)))
                rowh[level] += named
                if level == LENIENT:
                    self.cols[name] = (self.cols.get(name, 0) + int(named.sum(dtype=np.uint64))) & M64
        for acc, h in zip(self.acc, rowh):
            r = _mix(h)
            acc[0] = (acc[0] + int(r.sum(dtype=np.uint64))) & M64
            acc[1] = (acc[1] + int(_mix(r ^ np.uint64(EMPTY_H)).sum(dtype=np.uint64))) & M64

    def result(self):
        names = sorted(self.schema.names)

        def fin(level):
            a = self.acc[level]
            nh = sum(_name_hash(n, level) for n in names) & M64
            return "%016x%016x" % (_mix_int(a[0] ^ nh ^ self.rows), _mix_int(a[1] + self.rows))

        return {
            "rows": self.rows,
            "columns": {n: canonical_type(self.schema.field(n).type) for n in names},
            "checksum": fin(STRICT),
            "checksum_lenient": fin(LENIENT),
            "checksum_coarse": fin(COARSE),
            "column_checksums": {n: "%016x" % self.cols.get(n, 0) for n in names},
        }


def report(rows, variants_as_json=()):
    """What an engine answers of the rows that it read: a pyarrow Table or an iterable of batches with a schema.

    Columns in `variants_as_json` are variants that the engine could only hand over as JSON text.
    """
    hasher = Hasher(rows.schema)
    for batch in rows.to_batches(max_chunksize=1 << 18) if isinstance(rows, pa.Table) else rows:
        hasher.update(with_canonical_json(batch, variants_as_json))
    out = hasher.result()
    out["columns"] |= dict.fromkeys(variants_as_json, "variant")
    return out


def with_canonical_json(batch, names):
    def canonical(column):
        return pa.array([None if v is None else json.dumps(json.loads(v), sort_keys=True) for v in column.to_pylist()], pa.string())

    if not names:
        return batch
    columns = [canonical(c) if n in names else c for n, c in zip(batch.schema.names, batch.columns)]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
