# How long may things take? Source it.
slower=${SEALIFT_SLOWER:-1} # than without a sanitizer: tests/CMakeLists.txt
sanitizer_says='Sanitizer: |runtime error: '

# limit SECONDS COMMAND...
limit()
{
    local seconds=$1
    shift
    timeout $((seconds * slower)) "$@"
}
