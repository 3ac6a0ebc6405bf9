"""The engines that run inside Python: how each opens a Delta table and hands its rows over as Arrow.

An engine is a function from a request (see protocol.py) to a pyarrow Table or RecordBatchReader.  What it must keep alive
while rows are read goes to request["_keep"]; the columns that it could only hand over as JSON text of variants go to
request["variants_as_json"].
"""
from __future__ import annotations

import datetime
import functools
import glob
import os
from urllib.parse import urlparse

import pyarrow as pa

ENGINES = {}
# imported before the engine says that it is ready
PACKAGES = {"deltalake": "deltalake", "duckdb": "duckdb", "chdb": "chdb", "polars": "polars", "daft": "daft", "sail": "pysail",
            "kernel": "delta_kernel_rust_sharing_wrapper"}


def engine(name):
    def register(read):
        ENGINES[name] = read
        return read

    return register


def refuse(request, *fields):
    """Errors where the engine's API has no way to say what is asked: an ignored option would return other rows."""
    for field in fields:
        if request.get(field) is not None:
            raise NotImplementedError(f"no way to read by {field}")


def storage_options(request):
    """In delta-rs's words, which Polars shares."""
    s3 = request.get("s3")
    return s3 and {
        "aws_access_key_id": s3["access_key"],
        "aws_secret_access_key": s3["secret_key"],
        "aws_region": s3["region"],
        "aws_endpoint_url": s3["endpoint"],
        "aws_allow_http": "true",
        "aws_virtual_hosted_style_request": "false",
    }


def putting_options(request):
    """With commits that are created only where none is; in a folder delta-rs needs no option for that."""
    options = storage_options(request)
    return options and options | {"conditional_put": "etag"}


def instant(request):
    return request.get("timestamp") and datetime.datetime.fromisoformat(request["timestamp"].replace("Z", "+00:00"))


@engine("deltalake")
def _(request):
    import deltalake

    table = deltalake.DeltaTable(request["table"], version=request.get("version"), storage_options=storage_options(request))
    if request.get("timestamp"):
        table.load_as_version(instant(request))
    if request.get("cdf"):
        first, last = request["cdf"]
        return pa.RecordBatchReader.from_stream(table.load_cdf(starting_version=first, ending_version=last))
    return pa.RecordBatchReader.from_stream(table.scan())


@engine("duckdb")
def _(request):
    import duckdb
    import duckdb_extension_delta
    import duckdb_extension_httpfs

    refuse(request, "cdf", "timestamp")
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true", "autoinstall_known_extensions": "false"})
    for package in (duckdb_extension_httpfs, duckdb_extension_delta):
        [extension] = glob.glob(list(package.__path__)[0] + "/extensions/*/*.duckdb_extension")
        connection.execute(f"LOAD '{extension}'")
    connection.execute("SET TimeZone='UTC'; SET arrow_large_buffer_size=false; SET preserve_insertion_order=false")
    if s3 := request.get("s3"):
        endpoint = urlparse(s3["endpoint"])
        connection.execute(
            f"CREATE SECRET s (TYPE s3, KEY_ID '{s3['access_key']}', SECRET '{s3['secret_key']}', REGION '{s3['region']}', "
            f"ENDPOINT '{endpoint.netloc}', USE_SSL {str(endpoint.scheme == 'https').lower()}, URL_STYLE 'path')")
    uri = request["table"].replace("'", "''")
    version = f", version={request['version']}" if request.get("version") is not None else ""
    scan = f"delta_scan('{uri}'{version})"
    columns = connection.sql(f"SELECT * FROM {scan}")
    variants = [c for c, t in zip(columns.columns, columns.types) if str(t) == "VARIANT"]
    quoted = {c: '"' + c.replace('"', '""') + '"' for c in columns.columns}
    selected = [f"{q}::JSON::VARCHAR AS {q}" if c in variants else q for c, q in quoted.items()]
    request["variants_as_json"] = variants
    request["_keep"] = connection
    return connection.execute(f"SELECT {', '.join(selected)} FROM {scan}").to_arrow_reader(1 << 16)


@engine("chdb")
def _(request):
    from chdb import session

    refuse(request, "timestamp")
    request["_keep"] = clickhouse = session.Session()
    if s3 := request.get("s3"):
        place = urlparse(request["table"])
        url = f"{s3['endpoint'].rstrip('/')}/{place.netloc}{place.path.rstrip('/')}/"
        table = f"deltaLake('{url}', '{s3['access_key']}', '{s3['secret_key']}')"
    else:
        table = f"deltaLakeLocal('{request['table'].rstrip('/')}')"
    settings = {
        "session_timezone": "'UTC'", "allow_experimental_delta_kernel_rs": 1, "output_format_arrow_string_as_string": 1,
        "output_format_arrow_compression_method": "'none'", "output_format_arrow_low_cardinality_as_dictionary": 0,
        "delta_lake_snapshot_version": request.get("version"),
    }
    if request.get("cdf"):
        settings |= zip(("delta_lake_snapshot_start_version", "delta_lake_snapshot_end_version"), request["cdf"])
    chosen = ", ".join(f"{k}={v}" for k, v in settings.items() if v is not None)
    result = clickhouse.query(f"SELECT * FROM {table} SETTINGS {chosen} FORMAT ArrowStream", "ArrowStream").bytes()
    if not result:
        raise RuntimeError("ClickHouse returned nothing, not even a schema")
    return pa.ipc.open_stream(result)


@engine("polars")
def _(request):
    import polars

    refuse(request, "cdf")
    at = request.get("version") if request.get("version") is not None else instant(request)
    scan = polars.scan_delta(request["table"], version=at, storage_options=storage_options(request), credential_provider=None)
    return scan.collect().to_arrow()


@engine("daft")
def _(request):
    import daft

    refuse(request, "cdf")
    config = None
    if s3 := request.get("s3"):
        config = daft.io.IOConfig(s3=daft.io.S3Config(
            endpoint_url=s3["endpoint"], key_id=s3["access_key"], access_key=s3["secret_key"], region_name=s3["region"],
            use_ssl=s3["endpoint"].startswith("https"), force_virtual_addressing=False))
    at = request.get("version") if request.get("version") is not None else instant(request)
    return daft.read_deltalake(request["table"], version=at, io_config=config).to_arrow()


@functools.cache
def sail_session():
    """A server, of which a process can have one only, and its session."""
    os.environ.setdefault("RUST_LOG", "error")
    from pysail.spark import SparkConnectServer
    from pyspark.sql import SparkSession

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    host, port = server.listening_address
    spark = SparkSession.builder.remote(f"sc://{host}:{port}").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return server, spark


@engine("sail")
def _(request):
    refuse(request, "cdf")  # it ignores readChangeFeed
    if s3 := request.get("s3"):
        os.environ.update(
            AWS_ACCESS_KEY_ID=s3["access_key"], AWS_SECRET_ACCESS_KEY=s3["secret_key"], AWS_REGION=s3["region"],
            AWS_ENDPOINT_URL=s3["endpoint"], AWS_ALLOW_HTTP="true", AWS_EC2_METADATA_DISABLED="true")
    _, spark = sail_session()
    reader = spark.read.format("delta")
    if request.get("version") is not None:
        reader = reader.option("versionAsOf", str(request["version"]))
    if request.get("timestamp"):
        reader = reader.option("timestampAsOf", request["timestamp"])
    return reader.load(request["table"]).toArrow()


@engine("kernel")
def _(request):
    import delta_kernel_rust_sharing_wrapper as kernel

    refuse(request, "s3", "version", "timestamp")
    place = request["table"]
    url = place if "://" in place else "file://" + place.rstrip("/") + "/"
    interface, table = kernel.PythonInterface(url), kernel.Table(url)
    request["_keep"] = interface, table
    if request.get("cdf"):
        first, last = request["cdf"]
        return kernel.TableChangesScanBuilder(table, interface, first, last).build().execute(interface)
    return kernel.ScanBuilder(table.snapshot(interface)).build().execute(interface)


@engine("expected")
def _(request):
    """No engine: the plain Parquet file of the rows that engines have to return."""
    import pyarrow.dataset

    return pyarrow.dataset.dataset(request["table"], format="parquet").scanner().to_reader()
