/* A certificate made on the spot, a socket pair over loopback, a child that receives.
 *
 * The receiver counts what it has decrypted until the sender's goodbye and answers with the count;
 * any other count, another cipher or an early end makes the measurement fail. */
#include "bench/raw_tls.h"

#include "base/check.h"
#include "bench/stay.h"
#include "client/session.h"
#include "seal/aes_provider.h"
#include "transport/certificates.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK_BYTES = 256 << 10, GATHER_BYTES = 64 << 10, DAY_S = 86400 };

struct ends {
    int sender, receiver;
    cpu_set_t allowed;
};

static bool connect_ends(struct ends *ends)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    const int on = 1;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ends->sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool made = listener >= 0 && ends->sender >= 0
                      && bind(listener, (struct sockaddr *)&address, size) == 0
                      && listen(listener, 1) == 0
                      && getsockname(listener, (struct sockaddr *)&address, &size) == 0
                      && connect(ends->sender, (struct sockaddr *)&address, size) == 0;

    ends->receiver = made ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    close(listener);
    setsockopt(ends->sender, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return ends->receiver >= 0;
}

static SSL_CTX *make_context(void)
{
    const struct certificate_validity validity = {time(NULL) - DAY_S, time(NULL) + DAY_S};
    struct certificate own = {0};
    /* The reference is what anybody gets, not what this program chose for itself. */
    SSL_CTX *context = SSL_CTX_new_ex(NULL, AES_PROVIDER_STOCK, TLS_method());

    CHECK(certificate_make_ca(&own, "bench", validity) == OK && context != NULL);
    CHECK(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
    CHECK(SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384") == 1);
    CHECK(SSL_CTX_use_certificate(context, own.x509) == 1);
    CHECK(SSL_CTX_use_PrivateKey(context, own.key) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_num_tickets(context, 0);
    certificate_free(&own);
    return context;
}

static SSL *make_stream(SSL_CTX *context, int fd, bool sends)
{
    SSL *ssl = SSL_new(context);

    CHECK(ssl != NULL && SSL_set_fd(ssl, fd) == 1);
    if (sends ? SSL_connect(ssl) != 1 : SSL_accept(ssl) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

static void gather_writes(SSL *ssl)
{
    BIO *gather = BIO_new(BIO_f_buffer());
    BIO *below = SSL_get_wbio(ssl);

    CHECK(gather != NULL && BIO_set_write_buffer_size(gather, GATHER_BYTES) == 1);
    BIO_up_ref(below);
    SSL_set0_wbio(ssl, BIO_push(gather, below));
}

/* The child: its exit code is 0 where everything went as it should. */
static int receive_all(SSL_CTX *context, const struct ends *ends)
{
    static uint8_t buffer[CHUNK_BYTES];
    uint64_t count = 0;

    const int fd = ends->receiver;

    stay_on(&ends->allowed, 1);
    SSL *ssl = make_stream(context, fd, false);

    if (ssl == NULL) {
        return 1;
    }
    for (;;) {
        const int got = SSL_read(ssl, buffer, sizeof buffer);

        if (got <= 0) {
            break;
        }
        count += (uint64_t)got;
    }
    const bool ended = (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;

    return ended && write(fd, &count, sizeof count) == (ssize_t)sizeof count ? 0 : 1;
}

static double cpu_of(int whose)
{
    struct rusage usage;

    CHECK(getrusage(whose, &usage) == 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
           + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Returns the bytes that arrived; 0 where not all did. */
static uint64_t send_for(SSL *ssl, int fd, double seconds, double *took)
{
    static uint8_t chunk[CHUNK_BYTES];
    const struct instant began = session_now();
    uint64_t sent = 0, arrived = 0;

    while ((double)instant_since(began, session_now()).ns < seconds * 1e9) {
        if (SSL_write(ssl, chunk, sizeof chunk) != (int)sizeof chunk) {
            return 0;
        }
        sent += sizeof chunk;
    }
    SSL_shutdown(ssl);
    if (BIO_flush(SSL_get_wbio(ssl)) != 1
        || recv(fd, &arrived, sizeof arrived, MSG_WAITALL) != (ssize_t)sizeof arrived) {
        return 0;
    }
    *took = (double)instant_since(began, session_now()).ns / 1e9;
    return arrived == sent ? sent : 0;
}

static bool send_and_time(SSL_CTX *context, int fd, double seconds, struct raw_tls *raw)
{
    SSL *ssl = make_stream(context, fd, true);
    double took = 0;

    if (ssl == NULL) {
        return false;
    }
    gather_writes(ssl);

    const double cpu = cpu_of(RUSAGE_SELF);
    const uint64_t bytes = send_for(ssl, fd, seconds, &took);

    raw->mb_per_s = (double)bytes / took / 1e6;
    raw->sender_cpu_s_per_gb = (cpu_of(RUSAGE_SELF) - cpu) * 1e9 / (double)bytes;
    raw->receiver_cpu_s_per_gb = 1e9 / (double)bytes; /* times its seconds, known at its end */
    SSL_free(ssl);
    return bytes > 0;
}

static bool run(SSL_CTX *context, const struct ends *ends, double seconds, struct raw_tls *raw)
{
    const double children_cpu = cpu_of(RUSAGE_CHILDREN);
    int status = 1;

    fflush(NULL);

    const pid_t child = fork();

    if (child == 0) {
        close(ends->sender);
        _exit(receive_all(context, ends));
    }
    close(ends->receiver);
    if (child < 0) {
        close(ends->sender);
        return false;
    }

    const bool sent = send_and_time(context, ends->sender, seconds, raw);

    close(ends->sender);
    waitpid(child, &status, 0);
    raw->receiver_cpu_s_per_gb *= cpu_of(RUSAGE_CHILDREN) - children_cpu;
    return sent && status == 0;
}

bool raw_tls_measure(struct raw_tls *raw, double seconds)
{
    struct ends ends;
    SSL_CTX *context = make_context();

    *raw = (struct raw_tls){0};
    stay_begin(&ends.allowed);
    stay_on(&ends.allowed, 0);

    const bool done = connect_ends(&ends) && run(context, &ends, seconds, raw);

    stay_end(&ends.allowed);
    SSL_CTX_free(context);
    if (!done) {
        fprintf(stderr, "sealift-bench: the raw TLS stream broke\n");
    }
    return done;
}
