/* Three chains run side by side, since the CRC instruction has a latency of three cycles and a
 * throughput of one; what they found is joined by carry-less multiplication.
 *
 * A chain of n bytes is moved past m more bytes by multiplying with x^(8m) mod P. In the bit-
 * reflected domain the product of two 32-bit numbers, put through the CRC instruction, comes out
 * reduced and moved by 33 bits more: hence the constants are x^(8m - 33) mod P, reflected.
 *
 * Processors without SSE 4.2 and PCLMULQDQ take the table, four bits at a time. */
#include "seal/crc32c.h"

enum { CHAIN_BYTES = 1024, CHAINS_BYTES = 3 * CHAIN_BYTES };

static uint32_t table_add(uint32_t crc, struct bytes bytes)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };

    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

uint32_t crc32c_portable(uint32_t before, struct bytes bytes)
{
    return ~table_add(~before, bytes);
}

#if defined(__x86_64__)

#include <immintrin.h>

#define PAST_ONE_CHAIN UINT32_C(0x170076fa) /* x^(8 * 1024 - 33) mod P, reflected */
#define PAST_TWO_CHAINS UINT32_C(0xa51b6135) /* x^(16 * 1024 - 33) mod P, reflected */

#define HARDWARE __attribute__((target("sse4.2,pclmul")))

static uint64_t eight_bytes(const uint8_t *data)
{
    uint64_t value;

    memcpy(&value, data, sizeof value);
    return value;
}

HARDWARE static uint64_t moved(uint64_t crc, uint32_t constant)
{
    const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc),
                                                 _mm_cvtsi32_si128((int)constant), 0);

    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

HARDWARE static uint64_t add_three_chains(uint64_t crc, const uint8_t *data)
{
    uint64_t second = 0;
    uint64_t third = 0;

    for (size_t i = 0; i < CHAIN_BYTES; i += 8) {
        crc = _mm_crc32_u64(crc, eight_bytes(data + i));
        second = _mm_crc32_u64(second, eight_bytes(data + i + CHAIN_BYTES));
        third = _mm_crc32_u64(third, eight_bytes(data + i + 2 * CHAIN_BYTES));
    }
    return moved(crc, PAST_TWO_CHAINS) ^ moved(second, PAST_ONE_CHAIN) ^ third;
}

HARDWARE static uint32_t hardware_add(uint64_t crc, struct bytes bytes)
{
    const uint8_t *data = bytes.data;
    size_t left = bytes.size;

    for (; left >= CHAINS_BYTES; left -= CHAINS_BYTES, data += CHAINS_BYTES) {
        crc = add_three_chains(crc, data);
    }
    for (; left >= 8; left -= 8, data += 8) {
        crc = _mm_crc32_u64(crc, eight_bytes(data));
    }
    for (; left > 0; left--, data++) {
        crc = _mm_crc32_u8((uint32_t)crc, *data);
    }
    return (uint32_t)crc;
}

static bool has_hardware(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

uint32_t crc32c(uint32_t before, struct bytes bytes)
{
    return has_hardware() ? ~hardware_add(~before, bytes) : crc32c_portable(before, bytes);
}

#else

uint32_t crc32c(uint32_t before, struct bytes bytes)
{
    return crc32c_portable(before, bytes);
}

#endif
