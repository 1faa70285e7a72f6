#include "harness/oracle.h"

#include <stdio.h>

enum { MILLION = 1000000, VERSIONS_COUNTED_MAX = 256 };

static const char *key_name(const struct history *history, uint32_t key, struct buffer *to) {
    buffer_clear(to);
    history_key_text(history, key, to);
    buffer_put_u8(to, 0);
    return (const char *)to->data;
}

/* No sibling may have been written by somebody who had seen the other. */
static void check_concurrency(struct history *history, const struct read_record *read,
                              const struct id_set *ids, struct instant now) {
    for (uint32_t i = 0; i < ids->count; i++) {
        for (uint32_t j = 0; j < ids->count; j++) {
            if (i == j || ids->ids[i] <= ids->ids[j] ||
                !history_saw(history, ids->ids[i], ids->ids[j]))
                continue;
            struct buffer key = {0};
            history_fail(
                history, ORACLE_FALSE_CONCURRENCY, now,
                "a read of %s gave #%u and #%u as siblings, but #%u was written with #%u seen",
                key_name(history, read->key, &key), ids->ids[j], ids->ids[i], ids->ids[i],
                ids->ids[j]);
            buffer_deinit(&key);
        }
    }
}

/* Whether the reply shows the effect of an acknowledged write, or of something that superseded it. */
static bool shows(struct history *history, const struct read_record *read, uint32_t id,
                  const struct id_set *ids, struct instant now) {
    const struct write_record *write = &history->writes[id];
    if (write->deletes) {
        /* The delete shows by the absence of what it deleted. */
        for (uint32_t i = 0; i < ids->count; i++) {
            const struct write_record *shown = &history->writes[ids->ids[i]];
            bool met =
                write->blind &&
                history_effective_end(history, ids->ids[i]) + history->clock_error < write->begun &&
                shown->completed != UINT64_MAX;
            if (history_saw(history, id, ids->ids[i]) || (met && !read->one_winner))
                return false;
        }
        return true;
    }
    if (history_is_covered(history, id, ids, now))
        return true;
    if (!read->one_winner || ids->count == 0)
        return false;
    /* One of several siblings is shown: only an older one proves that this write was missed. */
    return !history_may_cover(history, id, ids->ids[0]);
}

static uint32_t count_missed_versions(struct history *history, const struct read_record *read,
                                      const struct id_set *ids, struct instant now) {
    uint32_t missed = 0, steps = 0;
    uint32_t id = history->keys[read->key].last_write;
    for (; id != 0 && steps < VERSIONS_COUNTED_MAX; id = history->writes[id].previous, steps++) {
        const struct write_record *write = &history->writes[id];
        if (write->completed >= read->begun)
            continue;
        if (shows(history, read, id, ids, now))
            break;
        missed++;
    }
    return missed;
}

static void measure_staleness(struct history *history, const struct read_record *read,
                              const struct id_set *ids, uint64_t newest, uint64_t oldest_missed,
                              struct instant now) {
    if (newest == 0)
        return;
    uint64_t since = read->begun - newest;
    histogram_add(&history->reads_since_write, since);
    if (oldest_missed == 0)
        return;
    histogram_add(&history->stale_since_write, since);
    history_count(history, read->client, FIGURE_STALE_READS, 1);
    uint64_t milliseconds = (read->begun - oldest_missed) / MILLION;
    if (milliseconds > history->figures[FIGURE_STALENESS_MILLISECONDS_MAX])
        history->figures[FIGURE_STALENESS_MILLISECONDS_MAX] = milliseconds;
    uint32_t versions = count_missed_versions(history, read, ids, now);
    if (versions > history->figures[FIGURE_STALENESS_VERSIONS_MAX])
        history->figures[FIGURE_STALENESS_VERSIONS_MAX] = versions;
}

static void report_stale(struct history *history, const struct read_record *read,
                         const struct id_set *ids, uint32_t missed, struct instant now) {
    struct buffer key = {0};
    const struct write_record *write = &history->writes[missed];
    char shown[64];
    snprintf(shown, sizeof shown, ids->count == 0 ? "nothing" : "#%u%s",
             ids->count == 0 ? 0 : ids->ids[0], ids->count > 1 ? " and siblings" : "");
    if (write->begun > history->last_loss || history->last_loss == 0)
        history_fail(history, ORACLE_REGULAR_READS, now,
                     "a read of %s that began at %.6f s gave %s and missed %s #%u, which had been "
                     "acknowledged at %.6f s",
                     key_name(history, read->key, &key), (double)read->begun / 1e9, shown,
                     write->deletes ? "delete" : "write", missed, (double)write->completed / 1e9);
    history_fail(
        history, ORACLE_STALE_READS, now,
        "a read of %s gave %s and missed %s #%u, which had been acknowledged before it began",
        key_name(history, read->key, &key), shown, write->deletes ? "delete" : "write", missed);
    buffer_deinit(&key);
}

static void check_freshness(struct history *history, const struct read_record *read,
                            const struct id_set *ids, struct instant now) {
    uint64_t newest = 0, oldest_missed = 0;
    for (uint32_t i = 0; i < read->frontier_count; i++) {
        const struct write_record *write = &history->writes[read->frontier[i]];
        uint64_t end = history_effective_end(history, read->frontier[i]);
        newest = end > newest ? end : newest;
        if (shows(history, read, read->frontier[i], ids, now))
            continue;
        oldest_missed = oldest_missed == 0 || end < oldest_missed ? end : oldest_missed;
        if (write->outcome == WRITE_ACKNOWLEDGED || write->visible < read->begun)
            report_stale(history, read, ids, read->frontier[i], now);
    }
    measure_staleness(history, read, ids, newest, oldest_missed, now);
}

static void note_session(struct history *history, const struct read_record *read,
                         enum oracle oracle, enum figure figure, uint32_t id, const char *what,
                         struct instant now) {
    history_count(history, read->client, figure, 1);
    /* What a disk lost since, no quorum can be blamed for. */
    bool excused = history->last_loss != 0 && history->writes[id].begun <= history->last_loss;
    if (history->scenario->expect.modes[oracle] != ORACLE_CHECKED || excused)
        return;
    struct buffer key = {0};
    history_fail(history, oracle, now, "a client read %s and %s #%u",
                 key_name(history, read->key, &key), what, id);
    buffer_deinit(&key);
}

/* The two guarantees about a session's own reads. */
static void check_own(struct history *history, const struct read_record *read,
                      const struct id_set *ids, struct instant now) {
    if (read->own_write != 0 && !shows(history, read, read->own_write, ids, now))
        note_session(history, read, ORACLE_READ_YOUR_WRITES, FIGURE_READ_YOUR_WRITES_BROKEN,
                     read->own_write, "missed its own write", now);
    for (uint32_t i = 0; i < read->read_count; i++) {
        if (shows(history, read, read->reads[i], ids, now))
            continue;
        note_session(history, read, ORACLE_MONOTONIC_READS, FIGURE_MONOTONIC_READS_BROKEN,
                     read->reads[i], "missed what it had read before:", now);
        break;
    }
}

/* The two about the order of a session's writes: siblings of which one was issued when the session already had the other. */
static void check_order(struct history *history, const struct read_record *read,
                        const struct id_set *ids, struct instant now) {
    for (uint32_t i = 0; i < ids->count; i++) {
        for (uint32_t j = 0; j < ids->count; j++) {
            const struct write_record *earlier = &history->writes[ids->ids[i]];
            const struct write_record *later = &history->writes[ids->ids[j]];
            if (i == j || earlier->client != later->client || earlier->completed >= later->begun)
                continue;
            note_session(history, read, ORACLE_MONOTONIC_WRITES, FIGURE_MONOTONIC_WRITES_BROKEN,
                         ids->ids[i],
                         "met an earlier write of a session beside its later one:", now);
        }
        if (history->writes[ids->ids[i]].client != read->client || read->own_write != ids->ids[i])
            continue;
        for (uint32_t j = 0; j < read->read_count; j++) {
            if (read->reads[j] < ids->ids[i] && id_set_has(ids, read->reads[j]))
                note_session(history, read, ORACLE_WRITES_FOLLOW_READS,
                             FIGURE_WRITES_FOLLOW_READS_BROKEN, read->reads[j],
                             "met beside its own write what it had read before:", now);
        }
    }
}

void oracle_check_read(struct history *history, const struct read_record *read,
                       const struct id_set *ids, struct instant now) {
    if (ids->count > 1)
        check_concurrency(history, read, ids, now);
    check_freshness(history, read, ids, now);
    check_own(history, read, ids, now);
    if (ids->count > 1)
        check_order(history, read, ids, now);
}
