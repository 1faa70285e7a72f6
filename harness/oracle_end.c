#include "harness/oracle.h"

#include <stdlib.h>

/* Goes back from what is still there to everything that it may have superseded:
 *
 *     live values and deletes  -->  what their writers had seen  -->  what those had seen ...
 *     a blind write            -->  whatever was begun before it was completed
 *
 * An acknowledged write that is not reached this way was lost. */
struct reached {
    struct history *history;
    uint32_t *work;
    uint32_t count, capacity;
    uint64_t blind_reach; /* of the blind writes reached so far */
};

static void reach(struct reached *reached, uint32_t id) {
    struct write_record *write = &reached->history->writes[id];
    if (write->mark == reached->history->mark)
        return;
    write->mark = reached->history->mark;
    if (reached->count == reached->capacity) {
        reached->capacity = reached->capacity == 0 ? 64 : reached->capacity * 2;
        reached->work = realloc(reached->work, reached->capacity * sizeof *reached->work);
        CHECK(reached->work != NULL);
    }
    reached->work[reached->count++] = id;
}

static void follow(struct reached *reached, uint32_t key) {
    struct history *history = reached->history;
    uint64_t swept = 0;
    for (;;) {
        while (reached->count > 0) {
            uint32_t id = reached->work[--reached->count];
            const struct write_record *write = &history->writes[id];
            for (uint32_t i = 0; i < write->seen_count; i++)
                reach(reached, history->seen[write->seen_from + i]);
            if (!write->blind)
                continue;
            uint64_t end = history_effective_end(history, id);
            end = end > UINT64_MAX - history->clock_error ? UINT64_MAX : end + history->clock_error;
            reached->blind_reach = end > reached->blind_reach ? end : reached->blind_reach;
        }
        if (reached->blind_reach == swept)
            return;
        swept = reached->blind_reach;
        for (uint32_t id = history->keys[key].last_write; id != 0;
             id = history->writes[id].previous) {
            if (history->writes[id].begun <= swept &&
                history->writes[id].outcome != WRITE_NOT_WRITTEN)
                reach(reached, id);
        }
    }
}

static void report_lost(struct history *history, uint32_t id, const struct id_set *live,
                        const char *key, struct instant now) {
    const struct write_record *write = &history->writes[id];
    if (live->count > 0 && !history_saw(history, id, live->ids[0])) {
        history_fail(history, ORACLE_LOST_CONCURRENCY, now,
                     "write #%u to %s (acknowledged at %.6f s) is gone, and #%u, whose writer had "
                     "not seen it, is there alone",
                     id, key, (double)write->completed / 1e9, live->ids[0]);
        /* Not every scenario tells the two apart. */
        history_fail(history, ORACLE_LOST_WRITES, now,
                     "write #%u to %s was acknowledged and is gone", id, key);
        return;
    }
    history_fail(
        history, ORACLE_LOST_WRITES, now,
        "write #%u to %s was acknowledged at %.6f s and is gone, and nothing superseded it", id,
        key, (double)write->completed / 1e9);
}

static void check_lost(struct history *history, uint32_t key, const struct id_set *live,
                       const char *name, struct instant now) {
    struct reached reached = {.history = history};
    history->mark++;
    for (uint32_t i = 0; i < live->count; i++)
        reach(&reached, live->ids[i]);
    uint32_t id = history->keys[key].last_delete;
    for (; id != 0; id = history->writes[id].previous_delete) {
        if (history->writes[id].outcome != WRITE_NOT_WRITTEN)
            reach(&reached, id);
    }
    follow(&reached, key);
    free(reached.work);
    uint32_t mark = history->mark;
    for (id = history->keys[key].last_write; id != 0; id = history->writes[id].previous) {
        const struct write_record *write = &history->writes[id];
        if (write->mark == mark || write->outcome != WRITE_ACKNOWLEDGED || write->deletes)
            continue;
        if (history_is_excused(history, id)) {
            history->figures[FIGURE_WRITES_LOST_EXCUSED]++;
            continue;
        }
        report_lost(history, id, live, name, now);
        return;
    }
}

/* What an acknowledged delete had seen must not be there. */
static void check_resurrected(struct history *history, uint32_t key, const struct id_set *live,
                              const char *name, struct instant now) {
    uint32_t id = history->keys[key].last_delete;
    for (; id != 0 && live->count > 0; id = history->writes[id].previous_delete) {
        const struct write_record *write = &history->writes[id];
        if (write->outcome != WRITE_ACKNOWLEDGED || history_is_excused(history, id))
            continue;
        for (uint32_t i = 0; i < live->count; i++) {
            if (history_saw(history, id, live->ids[i]))
                history_fail(
                    history, ORACLE_RESURRECTED_DELETES, now,
                    "#%u is back under %s although delete #%u, acknowledged at %.6f s, had seen it",
                    live->ids[i], name, id, (double)write->completed / 1e9);
        }
    }
}

static void check_antichain(struct history *history, const struct id_set *live, const char *name,
                            struct instant now) {
    for (uint32_t i = 0; i < live->count; i++) {
        for (uint32_t j = 0; j < live->count; j++) {
            if (live->ids[i] > live->ids[j] && history_saw(history, live->ids[i], live->ids[j]))
                history_fail(
                    history, ORACLE_FALSE_CONCURRENCY, now,
                    "%s ended with #%u and #%u as siblings, but #%u was written with #%u seen",
                    name, live->ids[j], live->ids[i], live->ids[i], live->ids[j]);
        }
    }
}

void oracle_check_end(struct history *history, uint32_t key, const struct id_set *live,
                      struct instant now) {
    struct buffer text = {0};
    history_key_text(history, key, &text);
    buffer_put_u8(&text, 0);
    const char *name = (const char *)text.data;
    if (live->count > history->figures[FIGURE_SIBLINGS_AT_END_MAX])
        history->figures[FIGURE_SIBLINGS_AT_END_MAX] = live->count;
    if (history_admit(history, key, live, now)) {
        check_antichain(history, live, name, now);
        check_resurrected(history, key, live, name, now);
        check_lost(history, key, live, name, now);
    }
    buffer_deinit(&text);
}
