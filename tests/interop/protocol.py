"""How a test talks with an engine: JSON lines on stdin and stdout, one answer for each request, until stdin closes.

The first line out is {"ok": true, "ready": true}.  An answer has "ok": true, or "ok": false and "error": a string that starts
with the class of the error; the session survives errors.  Requests:

    {"op": "read", "table": URI, "version"?: N, "timestamp"?: ISO 8601 with zone, "cdf"?: [FIRST, LAST or null],
     "s3"?: {"endpoint", "access_key", "secret_key", "region"}}        -> rows (their count), columns, checksums
    {"op": "sql", "sql": ...}                                          -> columns, rows      (Spark and Trino only)
    {"op": "append", "table": URI, "first": ID, "seconds": N, "s3"?}   -> acknowledged, failed, errors   (delta-rs and Trino)

`append` adds rows (id long, note string) with the ids FIRST, FIRST+1, ... for N seconds, each in a commit of its own:
`acknowledged` and `failed` are lists of ids, `errors` says how often which error came.

URI is the absolute path of a local folder, or s3://bucket/prefix.
"""
import json
import os
import shutil
import sys
import tempfile


def channel():
    """The stream of answers.  From here on, whatever else the process prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


def scratch(name):
    """A folder for temporary files of this process and those that it starts."""
    folder = tempfile.mkdtemp(prefix=f"lakebed-{name}-")
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    return folder


def serve(answers, operations, describe=lambda error: f"{type(error).__name__}: {error}"):
    """Answers requests by `operations`: op -> function of the request."""
    print(json.dumps({"ok": True, "ready": True}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": True, **operations[request["op"]](request)}
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a Rust panic derives from BaseException
            answer = {"ok": False, "error": shorten(describe(error))}
        print(json.dumps(answer), file=answers)


def shorten(text, length=2000):
    half = length // 2
    return text if len(text) <= length else f"{text[:half]} ... {text[-half:]}"


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
