#!/usr/bin/env bash
# The installed library is whole: what docs/library.md shows builds against it alone, in C and in C++, and runs.
#   check_install.sh BUILD_DIRECTORY C_COMPILER
set -euo pipefail
build=$1 compiler=$2
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d /tmp/dunlin-install-XXXXXX)
trap 'rm -rf "$place"' EXIT

cmake --install "$build" --prefix "$place/usr" --component library >"$place/log" || { cat "$place/log"; exit 1; }
export PKG_CONFIG_PATH=$(dirname "$(find "$place/usr" -name dunlin_store.pc)")
flags=$(pkg-config --cflags --libs --static dunlin_store)
sanitizers=$(grep -q 'DUNLIN_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" && echo -fsanitize=address,undefined || true)

cd "$place"
"$compiler" -Wall -Wextra -Werror $sanitizers "$here/example.c" $flags -o example
./example "$place/store" >"$place/said"
grep -q '^cart:7 holds an apple$' "$place/said"
grep -q '^800 entries restored$' "$place/said"
if command -v c++ >/dev/null && [ -z "$sanitizers" ]; then
    c++ -std=c++17 -Wall -Werror "$here/example.cpp" $flags -o example_of_cpp
    ./example_of_cpp "$place/of_cpp"
fi
echo "the installed library is whole"
