/* Sizes are small, so that segments roll and queues fill within a few appends. */
#include "tests/unit/primary/scene.h"

#include "base/check.h"
#include "primary/primary_state.h"

#include <stdio.h>
#include <stdlib.h>

static struct identity self(void)
{
    struct identity identity = {.deployment = "test", .role = ROLE_PRIMARY};

    memset(identity.lineage.bytes, 0x11, sizeof identity.lineage.bytes);
    snprintf(identity.region, sizeof identity.region, "us-east-1");
    snprintf(identity.member, sizeof identity.member, "p1");
    return identity;
}

void scene_init(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    fake_init(&scene->world, 7);
    primary_settings_default(&scene->settings);
    scene->settings.create = true;
    scene->settings.pending_max = 8;
    scene->settings.groups_max = 2;
    scene->settings.drain_max = SPAN_S(1);

    struct member_settings *member = &scene->settings.member;

    member->self = self();
    member->encrypted = WISH_YES;
    member->window_bytes = 1 << 20;
    member->window_batches = 64;
    member->segment_bytes = 64 << 10;
    member->segments_max = 400;
    member->batch_bytes = 16 << 10;
    member->record_bytes_max = 64 << 10;
    member->producers_max = 16;
    member->feeds_max = 4;
    member->clients_max = 8;
    member->reads_max = 3;
    member->read_bytes = 32 << 10;
    member->entropy = scene->world.entropy;
    scene->scratch_block = aligned_alloc(4096, PROTO_SCRATCH_BYTES + 8192);
    CHECK(scene->scratch_block != NULL);
    struct arena arena = arena_of(scene->scratch_block, PROTO_SCRATCH_BYTES + 8192);
    proto_scratch_init(&scene->scratch, &arena);
}

static void drop_node(struct scene *scene)
{
    if (scene->node != NULL) {
        primary_destroy(scene->node);
        free(scene->block);
        scene->node = NULL;
    }
}

void scene_free(struct scene *scene)
{
    drop_node(scene);
    free(scene->scratch_block);
    fake_free(&scene->world);
}

void scene_start(struct scene *scene)
{
    const size_t size = primary_memory_bytes(&scene->settings);

    drop_node(scene);
    scene->block = calloc(1, size + ARENA_ALIGN_MAX); /* untouched pages cost nothing */
    CHECK(scene->block != NULL);

    const size_t skip = ARENA_ALIGN_MAX - (uintptr_t)scene->block % ARENA_ALIGN_MAX;

    scene->settings.member.entropy.context = &scene->world.dice;
    scene->arena = arena_of((uint8_t *)scene->block + skip, size);
    scene->node = primary_create(&scene->settings, &scene->arena);
    fake_start(&scene->world, scene->node);
    fake_run(&scene->world);
}

void scene_crash(struct scene *scene, bool torn)
{
    fake_crash(&scene->world, torn);
    drop_node(scene);
}

struct identity scene_peer(const struct scene *scene, enum role role, const char *name,
                           const char *region)
{
    struct identity peer = scene->settings.member.self;

    peer.role = role;
    snprintf(peer.member, sizeof peer.member, "%s", name);
    snprintf(peer.region, sizeof peer.region, "%s", region);
    return peer;
}

link_t scene_client(struct scene *scene)
{
    const struct identity peer = scene_peer(scene, ROLE_CLIENT, "c", "us-east-1");
    const struct hello hello = {.version = PROTOCOL_VERSION};
    const link_t link = fake_link_up(&scene->world, &peer, false);
    uint8_t head[64];

    fake_send(&scene->world, link, MESSAGE_HELLO, hello_encode(&hello, head), bytes_none());
    EXPECT(fake_take(&scene->world, link, MESSAGE_WELCOME) != NULL);
    return link;
}

uint64_t scene_append(struct scene *scene, link_t link, uint64_t producer, uint64_t sequence,
                      size_t size, const char *level)
{
    struct append append = {.request = ++scene->next_request,
                            .producer = producer,
                            .first_sequence = sequence,
                            .count = 1,
                            .has_level = level != NULL};
    uint8_t head[128];
    uint8_t *tail = malloc(size + 4);

    CHECK(tail != NULL);
    if (level != NULL) {
        EXPECT_STATUS(level_parse(&append.level, level), OK);
    }
    memset(tail, (int)(sequence & 0xff), size + 4);
    for (unsigned i = 0; i < 4; i++) {
        tail[i] = (uint8_t)(size >> 8 * i);
    }
    fake_send(&scene->world, link, MESSAGE_APPEND, append_encode(&append, head),
              bytes_of(tail, size + 4));
    free(tail);
    return append.request;
}

bool scene_appended(struct scene *scene, link_t link, struct appended *appended)
{
    struct fake_message *message = fake_take(&scene->world, link, MESSAGE_APPENDED);

    return message != NULL && appended_decode(appended, fake_head(message), &scene->scratch) == OK;
}

enum status scene_refused(struct scene *scene, link_t link, struct refused *refused)
{
    struct fake_message *message = fake_take(&scene->world, link, MESSAGE_REFUSED);

    if (message == NULL || refused_decode(refused, fake_head(message), &scene->scratch) != OK) {
        return OK;
    }
    return refused->why;
}

/* It says that it has nothing and takes whatever the cluster is; nobody checks what it does then.
 */
link_t scene_replica(struct scene *scene, const char *name, const char *region)
{
    const struct identity peer = scene_peer(scene, ROLE_REPLICA, name, region);
    struct greet *greet = calloc(1, sizeof *greet);
    struct resume resume = {.segment = SEGMENT_NONE};
    const link_t link = fake_link_up(&scene->world, &peer, false);
    uint8_t head[512];

    CHECK(greet != NULL);
    greet->version = PROTOCOL_VERSION;
    greet->lineage = peer.lineage;
    greet->suite = GREET_SUITE_UNSAID;
    snprintf(greet->region, sizeof greet->region, "%s", region);
    CHECK(greet_bytes(greet) <= sizeof head);
    fake_send(&scene->world, link, MESSAGE_GREET, greet_encode(greet, head), bytes_none());
    fake_send(&scene->world, link, MESSAGE_RESUME, resume_encode(&resume, head), bytes_none());
    fake_run(&scene->world);
    free(greet);
    return link;
}

void scene_ack(struct scene *scene, link_t link, epoch_t epoch, batch_t batch)
{
    const struct ack ack = {.epoch = epoch, .batch = batch};
    uint8_t head[64];

    fake_send(&scene->world, link, MESSAGE_ACK, ack_encode(&ack, head), bytes_none());
    fake_run(&scene->world);
}

struct member_status scene_status(const struct scene *scene)
{
    struct member_status status;

    primary_status(scene->node, scene->world.now, &status);
    return status;
}

bool scene_lacks(const struct scene *scene, const char *what)
{
    const struct member_status status = scene_status(scene);

    return !scene->world.halted && strcmp(status.state, "repairing") == 0
           && strstr(status.repair, what) != NULL
           && strstr(status.repair, "nobody is linked") != NULL;
}

struct control scene_control(const struct scene *scene)
{
    static struct control control;
    const struct fake_file *file = &scene->world.files[STORE_CONTROL];

    CHECK(control_decode(&control, bytes_of(file->data, file->size), NULL) == OK);
    return control;
}

struct member *scene_member(const struct scene *scene)
{
    return &((struct primary *)scene->node)->member;
}
