#!/usr/bin/env bash
# Checks the rules that keep the engine pure, on its sources and on what they compile to:
#   - floors only look down (base < data < store, cluster < node), and nothing looks out of the engine;
#   - simulator and server never meet, and headers form no cycle;
#   - the engine includes few system headers and imports what its host lends it, string functions, xxhash, lz4 and zstd alone;
#   - it has no writable globals and no floating point.
#
# Usage: check_includes.sh [ROOT [COMPILER]]     exits 0 when all hold, 1 after naming what does not
set -u -o pipefail
export LC_ALL=C

root=${1:-$(dirname "$0")/../..}
compiler=${2:-cc}
cd "$root" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

FLOORS="base data store cluster node"
SYSTEM_HEADERS='^(stdbool|stddef|stdint|string|limits|xxhash|lz4|zstd)\.h$'
# The host lends memory (engine/base/memory.h) and stops at a failed check; nothing else comes from outside.
IMPORTS='^(host_memory_(allocate|allocate_zeroed|resize|release)|memcpy|memmove|memcmp|memset|memchr|strlen|XXH.*|LZ4.*|ZSTD.*)$'
# clang turns a memcmp() that is only compared with zero into bcmp().
IMPORTS_OF_COMPILERS='^(host_check_failed|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|bcmp)$'

fail() {
    echo "purity: $*" >&2
    failures=$((failures + 1))
}

# Which folders a folder's files may include from.
may_include() {
    case $1 in
    engine/base) echo "engine/base" ;;
    engine/data) echo "engine/base engine/data" ;;
    engine/store) echo "engine/base engine/data engine/store" ;;
    engine/cluster) echo "engine/base engine/data engine/cluster" ;;
    engine/node) echo "engine/base engine/data engine/store engine/cluster engine/node" ;;
    sim) echo "engine/base engine/data engine/store engine/cluster engine/node sim" ;;
    harness | reports)
        echo "engine/base engine/data engine/store engine/cluster engine/node sim harness reports" ;;
    harness/bench) # measures the store alone, as a library on real files
        echo "engine/base engine/data engine/store harness harness/bench server/blocking_store.h server/shared_store.h server/step_watch.h" ;;
    server) echo "engine/base engine/data engine/store engine/cluster engine/node server" ;;
    esac
}

# Prints "file included" for every quoted (or, with <, every system) include of a folder's files.
includes_of() {
    local folder=$1 open=$2 close=$3
    find "$folder" -maxdepth 1 -name '*.[ch]' 2>/dev/null | sort | while read -r file; do
        sed -n "s/^[[:space:]]*#[[:space:]]*include[[:space:]]*$open\([^$close]*\)$close.*/\1/p" "$file" |
            sed "s|^|$file |"
    done
}

check_includes() {
    local folder file included allowed
    for folder in engine/base engine/data engine/store engine/cluster engine/node \
        sim harness harness/bench reports server; do
        allowed=" $(may_include "$folder") "
        while read -r file included; do
            echo "$file $included" >>"$work/edges"
            case $allowed in
            *" $(dirname "$included") "* | *" $included "*) ;;
            *) fail "$file may not include \"$included\"" ;;
            esac
            [ -f "$included" ] || fail "$file includes \"$included\", which is not there"
        done < <(includes_of "$folder" '"' '"')
    done
    for folder in $FLOORS; do
        while read -r file included; do
            [[ $included =~ $SYSTEM_HEADERS ]] || fail "$file may not include <$included>"
        done < <(includes_of "engine/$folder" '<' '>')
    done
    local stray
    for stray in $(find engine -name '*.[ch]' | grep -vE '^engine/(base|data|store|cluster|node)/[^/]+$'); do
        fail "$stray is on no floor"
    done
}

check_cycles() {
    touch "$work/edges"
    tsort "$work/edges" >/dev/null 2>"$work/cycles" || fail "headers form a cycle: $(tr '\n' ' ' <"$work/cycles")"
}

# Comments and literals may say "double"; code may not.
check_floating_point() {
    local file
    for file in $(find engine -name '*.[ch]' | sort); do
        if perl -0777 -pe 's{/\*.*?\*/|//[^\n]*|"(?:[^"\\]|\\.)*"}{}gs' "$file" |
            grep -nwE 'float|double|_Complex|__float128' >"$work/floats"; then
            fail "$file uses floating point: $(head -1 "$work/floats")"
        fi
    done
}

# Without position independence, so that constant tables of pointers count as what they are: constant.
compile_floor() {
    local floor=$1
    mkdir -p "$work/$floor"
    find "engine/$floor" -name '*.c' | sort | xargs -r -P 2 -I {} sh -c '
        "$1" -std=c17 -O2 -fno-pic -fno-pie -U_FORTIFY_SOURCE -I. -c "$2" \
            -o "$3/$(basename "$2" .c).o" 2>"$3/$(basename "$2" .c).error" || echo "$2"' \
        sh "$compiler" {} "$work/$floor" >"$work/$floor.broken"
    while read -r file; do
        fail "$file does not compile: $(head -1 "$work/$floor/$(basename "$file" .c).error")"
    done <"$work/$floor.broken"
    find "$work/$floor" -name '*.o' | sort >"$work/$floor.objects"
    xargs -r nm -g --defined-only <"$work/$floor.objects" 2>/dev/null | awk 'NF == 3 { print $3 }' |
        sort -u >"$work/$floor.defined"
}

check_symbols() {
    local floor lower symbol object kind
    for floor in $FLOORS; do
        compile_floor "$floor"
    done
    for floor in $FLOORS; do
        for lower in $(may_include "engine/$floor"); do
            cat "$work/${lower#engine/}.defined"
        done | sort -u >"$work/allowed"
        while read -r object symbol; do
            [[ $symbol =~ $IMPORTS || $symbol =~ $IMPORTS_OF_COMPILERS ]] && continue
            fail "engine/$floor/$(basename "${object%:*}" .o).c imports $symbol"
        done < <(xargs -r nm -A -u <"$work/$floor.objects" | awk '{ print $1, $NF }' |
            awk 'NR == FNR { known[$1] = 1; next } !($2 in known)' "$work/allowed" -)
        while read -r object kind symbol; do
            fail "engine/$floor/$(basename "${object%:*}" .o).c has the writable global $symbol ($kind)"
        done < <(xargs -r nm -A <"$work/$floor.objects" |
            awk 'NF >= 3 && $(NF - 1) ~ /^[DdBbCGgSs]$/ { print $1, $(NF - 1), $NF }')
    done
}

check_includes
check_cycles
check_floating_point
check_symbols
if [ "$failures" -gt 0 ]; then
    echo "purity: $failures broken rule(s)" >&2
    exit 1
fi
echo "purity: all rules hold"
