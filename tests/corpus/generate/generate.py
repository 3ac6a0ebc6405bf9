#!/usr/bin/env python3
"""Writes the tables of tables.py with Spark, and what reading them has to give, as cases of the corpus: ../README.md.

    generate.py [TABLE...]      all of them by default; ../own-spark/TABLE is replaced, and ../index.json brought up to date

Runs in the environment that ../../setup.sh makes (its part `spark`).  Ids, times and file names are new with each run.
"""
import argparse
import json
import os
import shutil
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.dirname(HERE)
INTEROP = os.path.join(os.path.dirname(CORPUS), "interop")
sys.path[:0] = [HERE, INTEROP, os.path.join(INTEROP, "spark")]
import answers
import protocol
import replay
from tables import TABLES

SOURCE = "own-spark"
# Of the commits whose files' times count: the first, and the distance.
FIRST_MS, APART_MS = 1_700_000_000_000, 3_600_000
MAX_BYTES = 5_000_000


def make(spark, path, table):
    """Runs the statements, each of which has to be one commit."""
    for key, value in table.settings.items():
        spark.conf.set(key, value)
    try:
        for version, statement in enumerate(table.statements):
            spark.sql(statement.replace("{t}", f"delta.`{path}`"))
            versions = list(replay.commits(path))
            assert len(versions) == version + 1, f"{len(versions)} commits after: {statement}"
    finally:
        for key in table.settings:
            spark.conf.unset(key)


def tidied(path, checksums=True):
    """Removes what Hadoop leaves on a local disk: its own checksums, and folders for what hasn't come.  Version checksums
    are removed too where they aren't wanted."""
    for folder, _, files in os.walk(path, topdown=False):
        for name in files:
            if name.endswith(".crc") and (name.startswith(".") or not checksums):
                os.remove(os.path.join(folder, name))
        if not os.listdir(folder):
            os.rmdir(folder)


def times(spark, path):
    """When each version was committed, and what times open: Spark's answer to times at, before and after each commit."""
    log = os.path.join(path, "_delta_log")
    enabled = next(state.version for state, _ in replay.states(path) if "inCommitTimestamp" in features_of(state))
    for version in range(enabled):
        at = (FIRST_MS + version * APART_MS) / 1000
        os.utime(os.path.join(log, f"{version:020}.json"), (at, at))
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    history = answers.history(spark, path)
    by_commit = "inCommitTimestamp"
    committed = [
        {"version": version, "timestamp_ms": at, "from": by_commit if version >= enabled else "file time"}
        for version, at in history
    ]
    asked = sorted({at + step for _, at in history for step in (-1, 0, 1)})
    return committed, [answers.version_as_of(spark, path, time) for time in asked]


def features_of(state):
    return state.protocol.get("writerFeatures") or []


def checked(path, state, version):
    """Whether Spark's checksum of a version, where it wrote one, says the same as the replay."""
    checksum = os.path.join(path, "_delta_log", f"{version:020}.crc")
    if not os.path.isfile(checksum):
        return False
    with open(checksum, encoding="utf-8") as file:
        told = json.load(file)
    ours = len(state.files), state.size()
    assert (told["numFiles"], told["tableSizeBytes"]) == ours, f"{checksum} contradicts the replay: {ours}"
    return True


def tags(path, case):
    """What the case shows, in the words of the other cases."""
    found, newest = set(), None
    for state, actions in replay.states(path):
        found |= {"protocolUpgrade" for action in actions if "protocol" in action and state.version > 0}
        found |= {"metadataChange" for action in actions if "metaData" in action and state.version > 0}
        found |= {"urlEncodedPath" for action in actions if "%" in action.get("add", {}).get("path", "")}
        found |= {"dv:uuid-file" for action in actions if "deletionVector" in action.get("add", {})}
        newest = state
    metadata, versions = newest.metadata, newest.protocol
    found |= {f"protocol({versions['minReaderVersion']},{versions['minWriterVersion']})", "codec:snappy"}
    found |= {f"feature:{name}" for name in features_of(newest)}
    found |= {f"columnMapping:{metadata['configuration'][key]}" for key in metadata["configuration"] if key.endswith("Mapping.mode")}
    found |= {"domainMetadata"} if newest.domains else set()
    fields = json.loads(metadata["schemaString"])["fields"]
    found |= {f"type:{kind}" for kind in kinds(fields) if kind not in ("string", "integer", "long", "double")}
    partitions = [field for field in fields if field["name"] in metadata["partitionColumns"]]
    found |= {f"partition:{kind}" for kind in kinds(partitions)} | ({"partitioned"} if partitions else set())
    found |= {"nullPartition" for file in newest.files.values() if None in file["partitionValues"].values()}
    found |= set(checkpoints(os.path.join(path, "_delta_log")))
    asked = {"time_travel": "timeTravel", "skipping": "skipping", "timestamps": "timestamps"}
    return sorted(found | {f"expect:{tag}" for field, tag in asked.items() if case.get(field)})


def kinds(fields):
    """The kinds of types of fields, at any depth."""
    for field in fields:
        yield from kinds_of(field["type"])


def kinds_of(kind):
    if isinstance(kind, str):
        yield kind.partition("(")[0]
        return
    yield kind["type"]
    yield from kinds(kind.get("fields", []))
    for part in ("elementType", "keyType", "valueType"):
        if part in kind:
            yield from kinds_of(kind[part])


def checkpoints(log):
    """What lies in the log beside commits."""
    for name in os.listdir(log):
        if name == "_sidecars":
            yield "checkpoint:sidecars"
        elif name.endswith(".checkpoint.parquet"):
            yield "checkpoint:classic"
        elif ".checkpoint." in name:
            yield "checkpoint:v2-uuid-" + name.rpartition(".")[2]
        elif name.endswith(".crc"):
            yield "versionChecksum"


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=0, separators=(",", ":"), ensure_ascii=False)
        file.write("\n")


def write_rows(path, rows):
    import pyarrow.parquet

    pyarrow.parquet.write_table(rows, path, store_schema=False, write_statistics=False)


def expectation(spark, path, expected):
    """Writes rows of every version and the newest snapshot; the parts of case.json that follow from them."""
    travel, verified, operations = {}, [], set()
    newest = 0
    for state, actions in replay.states(path):
        newest = state.version
        operations |= {action["commitInfo"]["operation"] for action in actions if "commitInfo" in action}
        if checked(path, state, newest):
            verified.append(newest)
        rows = answers.rows(spark, path, newest)
        counted = state.rows()
        assert counted in (None, rows.num_rows), f"version {newest}: {rows.num_rows} rows, by statistics {counted}"
        travel[newest] = {"rows": rows.num_rows, "numFiles": len(state.files), "agreed_by": ["delta-spark-4.3.0"]}
        write_rows(os.path.join(expected, f"rows_v{newest}.parquet"), rows)
    os.rename(os.path.join(expected, f"rows_v{newest}.parquet"), os.path.join(expected, "rows.parquet"))
    write_json(os.path.join(expected, "snapshot.json"), state.snapshot())
    rows = travel.pop(newest)["rows"]
    return state, operations, {
        "versions": list(range(newest + 1)),
        "expected_version": newest,
        "snapshot_agreed_by": ["independent-python-replay", "delta-spark-4.3.0"],
        "crc_verified_versions": verified,
        "rows_agreed_by": ["delta-spark-4.3.0"],
        "expected_rows": rows,
        "time_travel": travel,
    }


def case_of(spark, name, table, folder):
    """Makes a table and its expectation in a folder."""
    path, expected = os.path.join(folder, "delta"), os.path.join(folder, "expected")
    os.makedirs(expected)
    make(spark, path, table)
    tidied(path)
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    state, operations, case = expectation(spark, path, expected)
    case = {
        "name": f"{SOURCE}/{name}",
        "source": {"repo": "this one", "path": "tests/corpus/generate", "commit": "-"},
        "licence": "generated for this project with Apache Spark 4.1.0 and Delta Lake 4.3.0",
        "expect": "rows",
        "features": [],
        "writers": ["Apache-Spark/4.1.0 Delta-Lake/4.3.0"],
        "operations": sorted(operations),
        **case,
        "notes": table.notes,
        "group": state.metadata["id"],
    }
    if table.conditions:
        case["skipping"] = list(answers.skipping(spark, path, table.conditions))
    if table.times:
        case["timestamps"], case["timestamp_travel"] = times(spark, path)
    if json_columns := answers.variants(answers.reader(spark, path)):
        case["variant_columns_as_canonical_json"] = json_columns
    tidied(path, table.checksums)
    case["features"] = tags(path, case)
    case["bytes"] = size(folder)
    write_json(os.path.join(folder, "case.json"), case)
    return case


def size(folder):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)


def indexed(case):
    """Brings the index up to date."""
    path = os.path.join(CORPUS, "index.json")
    with open(path, encoding="utf-8") as file:
        index = {entry["name"]: entry for entry in json.load(file)}
    names = ("name", "expect", "licence", "expected_version", "expected_rows", "features", "notes", "bytes")
    index[case["name"]] = {name: case[name] for name in names}
    write_json(path, [index[name] for name in sorted(index)])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("table", nargs="*", metavar="TABLE")
    wanted = options.parse_args().table or list(TABLES)
    scratch = protocol.scratch("corpus")
    from spark import session

    spark = session(scratch, argparse.Namespace(s3_endpoint=None))
    try:
        for name in wanted:
            made = os.path.join(scratch, name)
            case = case_of(spark, name, TABLES[name], made)
            place = os.path.join(CORPUS, SOURCE, name)
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(made, place)
            indexed(case)
            print(f"{SOURCE}/{name}: {case['bytes']} bytes", flush=True)
        spark.stop()
    finally:
        protocol.remove(scratch)
    total = size(CORPUS)
    print(f"the corpus has {total} bytes")
    assert total <= MAX_BYTES, f"more than {MAX_BYTES} bytes"


if __name__ == "__main__":
    main()
