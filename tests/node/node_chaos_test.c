/* Random faults under a random workload, on stores so small that they flush, compact and wait for
 * blocks all the time. Whatever happens: no acknowledged write is lost, no write comes back that was
 * superseded, nothing appears that nobody wrote, and after healing all replicas are equal.
 *
 * SEED=17 replays one run, SEEDS=500 makes more of them, NARRATE=1 tells what the nodes do. */
#include "engine/base/prng.h"
#include "tests/node/support/whole/small_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { WRITES_MAX = 400, KEYS = 6, ROUNDS = 120, HISTORY_WORDS = WRITES_MAX / 64 + 1 };

struct history {
    uint64_t words[HISTORY_WORDS];
};

struct written {
    uint32_t key;
    bool acknowledged;
    struct history seen; /* every write that its writer knew of, and what those knew of */
};

/* A client that goes on from the context that its last write gave it. */
struct follower {
    uint32_t key;
    char context[8192];
    struct history seen;
};

struct chaos {
    struct small_cluster *cluster;
    struct prng prng;
    uint32_t nodes;
    struct written writes[WRITES_MAX];
    uint32_t write_count;
    struct follower followers[SMALL_CLUSTER_NODES_MAX]; /* one per node; no context: none */
    uint64_t seed;
    bool lost_a_disk;
};

static void tiny_stores(struct node_config *config) {
    config->store.memtable_bytes = 2048;
    config->store.cache_bytes = 8192;
    config->store.block_bytes = 256;
    config->store.table_bytes = 4096;
    config->store.log_segment_bytes = 4096;
    config->handoff_interval = duration_of_milliseconds(300);
    config->anti_entropy_interval = duration_of_milliseconds(700);
    config->gossip_interval = duration_of_milliseconds(100);
    config->suspect_after_min = duration_of_milliseconds(400);
    config->dead_after = duration_of_seconds(2);
}

static void see(struct history *history, uint32_t write) {
    history->words[write / 64] |= (uint64_t)1 << write % 64;
}

static bool has_seen(const struct history *history, uint32_t write) {
    return (history->words[write / 64] >> write % 64 & 1) != 0;
}

static void see_all(struct history *history, const struct history *other) {
    for (uint32_t i = 0; i < HISTORY_WORDS; i++)
        history->words[i] |= other->words[i];
}

static bool is_up(struct chaos *chaos, uint32_t node) {
    return small_cluster_node(chaos->cluster, node) != NULL;
}

/* Reads "[context, 3:xxx, 17:xxx]" into the writes that it names. */
static uint32_t parse(struct chaos *chaos, uint32_t key, const char *reply, char *context,
                      uint32_t found[WRITES_MAX]) {
    assert_int_equal(reply[0], '[');
    size_t size = strcspn(reply + 1, ",]");
    memcpy(context, reply + 1, size);
    context[size] = 0;
    uint32_t count = 0;
    for (const char *at = reply + 1 + size; *at == ',';) {
        char *end;
        unsigned long write = strtoul(at + 2, &end, 10);
        if (*end != ':' || write >= chaos->write_count)
            fail_msg("seed %llu: an unknown value: %s", (unsigned long long)chaos->seed, reply);
        if (chaos->writes[write].key != key)
            fail_msg("seed %llu: the value of another key: %s", (unsigned long long)chaos->seed,
                     reply);
        found[count++] = (uint32_t)write;
        at = end + strcspn(end, ",]");
    }
    return count;
}

static void key_name(uint32_t key, char name[16]) {
    (void)snprintf(name, 16, "key:%u", key);
}

static uint32_t up_count(struct chaos *chaos) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < chaos->nodes; i++)
        count += is_up(chaos, i);
    return count;
}

/* What one client is about to write. */
struct attempt {
    bool begun;
    uint32_t node, write;
    char context[8192];
};

static void begin_write(struct chaos *chaos, struct attempt *attempt, uint32_t key,
                        const struct history *seen) {
    attempt->begun = true;
    attempt->write = chaos->write_count++;
    chaos->writes[attempt->write] = (struct written){.key = key, .seen = *seen};
}

/* Reads the key, or goes on from the last write on this node. */
static void prepare(struct chaos *chaos, struct attempt *attempt, uint32_t key) {
    struct follower *follower = &chaos->followers[attempt->node];
    char name[16];
    uint32_t found[WRITES_MAX];
    if (!is_up(chaos, attempt->node) || chaos->write_count == WRITES_MAX)
        return;
    if (follower->context[0] != 0 && prng_chance(&chaos->prng, 1, 3)) {
        (void)strcpy(attempt->context, follower->context);
        begin_write(chaos, attempt, follower->key, &follower->seen);
        return;
    }
    key_name(key, name);
    const char *reply = small_cluster_ask(chaos->cluster, attempt->node, "DGET", name, NULL);
    if (reply[0] != '[')
        return;
    uint32_t count = parse(chaos, key, reply, attempt->context, found);
    struct history seen = {0};
    for (uint32_t i = 0; i < count; i++) {
        see(&seen, found[i]);
        see_all(&seen, &chaos->writes[found[i]].seen);
    }
    begin_write(chaos, attempt, key, &seen);
}

static void send_write(struct chaos *chaos, struct attempt *attempt) {
    char name[16], value[200];
    int padding = (int)prng_below(&chaos->prng, 150);
    attempt->begun = attempt->begun && is_up(chaos, attempt->node);
    if (!attempt->begun)
        return;
    key_name(chaos->writes[attempt->write].key, name);
    (void)snprintf(value, sizeof value, "%u:%0*d", attempt->write, padding + 1, 0);
    small_cluster_send(chaos->cluster, attempt->node, "DSET", name, attempt->context, value, NULL);
}

static void take_reply(struct chaos *chaos, const struct attempt *attempt) {
    struct follower *follower = &chaos->followers[attempt->node];
    struct written *written = &chaos->writes[attempt->write];
    follower->context[0] = 0;
    if (!attempt->begun || !is_up(chaos, attempt->node))
        return;
    const char *reply = small_cluster_reply(chaos->cluster, attempt->node);
    written->acknowledged = reply[0] != '-' && reply[0] != '(';
    if (!written->acknowledged)
        return;
    follower->key = written->key;
    follower->seen = written->seen;
    (void)strcpy(follower->context, reply);
    /* A context that did not change does not cover the write. */
    if (strcmp(reply, attempt->context) != 0)
        see(&follower->seen, attempt->write);
}

/* Two clients on two nodes write side by side; now and then one of the nodes dies meanwhile. */
static void write_concurrently(struct chaos *chaos) {
    static const enum crash_mode MODES[] = {KEEP_WRITTEN, LOSE_UNSYNCED};
    uint32_t key = prng_below(&chaos->prng, KEYS);
    struct attempt attempts[2] = {{.node = prng_below(&chaos->prng, chaos->nodes)}, {0}};
    attempts[1].node =
        (attempts[0].node + 1 + prng_below(&chaos->prng, chaos->nodes - 1)) % chaos->nodes;
    for (uint32_t i = 0; i < 2; i++)
        prepare(chaos, &attempts[i], key);
    for (uint32_t i = 0; i < 2; i++)
        send_write(chaos, &attempts[i]);
    if (prng_chance(&chaos->prng, 1, 10) && is_up(chaos, attempts[0].node) && up_count(chaos) > 1) {
        small_cluster_run_events(chaos->cluster, prng_below(&chaos->prng, 20));
        small_cluster_crash(chaos->cluster, attempts[0].node, MODES[prng_below(&chaos->prng, 2)]);
    }
    for (uint32_t i = 0; i < 2; i++)
        take_reply(chaos, &attempts[i]);
}

static void heal(struct chaos *chaos) {
    for (uint32_t i = 0; i < chaos->nodes; i++) {
        small_cluster_hold_disk(chaos->cluster, i, false);
        for (uint32_t j = 0; j < chaos->nodes; j++) {
            small_cluster_join(chaos->cluster, i, j);
            small_cluster_stall(chaos->cluster, i, j, false);
        }
        if (!is_up(chaos, i))
            small_cluster_start(chaos->cluster, i);
    }
}

/* Only when all is well may one disk be lost: acknowledged means held by two. */
static void lose_a_disk(struct chaos *chaos, uint32_t node) {
    heal(chaos);
    small_cluster_run(chaos->cluster, duration_of_seconds(30));
    assert_true(small_cluster_has_converged(chaos->cluster));
    small_cluster_crash(chaos->cluster, node, LOSE_DISK);
    small_cluster_start(chaos->cluster, node);
    chaos->lost_a_disk = true;
}

static void disturb(struct chaos *chaos) {
    struct prng *prng = &chaos->prng;
    uint32_t node = prng_below(prng, chaos->nodes);
    uint32_t other = (node + 1 + prng_below(prng, chaos->nodes - 1)) % chaos->nodes;
    switch (prng_below(prng, 12)) {
    case 0:
        if (is_up(chaos, node) && up_count(chaos) > 1)
            small_cluster_crash(chaos->cluster, node, KEEP_WRITTEN);
        break;
    case 1:
        if (is_up(chaos, node) && up_count(chaos) > 1)
            small_cluster_crash(chaos->cluster, node, LOSE_UNSYNCED);
        break;
    case 2:
    case 3:
        if (!is_up(chaos, node))
            small_cluster_start(chaos->cluster, node);
        break;
    case 4:
        small_cluster_cut(chaos->cluster, node, other);
        break;
    case 5:
        small_cluster_join(chaos->cluster, node, other);
        break;
    case 6:
        small_cluster_stall(chaos->cluster, node, other, true);
        break;
    case 7:
        small_cluster_stall(chaos->cluster, node, other, false);
        break;
    case 8:
        small_cluster_hold_disk(chaos->cluster, node, prng_chance(prng, 1, 2));
        break;
    case 9:
        heal(chaos);
        break;
    case 10:
        if (!chaos->lost_a_disk && prng_chance(prng, 1, 4))
            lose_a_disk(chaos, node);
        break;
    default:
        if (is_up(chaos, node) && up_count(chaos) > 1 && prng_chance(prng, 1, 2)) {
            small_cluster_hold_disk(chaos->cluster, node, false);
            small_cluster_stop(chaos->cluster, node);
        }
        break;
    }
    small_cluster_run(chaos->cluster,
                      duration_of_milliseconds(prng_below(prng, 2) * prng_below(prng, 1500)));
}

static void check_key(struct chaos *chaos, uint32_t key) {
    char name[16], context[8192];
    uint32_t found[WRITES_MAX];
    key_name(key, name);
    const char *reply = small_cluster_ask(chaos->cluster, 0, "DGET", name, NULL);
    uint32_t count = parse(chaos, key, reply, context, found);
    struct history known = {0};
    for (uint32_t i = 0; i < count; i++) {
        see(&known, found[i]);
        see_all(&known, &chaos->writes[found[i]].seen);
        for (uint32_t j = 0; j < count; j++) {
            if (has_seen(&chaos->writes[found[i]].seen, found[j]))
                fail_msg("seed %llu: %s: write %u stands beside %u, which had seen it",
                         (unsigned long long)chaos->seed, name, found[j], found[i]);
        }
    }
    for (uint32_t write = 0; write < chaos->write_count; write++) {
        const struct written *written = &chaos->writes[write];
        if (written->key == key && written->acknowledged && !has_seen(&known, write))
            fail_msg("seed %llu: %s: acknowledged write %u is lost",
                     (unsigned long long)chaos->seed, name, write);
    }
}

static void run_seed(uint64_t seed) {
    struct small_cluster_options options = {
        .nodes = seed % 2 == 0 ? 3 : 5,
        .n = 3,
        .r = 2,
        .w = 2,
        .sloppy = seed % 3 == 0,
        .strict = seed % 5 == 0,
        .sync = STORE_SYNC_ALWAYS,
        .configure = tiny_stores,
    };
    struct chaos *chaos = calloc(1, sizeof *chaos);
    assert_non_null(chaos);
    chaos->seed = seed;
    chaos->nodes = options.nodes;
    prng_init(&chaos->prng, seed, 1);
    chaos->cluster = small_cluster_create(&options);
    /* Bytes arrive in pieces of any size. */
    small_cluster_cut_bytes(chaos->cluster, seed);
    small_cluster_start_all(chaos->cluster);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if (prng_chance(&chaos->prng, 1, 3))
            disturb(chaos);
        write_concurrently(chaos);
    }
    heal(chaos);
    small_cluster_run(chaos->cluster, duration_of_seconds(60));
    if (!small_cluster_has_converged(chaos->cluster))
        fail_msg("seed %llu: the replicas differ after healing", (unsigned long long)seed);
    for (uint32_t key = 0; key < KEYS; key++)
        check_key(chaos, key);
    small_cluster_destroy(chaos->cluster);
    free(chaos);
}

static void no_fault_loses_what_was_acknowledged(void **state) {
    (void)state;
    const char *seed = getenv("SEED");
    const char *seeds = getenv("SEEDS");
    if (seed != NULL) {
        run_seed(strtoul(seed, NULL, 10));
        return;
    }
    uint64_t last = seeds == NULL ? 30 : strtoul(seeds, NULL, 10);
    for (uint64_t i = 1; i <= last; i++)
        run_seed(i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_fault_loses_what_was_acknowledged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
