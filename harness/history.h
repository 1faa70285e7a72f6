/* history: what the harness itself knows of a run: every write, what its client had seen, and how it ended.
 *
 *     put #12 to key 7, had seen {#3, #9}, begun 1.20 s, acknowledged 1.21 s
 *
 * Nothing here comes from the engine's clocks. A write supersedes what its client had seen, and what those superseded; a
 * blind write (SET, DEL) supersedes whatever it met, which may be anything that was not begun after it was completed. The
 * oracles (oracle_*.c) are questions to this record.
 *
 *     uint32_t id = history_begin_write(history, &write, &seen, now);
 *     history_end_write(history, id, WRITE_ACKNOWLEDGED, now);
 *     struct read_record read;
 *     history_begin_read(history, &read, client, key, now);
 *     history_end_read(history, &read, &ids, now);
 *     if (history->verdict.failed) -> history->verdict.sentence
 */
#ifndef DUNLIN_HARNESS_HISTORY_H
#define DUNLIN_HARNESS_HISTORY_H

#include "harness/figures.h"
#include "harness/histogram.h"
#include "harness/id_set.h"
#include "harness/scenario.h"

enum { FRONTIER_MAX = 8, HISTORY_SESSIONS = 1 << 14, HISTORY_LOSSES_MAX = 4096 };

enum write_outcome {
    WRITE_UNDER_WAY,
    WRITE_ACKNOWLEDGED,
    WRITE_IN_DOUBT,    /* some replica may have it, or may get it later */
    WRITE_NOT_WRITTEN, /* refused, unavailable, busy: it must never be seen */
};

/* `completed` stays UINT64_MAX unless the write was acknowledged. */
struct write_record {
    uint64_t begun, completed;
    uint64_t visible; /* when it was first seen in a reply; UINT64_MAX never */
    uint32_t key;
    uint32_t seen_from; /* into history->seen */
    uint32_t previous;  /* the key's write before this one; 0 none */
    uint32_t previous_delete;
    uint32_t mark; /* of the last search that came by */
    uint16_t client;
    uint8_t seen_count;
    uint8_t outcome;
    uint8_t copies;         /* how many replicas an acknowledgement stands for */
    uint8_t durable_copies; /* how many of them must have it on disk */
    bool deletes, blind;
};

struct write_request {
    uint32_t client, key;
    bool deletes, blind;
    uint8_t copies, durable_copies;
};

/* The key's acknowledged writes that no other acknowledged write supersedes, as far as the harness can tell. */
struct key_record {
    uint32_t last_write, last_delete;
    uint32_t write_count;
    uint32_t frontier_count;
    uint32_t frontier[FRONTIER_MAX];
};

/* What one client last did to one key; a direct-mapped table, so an entry may have made room for another. */
struct session_record {
    uint32_t client_and_one, key;
    uint32_t last_write;
    uint32_t read_count;
    uint32_t reads[4];
};

struct read_record {
    uint64_t begun;
    uint32_t client, key;
    uint32_t frontier_count;
    uint32_t frontier[FRONTIER_MAX];
    uint32_t own_write;
    uint32_t read_count;
    uint32_t reads[4];
    bool one_winner; /* GET: other siblings do not show */
};

enum loss_kind { LOSS_UNSYNCED, LOSS_TOTAL };
struct loss_record {
    uint64_t at;
    uint32_t host;
    enum loss_kind kind;
};

struct verdict {
    bool failed;
    enum oracle oracle;
    uint64_t at;
    char sentence[512];
};

struct history {
    const struct scenario *scenario;
    struct write_record *writes; /* [0] is not a write */
    uint32_t write_count, write_capacity;
    uint32_t *seen;
    uint32_t seen_count, seen_capacity;
    struct key_record *keys;
    uint32_t key_count;
    struct session_record *sessions;
    uint32_t mark;
    uint32_t *stack;
    uint32_t stack_capacity;
    uint64_t clock_error; /* how far the nodes' wall clocks may have been apart: nanoseconds */
    struct loss_record *losses;
    uint32_t loss_count;
    uint64_t last_loss;
    bool reads_stay; /* every keyspace is strict: what one read has shown the next must not miss */
    uint32_t faults_active;
    struct verdict verdict;
    uint64_t figures[FIGURE_COUNT];
    uint64_t group_figures[SCENARIO_GROUPS_MAX][FIGURE_GROUP_COUNT];
    /* While a fault was active: [group][0 reads, 1 writes]. */
    uint64_t attempts_in_faults[SCENARIO_GROUPS_MAX][2], failures_in_faults[SCENARIO_GROUPS_MAX][2];
    struct histogram read_latency[SCENARIO_GROUPS_MAX], write_latency[SCENARIO_GROUPS_MAX];
    /* By time since the newest acknowledged write of the key: reads, and how many of them were stale. */
    struct histogram reads_since_write, stale_since_write;
    uint16_t client_group[SCENARIO_CLIENTS_MAX];
    uint32_t
        group_key_first[SCENARIO_GROUPS_MAX]; /* groups with the same prefix share their keys */
};

struct history *history_create(const struct scenario *scenario);
void history_destroy(struct history *history);

/* The key's bytes: the prefix of its group and a number. */
void history_key_text(const struct history *history, uint32_t key, struct buffer *to);

/* Returns the write's id, from 1. */
uint32_t history_begin_write(struct history *history, const struct write_request *request,
                             const struct id_set *seen, struct instant now);
void history_end_write(struct history *history, uint32_t id, enum write_outcome outcome,
                       struct instant now);
void history_begin_read(const struct history *history, struct read_record *read, uint32_t client,
                        uint32_t key, struct instant now);
/* `ids` are the values of the reply. */
void history_end_read(struct history *history, const struct read_record *read,
                      const struct id_set *ids, struct instant now);
void history_read_failed(struct history *history, const struct read_record *read,
                         struct instant now);
/* A value came back that no write to this key made. */
void history_saw_phantom(struct history *history, uint32_t key, struct bytes value,
                         struct instant now);
/* Checks ids that came from anywhere against what was written; false (and a verdict) when one cannot be. */
bool history_admit(struct history *history, uint32_t key, const struct id_set *ids,
                   struct instant now);

/* A host has lost what it had not synced, or its whole disk. */
void history_note_loss(struct history *history, uint32_t host, enum loss_kind kind,
                       struct instant now);
/* True when so many hosts lost their disks that the write's copies may all be gone. */
bool history_is_excused(const struct history *history, uint32_t id);

/* True when `later` was issued by a client that had seen `earlier`, directly or through others. */
bool history_saw(struct history *history, uint32_t later, uint32_t earlier);
/* True when `later` may have superseded `earlier`: it saw it, or a blind write in between may have met it. */
bool history_may_cover(struct history *history, uint32_t later, uint32_t earlier);
/* True when one of `ids`, or a delete begun before `now`, may have superseded the write, or it is there itself. */
bool history_is_covered(struct history *history, uint32_t id, const struct id_set *ids,
                        struct instant now);
/* A blind write has met whatever it met by then. */
uint64_t history_effective_end(const struct history *history, uint32_t id);

/* Records the first violation of an oracle that the scenario checks. */
__attribute__((format(printf, 4, 5))) void history_fail(struct history *history, enum oracle oracle,
                                                        struct instant now, const char *format,
                                                        ...);
void history_count(struct history *history, uint32_t client, enum figure figure, uint64_t more);

#endif
