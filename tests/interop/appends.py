"""Appends rows of rising ids, one commit each, for as long as a test lets other writers race: see protocol.py."""
import collections
import time

import protocol


def note(number):
    """The column `note` of the row with this id."""
    return f"row {number}"


PATIENCE_SECONDS = 60


def appended(request, append):
    """Calls `append` with one id after the other, for so long; on a busy machine longer, until one came through.

    A row whose append failed may be in the table or not: nobody was told.
    """
    end = time.monotonic() + request["seconds"]
    last = end + PATIENCE_SECONDS if request["seconds"] else end
    number = request["first"]
    acknowledged, failed, errors = [], [], collections.Counter()
    while time.monotonic() < (end if acknowledged else last):
        try:
            append(number)
            acknowledged.append(number)
        except Exception as error:
            failed.append(number)
            errors[protocol.shorten(f"{type(error).__name__}: {error}", 300)] += 1
        number += 1
    return {"acknowledged": acknowledged, "failed": failed, "errors": errors}


def by_deltalake(request, storage_options):
    """delta-rs: one handle for as long as its appends succeed, another one after a failure."""
    import deltalake
    import pyarrow

    handle = None

    def append(number):
        nonlocal handle
        known, handle = handle, None
        table = known or deltalake.DeltaTable(request["table"], storage_options=storage_options)
        rows = pyarrow.table({"id": pyarrow.array([number], pyarrow.int64()), "note": pyarrow.array([note(number)])})
        deltalake.write_deltalake(table, rows, mode="append")
        handle = table

    return appended(request, append)
