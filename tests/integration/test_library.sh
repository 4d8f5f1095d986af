#!/usr/bin/env bash
# A stranger's C program: compiled against the installed header and pkg-config file, it appends and
# reads. The library exports its public calls and nothing else.
source "$(dirname "$0")/lib.sh"
need_tools cmake pkg-config cc nm od python3

cmake --install "$(dirname "$bin")" --prefix "$work/usr" >"$work/log/install" 2>&1 || die "it installs"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/usr" -name sealift.pc)")
library=$(find "$work/usr" -name libsealift.so)
strange=$(nm -D --defined-only "$library" | awk '$2 == "T" {print $3}' | grep -v '^sealift_' || true)
is "the library exports its own calls only" "$strange" ""

cat >"$work/stranger.c" <<'C'
#include <sealift.h>
#include <stdio.h>
#include <string.h>

static int acked;
static void done(void *context, const struct sealift_appended *appended)
{
    (void)context;
    acked += appended->status == SEALIFT_OK && appended->lsn > 0;
}
static bool record(void *context, uint64_t lsn, const void *data, size_t size)
{
    (void)context;
    printf("%llu %.*s\n", (unsigned long long)lsn, (int)size, (const char *)data);
    return true;
}
int main(int argc, char **argv)
{
    struct sealift_options options = {.addresses = {argv[1]}, .ca = argv[2], .certificate = argv[3], .key = argv[4]};
    struct sealift_reading reading = {.from_lsn = 2, .record = record};
    char text[SEALIFT_TEXT_MAX];
    struct sealift *sealift = argc == 5 ? sealift_open(&options, text) : NULL;

    if (sealift == NULL) {
        return 2;
    }
    for (int i = 1; i <= 3; i++) {
        char body[16];
        snprintf(body, sizeof body, "record %d", i);
        struct sealift_record one = {.data = body, .size = strlen(body), .durability = "local", .done = done};
        if (sealift_append(sealift, &one) != SEALIFT_OK) {
            return 3;
        }
    }
    struct sealift_record none = {.data = "", .size = 0};
    if (sealift_append(sealift, &none) != SEALIFT_USAGE || sealift_drain(sealift, 10000) != SEALIFT_OK || acked != 3) {
        return 4;
    }
    int code = sealift_read(sealift, &reading) == SEALIFT_OK ? 0 : 5;
    sealift_close(sealift);
    return code;
}
C
# shellcheck disable=SC2046,SC2086 # words
cc -Wall -Wextra -Werror ${SEALIFT_CFLAGS:-} -o "$work/stranger" "$work/stranger.c" $(pkg-config --cflags --libs sealift) \
    && ok "a stranger's program compiles" || die "a stranger's program compiles"

pki_init
issue p1 us-east-1 primary
plan p1
start_primary p1 --create --no-storage-encrypted
said=$(LD_LIBRARY_PATH=$(dirname "$library") limit 30 "$work/stranger" "127.0.0.1:${port[p1]}" \
    "$work/pki/ca.crt" "$work/pki/client.crt" "$work/pki/client.key") || bad "it runs" "exit code $?"
is "it appends and reads from the middle" "$said" "$(printf '2 record 2\n3 record 3')"
conclude
