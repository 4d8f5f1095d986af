/* How fast is one TLS 1.3 stream on this machine, with nothing else to do?
 *
 * Memory to memory over loopback: OpenSSL as it comes, TLS_AES_256_GCM_SHA384, four records in one
 * write of 64 KiB, blocking sockets, sender and receiver processes each on a processor of its own.
 * Timed until the receiver has decrypted every byte and said so. The reference of everything. */
#ifndef SEALIFT_BENCH_RAW_TLS_H
#define SEALIFT_BENCH_RAW_TLS_H

#include <stdbool.h>

struct raw_tls {
    double mb_per_s;
    double sender_cpu_s_per_gb, receiver_cpu_s_per_gb;
};

/* False: said why. */
bool raw_tls_measure(struct raw_tls *raw, double seconds);

#endif
