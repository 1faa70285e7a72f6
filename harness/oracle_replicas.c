#include "harness/oracle.h"

#include "engine/base/id_map.h"

#include <stdlib.h>

/* What a replica was last seen to hold: a few siblings are enough to notice that they went. */
enum { SAMPLE_IDS_MAX = 4 };

struct sample {
    uint32_t epoch, count;
    uint32_t ids[SAMPLE_IDS_MAX];
};

struct replica_samples {
    uint32_t node_count, key_count;
    uint32_t *epochs;   /* per node; a loss begins a new one */
    uint64_t *since;    /* per node: when it began */
    struct id_map held; /* from (node, key) to struct sample */
};

struct replica_samples *replica_samples_create(uint32_t node_count, uint32_t key_count) {
    struct replica_samples *samples = calloc(1, sizeof *samples);
    CHECK(samples != NULL);
    samples->node_count = node_count;
    samples->key_count = key_count;
    samples->epochs = calloc(node_count, sizeof *samples->epochs);
    samples->since = calloc(node_count, sizeof *samples->since);
    CHECK(samples->epochs != NULL && samples->since != NULL);
    return samples;
}

void replica_samples_destroy(struct replica_samples *samples) {
    if (samples == NULL)
        return;
    size_t position = 0;
    uint64_t id;
    for (void *held; (held = id_map_next(&samples->held, &position, &id)) != NULL;)
        free(held);
    id_map_deinit(&samples->held);
    free(samples->epochs);
    free(samples->since);
    free(samples);
}

void replica_samples_forget(struct replica_samples *samples, uint32_t node, struct instant now) {
    CHECK(node < samples->node_count);
    samples->epochs[node]++;
    samples->since[node] = now.nanoseconds;
}

static struct sample *sample_of(struct replica_samples *samples, uint32_t node, uint32_t key) {
    uint64_t id = (uint64_t)node * samples->key_count + key;
    struct sample *sample = id_map_get(&samples->held, id);
    if (sample == NULL) {
        sample = calloc(1, sizeof *sample);
        CHECK(sample != NULL);
        sample->epoch = UINT32_MAX;
        id_map_put(&samples->held, id, sample);
    }
    return sample;
}

/* A context says "up to", so it can tell that a value was superseded without naming what superseded it. A write that brings
 * such a context to a replica which has not met the successor takes the value away there; the successor stays where it is. */
static bool is_known_superseded(struct history *history, uint32_t id, const struct id_set *live,
                                struct instant now) {
    const struct key_record *key = &history->keys[history->writes[id].key];
    uint64_t superseded = UINT64_MAX;
    for (uint32_t other = key->last_write; other > id; other = history->writes[other].previous) {
        const struct write_record *write = &history->writes[other];
        if (write->outcome != WRITE_NOT_WRITTEN && history_saw(history, other, id))
            superseded = write->begun;
    }
    for (uint32_t i = 0; i < live->count; i++) {
        if (history->writes[live->ids[i]].begun > superseded)
            return true;
    }
    uint32_t other = key->last_delete;
    for (; other > id; other = history->writes[other].previous_delete) {
        const struct write_record *write = &history->writes[other];
        if (write->outcome != WRITE_NOT_WRITTEN && write->begun > superseded &&
            write->begun <= now.nanoseconds)
            return true;
    }
    return false;
}

void oracle_check_sample(struct history *history, struct replica_samples *samples, uint32_t node,
                         uint32_t key, const struct replica_state *state, struct instant asked,
                         struct instant now) {
    CHECK(node < samples->node_count && key < samples->key_count);
    history->figures[FIGURE_REPLICA_SAMPLES]++;
    if (!history_admit(history, key, &state->live, now))
        return;
    if (asked.nanoseconds <= samples->since[node] && samples->since[node] != 0)
        return;
    struct sample *sample = sample_of(samples, node, key);
    for (uint32_t i = 0; sample->epoch == samples->epochs[node] && i < sample->count; i++) {
        if (history_is_covered(history, sample->ids[i], &state->live, now) ||
            is_known_superseded(history, sample->ids[i], &state->live, now))
            continue;
        struct buffer name = {0};
        history_key_text(history, key, &name);
        history_fail(history, ORACLE_REPLICA_MONOTONE, now,
                     "n%u held #%u of %.*s, and holds neither it nor what superseded it any more",
                     node + 1, sample->ids[i], (int)name.size, (const char *)name.data);
        buffer_deinit(&name);
    }
    sample->epoch = samples->epochs[node];
    sample->count = state->live.count < SAMPLE_IDS_MAX ? state->live.count : SAMPLE_IDS_MAX;
    memcpy(sample->ids, state->live.ids, sample->count * sizeof sample->ids[0]);
}
