#!/usr/bin/env bash
# Sets up Spark 4.1 with Delta Lake 4.3 and s3a in DIR. Needs Java and Maven (for the jars), Python 3.11 to 3.13.
# Usage: setup.sh DIR       Quick when it has been done before; DIR can be deleted at any time. 850 MiB.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../java.sh"
dir=$1
mark=$dir/.done
want=$(cat "$0" "$here/../java.sh" "$here/requirements.txt" "$here/pom.xml" | cksum)

if [ -f "$mark" ] && [ "$(cat "$mark")" = "$want" ]; then exit 0; fi
command -v java > /dev/null || { echo "spark: needs Java 17 or later" >&2; exit 1; }
command -v mvn > /dev/null || { echo "spark: needs Maven to fetch the jars" >&2; exit 1; }

rm -rf "$dir"
mkdir -p "$dir"
echo "spark: installing pyspark in $dir"
"$(command -v python3.11 || command -v python3)" -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
link_java "$dir" 17 21

echo "spark: fetching the Delta and s3a jars"
jars=$("$dir/bin/python" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__) + "/jars")')
mvn -q -B -Dstyle.color=never "-Dmaven.repo.local=$dir/maven" -f "$here/pom.xml" \
    org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$dir/fetched"
for jar in "$dir"/fetched/*.jar; do # where pyspark has a version of its own, that one stays
    name=$(basename "$jar")
    compgen -G "$jars/${name%-[0-9]*}-[0-9]*" > /dev/null || mv "$jar" "$jars/"
done
rm -rf "$dir/fetched" "$dir/maven"
echo "$want" > "$mark"
echo "spark: done, $(du -sm "$dir" | cut -f1) MiB in $dir"
