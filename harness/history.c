#include "harness/history.h"

#include "engine/base/text.h"
#include "harness/oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MILLION = 1000000 };

static void assign_keys(struct history *history) {
    const struct scenario *scenario = history->scenario;
    uint32_t client = 0;
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        const struct client_group *group = &scenario->groups[i];
        uint32_t largest = group->keys;
        history->group_key_first[i] = history->key_count;
        bool shared = false;
        for (uint32_t j = 0; j < scenario->group_count; j++) {
            if (strcmp(scenario->groups[j].key_prefix, group->key_prefix) != 0)
                continue;
            if (j < i && !shared) {
                history->group_key_first[i] = history->group_key_first[j];
                shared = true;
            }
            largest = scenario->groups[j].keys > largest ? scenario->groups[j].keys : largest;
        }
        history->key_count += shared ? 0 : largest;
        for (uint32_t j = 0; j < group->count; j++)
            history->client_group[client++] = (uint16_t)i;
    }
}

/* What the scenario itself sets the clocks apart by. */
static uint64_t configured_clock_error(const struct scenario *scenario) {
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (uint32_t i = 0; i < scenario->cluster.node_count; i++) {
        const struct clock_settings *clock = &scenario->cluster.nodes[i].clock;
        int64_t drift = clock->drift_per_million;
        int64_t span = (int64_t)(scenario->duration.nanoseconds / MILLION) * drift / MILLION;
        int64_t offset = clock->offset_milliseconds;
        int64_t low = span < 0 ? offset + span : offset, high = span > 0 ? offset + span : offset;
        least = low < least ? low : least;
        most = high > most ? high : most;
    }
    /* Two milliseconds: wall clocks count in them. */
    return (uint64_t)(most - least + 2) * MILLION;
}

struct history *history_create(const struct scenario *scenario) {
    struct history *history = calloc(1, sizeof *history);
    CHECK(history != NULL);
    history->scenario = scenario;
    assign_keys(history);
    history->keys = calloc(history->key_count + 1, sizeof *history->keys);
    history->sessions = calloc(HISTORY_SESSIONS, sizeof *history->sessions);
    history->losses = calloc(HISTORY_LOSSES_MAX, sizeof *history->losses);
    history->write_capacity = 1024;
    history->writes = calloc(history->write_capacity, sizeof *history->writes);
    history->write_count = 1;
    history->seen_capacity = history->stack_capacity = 1024;
    history->seen = calloc(history->seen_capacity, sizeof *history->seen);
    history->stack = calloc(history->stack_capacity, sizeof *history->stack);
    CHECK(history->keys != NULL && history->sessions != NULL && history->losses != NULL &&
          history->writes != NULL && history->seen != NULL && history->stack != NULL);
    history->clock_error = configured_clock_error(scenario);
    history->reads_stay = scenario->expect.modes[ORACLE_REGULAR_READS] == ORACLE_CHECKED;
    for (uint32_t i = 0; i < scenario->cluster.node.keyspace_count; i++)
        history->reads_stay = history->reads_stay && scenario->cluster.keyspaces[i].strict;
    return history;
}

void history_destroy(struct history *history) {
    if (history == NULL)
        return;
    free(history->keys);
    free(history->sessions);
    free(history->losses);
    free(history->writes);
    free(history->seen);
    free(history->stack);
    free(history);
}

void history_key_text(const struct history *history, uint32_t key, struct buffer *to) {
    const struct scenario *scenario = history->scenario;
    uint32_t found = 0;
    for (uint32_t i = 0; i < scenario->group_count; i++) {
        if (history->group_key_first[i] <= key &&
            history->group_key_first[i] >= history->group_key_first[found])
            found = i;
    }
    text_append(to, scenario->groups[found].key_prefix);
    text_append_u64(to, key - history->group_key_first[found]);
}

void history_fail(struct history *history, enum oracle oracle, struct instant now,
                  const char *format, ...) {
    if (history->verdict.failed || history->scenario->expect.modes[oracle] != ORACLE_CHECKED)
        return;
    history->verdict.failed = true;
    history->verdict.oracle = oracle;
    history->verdict.at = now.nanoseconds;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(history->verdict.sentence, sizeof history->verdict.sentence, format, arguments);
    va_end(arguments);
}

void history_count(struct history *history, uint32_t client, enum figure figure, uint64_t more) {
    history->figures[figure] += more;
    if (figure < FIGURE_GROUP_COUNT)
        history->group_figures[history->client_group[client]][figure] += more;
}

static void count_attempt(struct history *history, uint32_t client, bool writes, bool failed) {
    uint32_t group = history->client_group[client];
    history_count(history, client, FIGURE_OPERATIONS, 1);
    if (history->faults_active == 0)
        return;
    history->attempts_in_faults[group][writes]++;
    history->failures_in_faults[group][writes] += failed;
}

/* --- writes -------------------------------------------------------------------------------------------------------- */

static uint32_t keep_seen(struct history *history, const struct id_set *seen) {
    if (history->seen_count + seen->count > history->seen_capacity) {
        history->seen_capacity = history->seen_capacity * 2 + seen->count;
        history->seen = realloc(history->seen, history->seen_capacity * sizeof *history->seen);
        CHECK(history->seen != NULL);
    }
    uint32_t from = history->seen_count;
    for (uint32_t i = 0; i < seen->count; i++)
        history->seen[history->seen_count++] = seen->ids[i];
    return from;
}

uint32_t history_begin_write(struct history *history, const struct write_request *request,
                             const struct id_set *seen, struct instant now) {
    CHECK(request->key < history->key_count);
    if (history->write_count == history->write_capacity) {
        history->write_capacity *= 2;
        history->writes =
            realloc(history->writes, history->write_capacity * sizeof *history->writes);
        CHECK(history->writes != NULL);
    }
    uint32_t id = history->write_count++;
    struct key_record *key = &history->keys[request->key];
    history->writes[id] = (struct write_record){.begun = now.nanoseconds,
                                                .completed = UINT64_MAX,
                                                .visible = UINT64_MAX,
                                                .key = request->key,
                                                .seen_from = keep_seen(history, seen),
                                                .seen_count = (uint8_t)seen->count,
                                                .previous = key->last_write,
                                                .previous_delete = key->last_delete,
                                                .client = (uint16_t)request->client,
                                                .outcome = WRITE_UNDER_WAY,
                                                .copies = request->copies,
                                                .durable_copies = request->durable_copies,
                                                .deletes = request->deletes,
                                                .blind = request->blind};
    history->figures[FIGURE_KEYS] += key->last_write == 0;
    key->last_write = id;
    key->write_count++;
    if (request->deletes)
        key->last_delete = id;
    return id;
}

static struct session_record *session_of(const struct history *history, uint32_t client,
                                         uint32_t key) {
    uint32_t slot = (client * 2654435761u ^ key * 2246822519u) >> 7 & (HISTORY_SESSIONS - 1);
    return &history->sessions[slot];
}

/* The entry of this client and key; one that was another's is emptied. */
static struct session_record *claim_session(struct history *history, uint32_t client,
                                            uint32_t key) {
    struct session_record *session = session_of(history, client, key);
    if (session->client_and_one != client + 1 || session->key != key)
        *session = (struct session_record){.client_and_one = client + 1, .key = key};
    return session;
}

static void join_frontier(struct history *history, uint32_t id) {
    struct key_record *key = &history->keys[history->writes[id].key];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < key->frontier_count; i++) {
        uint32_t old = key->frontier[i];
        if (old == id || history_may_cover(history, old, id))
            return;
        if (!history_may_cover(history, id, old))
            key->frontier[kept++] = old;
    }
    if (kept == FRONTIER_MAX) {
        memmove(key->frontier, key->frontier + 1, (FRONTIER_MAX - 1) * sizeof key->frontier[0]);
        kept--;
    }
    key->frontier[kept++] = id;
    key->frontier_count = kept;
}

void history_end_write(struct history *history, uint32_t id, enum write_outcome outcome,
                       struct instant now) {
    CHECK(id > 0 && id < history->write_count && outcome != WRITE_UNDER_WAY);
    struct write_record *write = &history->writes[id];
    CHECK(write->outcome == WRITE_UNDER_WAY);
    write->outcome = (uint8_t)outcome;
    count_attempt(history, write->client, true, outcome != WRITE_ACKNOWLEDGED);
    if (outcome == WRITE_NOT_WRITTEN)
        history_count(history, write->client, FIGURE_WRITES_REFUSED, 1);
    if (outcome == WRITE_IN_DOUBT)
        history_count(history, write->client, FIGURE_WRITES_IN_DOUBT, 1);
    if (outcome == WRITE_NOT_WRITTEN && write->visible != UINT64_MAX)
        history_fail(history, ORACLE_PHANTOM_VALUES, now,
                     "write #%u was seen by a reader, and then its own client was told that "
                     "nothing had been written",
                     id);
    if (outcome != WRITE_ACKNOWLEDGED)
        return;
    write->completed = now.nanoseconds;
    history_count(history, write->client, FIGURE_WRITES, 1);
    histogram_add(&history->write_latency[history->client_group[write->client]],
                  now.nanoseconds - write->begun);
    struct session_record *session = claim_session(history, write->client, write->key);
    session->last_write = id;
    join_frontier(history, id);
}

/* --- reads --------------------------------------------------------------------------------------------------------- */

void history_begin_read(const struct history *history, struct read_record *read, uint32_t client,
                        uint32_t key, struct instant now) {
    const struct key_record *record = &history->keys[key];
    const struct session_record *session = session_of(history, client, key);
    bool own = session->client_and_one == client + 1 && session->key == key;
    read->begun = now.nanoseconds;
    read->client = client;
    read->key = key;
    read->frontier_count = record->frontier_count;
    memcpy(read->frontier, record->frontier, record->frontier_count * sizeof record->frontier[0]);
    read->own_write = own ? session->last_write : 0;
    read->read_count = own ? session->read_count : 0;
    memcpy(read->reads, session->reads, sizeof read->reads);
    read->one_winner = false;
}

void history_read_failed(struct history *history, const struct read_record *read,
                         struct instant now) {
    (void)now;
    count_attempt(history, read->client, false, true);
    history_count(history, read->client, FIGURE_READS_FAILED, 1);
}

static void remember_read(struct history *history, const struct read_record *read,
                          const struct id_set *ids) {
    struct session_record *session = claim_session(history, read->client, read->key);
    uint32_t room = sizeof session->reads / sizeof session->reads[0];
    session->read_count = ids->count < room ? ids->count : room;
    memcpy(session->reads, ids->ids, session->read_count * sizeof ids->ids[0]);
}

void history_end_read(struct history *history, const struct read_record *read,
                      const struct id_set *ids, struct instant now) {
    count_attempt(history, read->client, false, false);
    history_count(history, read->client, FIGURE_READS, 1);
    histogram_add(&history->read_latency[history->client_group[read->client]],
                  now.nanoseconds - read->begun);
    if (!history_admit(history, read->key, ids, now))
        return;
    if (ids->count > history->figures[FIGURE_SIBLINGS_MAX])
        history->figures[FIGURE_SIBLINGS_MAX] = ids->count;
    oracle_check_read(history, read, ids, now);
    remember_read(history, read, ids);
    /* Strict reads repair before they answer, so what one read has shown the next must not miss. */
    if (history->reads_stay && !read->one_winner) {
        for (uint32_t i = 0; i < ids->count; i++)
            join_frontier(history, ids->ids[i]);
    }
}

void history_saw_phantom(struct history *history, uint32_t key, struct bytes value,
                         struct instant now) {
    struct buffer shown = {0};
    history_key_text(history, key, &shown);
    text_append(&shown, ": '");
    text_append_quoted(&shown, value, 60);
    history_fail(history, ORACLE_PHANTOM_VALUES, now,
                 "nobody wrote the value that came back for %.*s'", (int)shown.size,
                 (const char *)shown.data);
    buffer_deinit(&shown);
}

bool history_admit(struct history *history, uint32_t key, const struct id_set *ids,
                   struct instant now) {
    for (uint32_t i = 0; i < ids->count; i++) {
        uint32_t id = ids->ids[i];
        struct write_record *write = id < history->write_count ? &history->writes[id] : NULL;
        if (id == 0 || write == NULL || write->key != key || write->deletes) {
            history_fail(history, ORACLE_PHANTOM_VALUES, now,
                         "write #%u came back for key %u, and no such write was ever issued", id,
                         key);
            return false;
        }
        if (write->outcome == WRITE_NOT_WRITTEN) {
            history_fail(history, ORACLE_PHANTOM_VALUES, now,
                         "write #%u to key %u is there although its client was told that nothing "
                         "was written",
                         id, key);
            return false;
        }
        if (write->visible > now.nanoseconds)
            write->visible = now.nanoseconds;
    }
    return true;
}

/* --- disks that lost data -------------------------------------------------------------------------------------------- */

void history_note_loss(struct history *history, uint32_t host, enum loss_kind kind,
                       struct instant now) {
    history->last_loss = now.nanoseconds;
    if (history->loss_count < HISTORY_LOSSES_MAX)
        history->losses[history->loss_count++] =
            (struct loss_record){.at = now.nanoseconds, .host = host, .kind = kind};
}

/* How long after its acknowledgement a write may still wait for the disk. */
static uint64_t unsynced_for(const struct history *history) {
    const struct store_config *store = &history->scenario->cluster.node.store;
    switch (store->sync) {
    case STORE_SYNC_ALWAYS:
        return 0;
    case STORE_SYNC_INTERVAL:
        return 2 * store->sync_interval.nanoseconds + 1000u * MILLION;
    case STORE_SYNC_NEVER:
        return UINT64_MAX;
    }
    CHECK_UNREACHABLE("a store has a known sync policy");
}

bool history_is_excused(const struct history *history, uint32_t id) {
    const struct write_record *write = &history->writes[id];
    uint64_t unsynced = unsynced_for(history);
    uint64_t until =
        write->completed > UINT64_MAX - unsynced ? UINT64_MAX : write->completed + unsynced;
    uint64_t total[WORLD_HOSTS_MAX / 64] = {0}, any[WORLD_HOSTS_MAX / 64] = {0};
    uint32_t total_count = 0, any_count = 0;
    for (uint32_t i = 0; i < history->loss_count; i++) {
        const struct loss_record *loss = &history->losses[i];
        if (loss->at < write->begun)
            continue;
        if (loss->kind == LOSS_UNSYNCED && (unsynced == 0 || loss->at > until))
            continue;
        uint64_t bit = (uint64_t)1 << (loss->host % 64);
        any[loss->host / 64] |= bit;
        total[loss->host / 64] |= loss->kind == LOSS_TOTAL ? bit : 0;
    }
    for (uint32_t i = 0; i < WORLD_HOSTS_MAX / 64; i++) {
        total_count += (uint32_t)__builtin_popcountll(total[i]);
        any_count += (uint32_t)__builtin_popcountll(any[i]);
    }
    return any_count >= write->copies && total_count >= write->durable_copies;
}
