#include "engine/data/causal.h"

static const uint64_t WALL_MILLISECONDS_MAX = (uint64_t)1 << 47;
static const uint64_t OBSERVED_AHEAD_MILLISECONDS_MAX = 24 * 60 * 60 * 1000;
enum { LOGICAL_BITS = 16 };

/* The first entry whose actor is not less than `actor`: where it is or belongs. */
static uint32_t position_of(const struct version_vector *vector, uint64_t actor) {
    uint32_t low = 0;
    uint32_t high = vector->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (vector->dots[middle].actor < actor)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t vector_counter(const struct version_vector *vector, uint64_t actor) {
    uint32_t position = position_of(vector, actor);
    bool known = position < vector->count && vector->dots[position].actor == actor;
    return known ? vector->dots[position].counter : 0;
}

bool vector_raise(struct version_vector *vector, struct dot dot) {
    CHECK(dot.counter > 0);
    uint32_t position = position_of(vector, dot.actor);
    struct dot *entry = &vector->dots[position];
    if (position < vector->count && entry->actor == dot.actor) {
        if (entry->counter < dot.counter)
            entry->counter = dot.counter;
        return true;
    }
    if (vector->count == VECTOR_ENTRIES_MAX)
        return false;
    memmove(entry + 1, entry, (vector->count - position) * sizeof *entry);
    *entry = dot;
    vector->count++;
    return true;
}

/* How many actors the two know together. */
static uint32_t count_joined(const struct version_vector *left,
                             const struct version_vector *right) {
    uint32_t i = 0;
    uint32_t j = 0;
    uint32_t shared = 0;
    while (i < left->count && j < right->count) {
        uint64_t ours = left->dots[i].actor;
        uint64_t theirs = right->dots[j].actor;
        shared += ours == theirs;
        i += ours <= theirs;
        j += theirs <= ours;
    }
    return left->count + right->count - shared;
}

bool vector_join(struct version_vector *vector, const struct version_vector *other) {
    uint32_t joined = count_joined(vector, other);
    if (joined > VECTOR_ENTRIES_MAX)
        return false;
    /* Filled from the back, so that no entry is overwritten before it was read. */
    uint32_t i = vector->count;
    uint32_t j = other->count;
    for (uint32_t to = joined; j > 0; to--) {
        struct dot theirs = other->dots[j - 1];
        if (i > 0 && vector->dots[i - 1].actor >= theirs.actor) {
            struct dot ours = vector->dots[--i];
            if (ours.actor == theirs.actor) {
                j--;
                if (ours.counter < theirs.counter)
                    ours.counter = theirs.counter;
            }
            vector->dots[to - 1] = ours;
        } else {
            vector->dots[to - 1] = theirs;
            j--;
        }
    }
    vector->count = joined;
    return true;
}

bool vector_descends(const struct version_vector *left, const struct version_vector *right) {
    uint32_t i = 0;
    for (uint32_t j = 0; j < right->count; j++) {
        while (i < left->count && left->dots[i].actor < right->dots[j].actor)
            i++;
        if (i == left->count || left->dots[i].actor != right->dots[j].actor ||
            left->dots[i].counter < right->dots[j].counter)
            return false;
    }
    return true;
}

void vector_encode(const struct version_vector *vector, struct buffer *to) {
    buffer_put_varint(to, vector->count);
    for (uint32_t i = 0; i < vector->count; i++) {
        buffer_put_u64(to, vector->dots[i].actor);
        buffer_put_varint(to, vector->dots[i].counter);
    }
}

bool vector_decode(struct reader *from, struct version_vector *vector) {
    uint64_t count = reader_varint(from);
    vector->count = 0;
    if (from->failed || count > VECTOR_ENTRIES_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct dot dot = {.actor = reader_u64(from)};
        dot.counter = reader_varint(from);
        bool ascending = i == 0 || vector->dots[i - 1].actor < dot.actor;
        if (from->failed || dot.counter == 0 || !ascending)
            return false;
        vector->dots[i] = dot;
        vector->count = i + 1;
    }
    return true;
}

/* Wall times past the year 6400 are clamped, so that a timestamp always has a successor. */
static uint64_t physical_part(struct wall_time wall) {
    uint64_t milliseconds =
        wall.milliseconds < WALL_MILLISECONDS_MAX ? wall.milliseconds : WALL_MILLISECONDS_MAX;
    return milliseconds << LOGICAL_BITS;
}

struct timestamp logical_clock_tick(struct logical_clock *clock, struct wall_time wall) {
    uint64_t physical = physical_part(wall);
    uint64_t successor = clock->last.value + 1;
    clock->last.value = physical > successor ? physical : successor;
    return clock->last;
}

void logical_clock_observe(struct logical_clock *clock, struct timestamp seen,
                           struct wall_time wall) {
    uint64_t limit = physical_part(wall) + (OBSERVED_AHEAD_MILLISECONDS_MAX << LOGICAL_BITS);
    if (seen.value <= limit && seen.value > clock->last.value)
        clock->last = seen;
}
