"""What Spark reads of a table that it wrote: rows, times, and the files that a condition leaves."""
import datetime
import decimal
import json

import pyarrow


def reader(spark, path, version=None):
    rows = spark.read.format("delta")
    return (rows if version is None else rows.option("versionAsOf", version)).load(path)


def variants(frame):
    """The top-level columns whose rows are compared as canonical JSON."""
    return [field.name for field in frame.schema.fields if field.dataType.typeName() == "variant"]


def rows(spark, path, version):
    """The rows of a version as Arrow."""
    frame = reader(spark, path, version)
    json_columns = variants(frame)
    quoted = {name: "`" + name.replace("`", "``") + "`" for name in frame.columns}
    frame = frame.selectExpr(*[f"to_json({q}) AS {q}" if name in json_columns else q for name, q in quoted.items()])
    batches = frame._collect_as_arrow(empty_list_if_zero_records=False)
    table = pyarrow.Table.from_batches(batches)
    for name in json_columns:
        texts = [None if text is None else canonical(text) for text in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pyarrow.array(texts, pyarrow.string()))
    return table.combine_chunks()


def canonical(text):
    """JSON with its keys sorted and no spaces; numbers without a fraction that is zero."""
    def number(value):
        if isinstance(value, decimal.Decimal):
            return int(value) if value == value.to_integral_value() else float(value)
        if isinstance(value, dict):
            return {key: number(inner) for key, inner in value.items()}
        return [number(inner) for inner in value] if isinstance(value, list) else value

    value = number(json.loads(text, parse_float=decimal.Decimal))
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def skipping(spark, path, conditions):
    """How many rows match each condition, and how many files Spark reads to find them."""
    for condition in conditions:
        found = reader(spark, path).where(condition)
        yield {"predicate_sql": condition, "rows": found.count(), "files_after_pruning": len(found.inputFiles())}


def milliseconds(time):
    """Of a time that Spark gave, in the process's zone, which is UTC."""
    return round(time.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)


def history(spark, path):
    """When each version was committed, oldest first."""
    entries = spark.sql(f"DESCRIBE HISTORY delta.`{path}`").select("version", "timestamp").collect()
    return sorted((entry.version, milliseconds(entry.timestamp)) for entry in entries)


def version_as_of(spark, path, time_ms):
    """The version that Spark opens as of a time, or the class of the error with which it refuses."""
    text = datetime.datetime.fromtimestamp(time_ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    try:
        frame = spark.read.format("delta").option("timestampAsOf", text).load(path)
    except Exception as error:
        name = getattr(error, "getCondition", lambda: None)() or getattr(error, "getErrorClass", lambda: None)()
        if not (name or "").startswith("DELTA_TIMESTAMP_"):
            raise
        return {"timestamp_ms": time_ms, "error": name}
    location = frame._jdf.queryExecution().analyzed().collectLeaves().head().relation().location()
    return {"timestamp_ms": time_ms, "version": location.getSnapshot().version()}
