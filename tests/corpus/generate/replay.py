"""What a table's log says, by reading every commit from version 0 on and nothing else: no checkpoint, no library.

The answer has the form of `expected/snapshot.json` (../README.md).
"""
import hashlib
import json
import os


def commits(table):
    """The actions of each version, oldest first.  The log must be whole."""
    log = os.path.join(table, "_delta_log")
    names = sorted(name for name in os.listdir(log) if len(name) == 25 and name.endswith(".json"))
    assert [int(name[:20]) for name in names] == list(range(len(names))), f"{table}: the log has gaps"
    for name in names:
        with open(os.path.join(log, name), encoding="utf-8") as lines:
            yield [json.loads(line) for line in lines if line.strip()]


def vector(file):
    """A file's deletion vector in one, or None: with the path it tells one entry from another."""
    dv = file.get("deletionVector")
    if dv is None:
        return None
    offset = f"@{dv['offset']}" if dv.get("offset") is not None else ""
    return f"{dv['storageType']}{dv['pathOrInlineDv']}{offset}"


class State:
    """A table at a version."""

    def __init__(self):
        self.version = -1
        self.protocol = self.metadata = None
        self.files, self.txns, self.domains = {}, {}, {}

    def follow(self, actions):
        self.version += 1
        # Within one commit a file may be removed with one vector and added with another: what goes, goes first.
        for remove in (action["remove"] for action in actions if "remove" in action):
            self.files.pop((remove["path"], vector(remove)), None)
        for action in actions:
            [(kind, value)] = action.items()
            if kind == "add":
                self.files[value["path"], vector(value)] = value
            elif kind == "protocol":
                self.protocol = value
            elif kind == "metaData":
                self.metadata = value
            elif kind == "txn":
                self.txns[value["appId"]] = value["version"]
            elif kind == "domainMetadata":
                self.domains.pop(value["domain"], None)
                if not value["removed"]:
                    self.domains[value["domain"]] = value["configuration"]
        paths = [path for path, _ in self.files]
        assert len(paths) == len(set(paths)), f"version {self.version}: a path has two entries"

    def size(self):
        return sum(file["size"] for file in self.files.values())

    def rows(self):
        """The rows by statistics and vectors; None where a file has no statistics."""
        stats = [json.loads(file.get("stats") or "{}").get("numRecords") for file in self.files.values()]
        if None in stats:
            return None
        return sum(stats) - sum((file.get("deletionVector") or {}).get("cardinality", 0) for file in self.files.values())

    def snapshot(self):
        metadata = self.metadata
        lines = sorted(f"{path}|{dv}" for path, dv in self.files)
        return {
            "version": self.version,
            "protocol": self.protocol,
            "metadata": {
                "id": metadata["id"],
                "name": metadata.get("name"),
                "schema": json.loads(metadata["schemaString"]),
                "partitionColumns": metadata["partitionColumns"],
                "configuration": metadata["configuration"],
                "createdTime": metadata.get("createdTime"),
            },
            "numFiles": len(self.files),
            "sizeInBytes": self.size(),
            "txns": self.txns,
            "domainMetadata": self.domains,
            "files_sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
            "files": [live(self.files[key]) for key in sorted(self.files, key=lambda key: key[0])],
        }


def live(file):
    """A live file, as far as it is compared."""
    told = {name: file[name] for name in ("path", "size", "partitionValues")}
    dv = file.get("deletionVector")
    if dv is not None:
        names = ("storageType", "pathOrInlineDv", "offset", "sizeInBytes", "cardinality")
        told["deletionVector"] = {name: dv[name] for name in names if dv.get(name) is not None}
    told |= {name: file[name] for name in ("baseRowId", "defaultRowCommitVersion", "clusteringProvider") if name in file}
    return told


def states(table):
    """The table at every version, oldest first.  One object that moves on: take from it what is needed."""
    state = State()
    for actions in commits(table):
        state.follow(actions)
        yield state, actions
