/* Prints the keys that a member's data folder is sealed under, in hexadecimal: for a test that
 * looks for them where they must not be.
 *
 *   keys_of_folder DATA REGION=URL CA      credentials are in the environment
 *
 * A line for each data key, "dek HEX", and for each segment's sealing key, "segment HEX". */
#include "base/check.h"
#include "base/hex.h"
#include "cli/folder_keys.h"
#include "wal/segment.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 1 << 16 };

static void say(const char *what, const struct secret *secret)
{
    char text[2 * SECRET_BYTES + 1];

    printf("%s %s\n", what, hex_encode(bytes_of(secret->bytes, SECRET_BYTES), text));
}

/* Its first bytes, as many as there is room for. */
static struct bytes read_file(const char *path, uint8_t *into, size_t room)
{
    FILE *const file = fopen(path, "rb");

    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }

    const size_t size = fread(into, 1, room, file);

    fclose(file);
    return bytes_of(into, size);
}

static void say_segment(const char *path, const struct folder_keys *keys)
{
    uint8_t raw[SEGMENT_HEADER_BYTES];
    const struct bytes bytes = read_file(path, raw, sizeof raw);
    struct segment_header header;
    struct segment_key key;

    CHECK(segment_header_decode(&header, bytes) == OK);
    for (uint32_t i = 0; i < keys->count; i++) {
        if (segment_header_open(&header, bytes, &keys->deks[i].secret, &key) == OK) {
            say("segment", &key.seal);
        }
    }
}

int main(int argc, char **argv)
{
    static struct folder_keys keys;
    static struct keyring keyring;
    static uint8_t bytes[FILE_BYTES_MAX];
    char path[1024], *url;
    glob_t segments;

    if (argc != 4 || (url = strchr(argv[2], '=')) == NULL) {
        fprintf(stderr, "usage: %s DATA REGION=URL CA\n", argv[0]);
        return 2;
    }
    *url = '\0';
    snprintf(path, sizeof path, "%s/keyring", argv[1]);

    const struct folder_keys_order order = {
        .services = {{argv[2], url + 1}}, .service_count = 1, .ca = argv[3]};

    if (keyring_decode(&keyring, read_file(path, bytes, sizeof bytes)) != OK
        || folder_keys_ask(&keys, &order, &keyring) != OK) {
        fprintf(stderr, "%s: %s\n", argv[0], keys.why);
        return 1;
    }
    for (uint32_t i = 0; i < keys.count; i++) {
        say("dek", &keys.deks[i].secret);
    }
    snprintf(path, sizeof path, "%s/wal/*.seg", argv[1]);
    CHECK(glob(path, 0, NULL, &segments) == 0);
    for (size_t i = 0; i < segments.gl_pathc; i++) {
        say_segment(segments.gl_pathv[i], &keys);
    }
    globfree(&segments);
    folder_keys_wipe(&keys);
    return 0;
}
