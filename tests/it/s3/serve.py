"""Runs an S3 server (SeaweedFS) on free loopback ports until stdin closes.

    serve.py WEED BUCKET...

When the buckets are there, prints one JSON line: endpoint, access_key, secret_key, region, bucket (the first).  The server's data lies in
a temporary folder and goes with it.  Whoever started this holds the other end of stdin, so the server ends with that
process, however it ends.
"""
import ctypes
import datetime
import hashlib
import hmac
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ACCESS_KEY, SECRET_KEY, REGION = "lakebed", "lakebed-secret", "us-east-1"
STARTS, START_SECONDS = 5, 60
GRPC = 10_000  # a component's gRPC port is its HTTP port plus this
PORTS = 4  # S3, master, volume, filer


def free_ports():
    """The first of PORTS consecutive ports that are free, and whose gRPC ports are."""
    while True:
        first = random.randrange(15_000, 21_000)
        try:
            for port in range(first, first + PORTS):
                for candidate in (port, port + GRPC):
                    with socket.socket() as s:
                        s.bind(("127.0.0.1", candidate))
            return first
        except OSError:
            continue


def die_with_parent():
    """On Linux, the server ends with this process even where that is killed."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(weed, folder, log):
    s3 = free_ports()
    command = [
        weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", f"-master.port={s3 + 1}",
        f"-volume.port={s3 + 2}", f"-filer.port={s3 + 3}", "-master.telemetry=false", "-master.volumeSizeLimitMB=128",
        "-volume.max=0", "-s3", f"-s3.port={s3}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false",
        "-master.electionTimeout=1s", "-volume.preStopSeconds=0",
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    environment |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    return s3, subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                preexec_fn=die_with_parent)


def put_bucket(port, bucket):
    """A signed `PUT /bucket`; the status."""
    host, empty = f"127.0.0.1:{port}", hashlib.sha256(b"").hexdigest()
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": stamp}
    canonical = "\n".join(["PUT", f"/{bucket}", "", *(f"{k}:{v}" for k, v in headers.items()), "", ";".join(headers), empty])
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET_KEY).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={';'.join(headers)}, Signature={signature}")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("PUT", f"/{bucket}", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def ready(process, port, buckets):
    """True once the buckets are there; False where the server ended or doesn't come up."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            # 409: it was made in an earlier round
            if all(put_bucket(port, bucket) in (200, 409) for bucket in buckets):
                return True
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.1)
    return False


def main(weed, *buckets):
    folder = tempfile.mkdtemp(prefix="lakebed-s3-")
    log_path = f"{folder}/log"
    process = None
    try:
        for _ in range(STARTS):
            with open(log_path, "wb") as log:
                port, process = start(weed, folder, log)
            if ready(process, port, buckets):
                print(json.dumps({"endpoint": f"http://127.0.0.1:{port}", "access_key": ACCESS_KEY, "secret_key": SECRET_KEY,
                                  "region": REGION, "bucket": buckets[0]}), flush=True)
                while sys.stdin.buffer.read1(1 << 16):
                    pass
                return 0
            process.kill()
            process.wait()
        with open(log_path, errors="replace") as log:
            print(f"the S3 server did not start: {log.read()[-3000:]}", file=sys.stderr)
        return 1
    finally:
        if process and process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    sys.exit(main(*sys.argv[1:]))
