/* The questions of history.h about what superseded what. */
#include "harness/history.h"

#include <stdlib.h>

/* A search that goes on longer than this answers "may cover": it must not cost more than the run itself. */
enum { SEARCH_STEPS_MAX = 20000 };

uint64_t history_effective_end(const struct history *history, uint32_t id) {
    const struct write_record *write = &history->writes[id];
    return write->completed < write->visible ? write->completed : write->visible;
}

/* The end from which on a blind write can supersede nothing new, with the clocks' error: blind writes are put in order
 * by wall clock. */
static uint64_t reach_of(const struct history *history, uint32_t id) {
    uint64_t end = history_effective_end(history, id);
    return end > UINT64_MAX - history->clock_error ? UINT64_MAX : end + history->clock_error;
}

static void push(struct history *history, uint32_t *depth, uint32_t id) {
    struct write_record *write = &history->writes[id];
    if (write->mark == history->mark)
        return;
    write->mark = history->mark;
    if (*depth == history->stack_capacity) {
        history->stack_capacity *= 2;
        history->stack = realloc(history->stack, history->stack_capacity * sizeof *history->stack);
        CHECK(history->stack != NULL);
    }
    history->stack[(*depth)++] = id;
}

bool history_saw(struct history *history, uint32_t later, uint32_t earlier) {
    uint32_t depth = 0;
    history->mark++;
    push(history, &depth, later);
    while (depth > 0) {
        const struct write_record *write = &history->writes[history->stack[--depth]];
        for (uint32_t i = 0; i < write->seen_count; i++) {
            uint32_t seen = history->seen[write->seen_from + i];
            if (seen == earlier)
                return true;
            /* Ids grow with time: what is older than `earlier` cannot have seen it. */
            if (seen > earlier)
                push(history, &depth, seen);
        }
    }
    return false;
}

bool history_may_cover(struct history *history, uint32_t later, uint32_t earlier) {
    const struct write_record *target = &history->writes[earlier];
    uint32_t depth = 0, steps = 0;
    history->mark++;
    push(history, &depth, later);
    while (depth > 0) {
        uint32_t id = history->stack[--depth];
        const struct write_record *write = &history->writes[id];
        if (++steps > SEARCH_STEPS_MAX)
            return true;
        if (write->blind && write->key == target->key && id != earlier &&
            reach_of(history, id) >= target->begun)
            return true;
        if (id < earlier && write->begun + history->clock_error < target->begun)
            continue;
        for (uint32_t i = 0; i < write->seen_count; i++) {
            uint32_t seen = history->seen[write->seen_from + i];
            if (seen == earlier)
                return true;
            push(history, &depth, seen);
        }
    }
    return false;
}

/* A delete leaves no value that would name it, so any that was not refused may be what took the write away. */
static bool delete_may_cover(struct history *history, uint32_t id, struct instant now) {
    uint32_t other = history->keys[history->writes[id].key].last_delete;
    for (uint32_t steps = 0; other != 0; steps++) {
        const struct write_record *write = &history->writes[other];
        if (steps > SEARCH_STEPS_MAX)
            return true;
        if (other != id && write->outcome != WRITE_NOT_WRITTEN && write->begun <= now.nanoseconds &&
            history_may_cover(history, other, id))
            return true;
        other = write->previous_delete;
    }
    return false;
}

bool history_is_covered(struct history *history, uint32_t id, const struct id_set *ids,
                        struct instant now) {
    for (uint32_t i = 0; i < ids->count; i++) {
        if (ids->ids[i] == id)
            return true;
    }
    for (uint32_t i = 0; i < ids->count; i++) {
        if (history_may_cover(history, ids->ids[i], id))
            return true;
    }
    return delete_may_cover(history, id, now);
}
