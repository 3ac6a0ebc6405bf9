"""The Parquet variant encoding (unshredded), decoded to plain values: numbers compare by value, bytes as hex text."""
from __future__ import annotations

import decimal
import struct


def variant_decode(meta: bytes, val: bytes):
    hdr = meta[0]
    osz = (hdr >> 6) + 1
    n = int.from_bytes(meta[1 : 1 + osz], "little")
    offs = [int.from_bytes(meta[1 + osz * (k + 1) : 1 + osz * (k + 2)], "little") for k in range(n + 1)]
    base = 1 + osz * (n + 2)
    names = [meta[base + offs[k] : base + offs[k + 1]].decode() for k in range(n)]

    def u(p, w):
        return int.from_bytes(val[p : p + w], "little")

    def s(p, w):
        return int.from_bytes(val[p : p + w], "little", signed=True)

    def dec(p):
        b = val[p]
        basic, h = b & 3, b >> 2
        if basic == 1:
            return val[p + 1 : p + 1 + h].decode()
        if basic == 2:
            ow, iw, big = (h & 3) + 1, ((h >> 2) & 3) + 1, (h >> 4) & 1
            cw = 4 if big else 1
            cnt = u(p + 1, cw)
            ip = p + 1 + cw
            op = ip + cnt * iw
            dp = op + (cnt + 1) * ow
            return {names[u(ip + k * iw, iw)]: dec(dp + u(op + k * ow, ow)) for k in range(cnt)}
        if basic == 3:
            ow, big = (h & 3) + 1, (h >> 2) & 1
            cw = 4 if big else 1
            cnt = u(p + 1, cw)
            op = p + 1 + cw
            dp = op + (cnt + 1) * ow
            return [dec(dp + u(op + k * ow, ow)) for k in range(cnt)]
        q = p + 1
        if h == 0:
            return None
        if h in (1, 2):
            return h == 1
        if h in (3, 4, 5, 6):
            return s(q, 1 << (h - 3))
        if h == 7:
            return struct.unpack("<d", val[q : q + 8])[0]
        if h in (8, 9, 10):
            w = {8: 4, 9: 8, 10: 16}[h]
            # numbers compare by value: exact integers as int, others as float
            d = decimal.Decimal(s(q + 1, w)).scaleb(-val[q])
            return int(d) if d == d.to_integral_value() else float(d)
        if h == 11:
            return "date:%d" % s(q, 4)
        if h in (12, 13):
            return "ts:%d" % s(q, 8)
        if h == 14:
            return struct.unpack("<f", val[q : q + 4])[0]
        if h == 15:
            return "bin:" + val[q + 4 : q + 4 + u(q, 4)].hex()
        if h == 16:
            return val[q + 4 : q + 4 + u(q, 4)].decode()
        if h in (18, 19):
            return "ts:%d" % (s(q, 8) // 1000)
        return f"variant-primitive-{h}:" + val[q : q + 16].hex()

    return dec(0)
