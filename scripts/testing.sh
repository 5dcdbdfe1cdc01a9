# What scripts/test and scripts/test-all share; to be sourced from the top of the repository.
passed=0
failed=0
skipped=0

# build PRESET [TARGET...]: targets that do not exist are left out, so that a room without tests needs no line here.
build() {
  local preset=$1 launcher=()
  shift
  export CCACHE_NOHASHDIR=1
  # An empty ccache costs more than it saves. A folder that is configured already keeps to what it has, since with ccache
  # files are compiled otherwise (cmake/Precompile.cmake).
  if [ ! -e "build/$preset/CMakeCache.txt" ] && command -v ccache >/dev/null &&
    ccache --print-stats 2>/dev/null | grep -E '^files_in_cache\s+[1-9]' >/dev/null; then
    launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  cmake --preset "$preset" "${launcher[@]}" >/dev/null
  local targets=() known
  # Not `--target help`: it leaves out programs at the top of the build folder, raven among them.
  known=$(ninja -C "build/$preset" -t targets all)
  for target in "$@"; do
    if grep -q "^$target:" <<<"$known"; then targets+=(--target "$target"); fi
  done
  cmake --build --preset "$preset" "${targets[@]}"
}

# run_tests PRESET [CTEST ARGUMENTS...]: goes on after failures and counts.
run_tests() {
  local preset=$1 log
  shift
  log=build/$preset/tests.log
  # Leaks are looked for in ordinary programs only: MPI and HDF5 keep memory to the end on purpose. What memory can not hold is
  # refused as without a sanitizer.
  ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:allocator_may_return_null=1} UBSAN_OPTIONS=print_stacktrace=1 \
    TSAN_OPTIONS=suppressions=$PWD/tests/tsan.supp \
    ctest --preset "$preset" -j2 --no-tests=error "$@" 2>&1 | tee "$log" || true
  local all good skips
  all=$(sed -nE 's/^[0-9]+% tests passed, [0-9]+ tests failed out of ([0-9]+)$/\1/p' "$log")
  if [ -z "$all" ]; then
    echo "scripts/test: ctest did not finish in build/$preset" >&2
    failed=$((failed + 1))
    return
  fi
  good=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .* Passed ' "$log" || true)
  skips=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*\*\*\*Skipped' "$log" || true)
  passed=$((passed + good))
  skipped=$((skipped + skips))
  failed=$((failed + all - good - skips))
}

# The last line, and the exit code.
summary() {
  echo
  if [ "$skipped" -gt 0 ]; then echo "$skipped skipped: $(grep -hE '\*\*\*Skipped' build/*/tests.log | sed -E 's/.*: ([^ ]+) \.*.*/\1/' | sort -u | tr '\n' ' ')"; fi
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
