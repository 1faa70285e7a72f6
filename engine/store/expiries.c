#include "engine/store/expiries.h"

#include "engine/base/memory.h"

void expiries_deinit(struct expiries *expiries) {
    memory_release(expiries->steps);
    *expiries = (struct expiries){0};
}

uint32_t expiries_find(const struct expiries *expiries, struct wall_time expires) {
    uint32_t low = 0;
    uint32_t high = expiries->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (expiries->steps[middle].to.milliseconds < expires.milliseconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The two neighbours with the fewest entries become one. */
static void unite(struct expiries *expiries) {
    struct expiry_step *steps = expiries->steps;
    uint32_t best = 0;
    for (uint32_t i = 1; i + 1 < expiries->count; i++) {
        if (steps[i].count + steps[i + 1].count < steps[best].count + steps[best + 1].count)
            best = i;
    }
    steps[best].to = steps[best + 1].to;
    steps[best].count += steps[best + 1].count;
    expiries->count--;
    memmove(&steps[best + 1], &steps[best + 2], (expiries->count - best - 1) * sizeof *steps);
}

void expiries_add(struct expiries *expiries, struct wall_time expires) {
    CHECK(expires.milliseconds != 0);
    if (expiries->steps == NULL)
        expiries->steps = memory_allocate((EXPIRY_STEPS_MAX + (size_t)1) * sizeof *expiries->steps);
    uint32_t at = expiries_find(expiries, expires);
    struct expiry_step *step = &expiries->steps[at];
    expiries->entries++;
    if (at < expiries->count && step->from.milliseconds <= expires.milliseconds) {
        step->count++;
        return;
    }
    memmove(step + 1, step, (expiries->count - at) * sizeof *step);
    *step = (struct expiry_step){.from = expires, .to = expires, .count = 1};
    if (++expiries->count > EXPIRY_STEPS_MAX)
        unite(expiries);
}

uint64_t expiries_passed(const struct expiries *expiries, struct wall_time wall) {
    uint64_t passed = 0;
    for (uint32_t i = 0; i < expiries->count && has_expired(expiries->steps[i].to, wall); i++)
        passed += expiries->steps[i].count;
    return passed;
}

struct wall_time expiries_due(const struct expiries *expiries, uint64_t wanted) {
    uint64_t passed = 0;
    for (uint32_t i = 0; i < expiries->count; i++) {
        passed += expiries->steps[i].count;
        if (passed >= wanted)
            return expiries->steps[i].to;
    }
    return WALL_TIME_NEVER;
}

void expiries_encode(const struct expiries *expiries, struct buffer *to) {
    CHECK(expiries->count > 0 && expiries->count <= EXPIRY_STEPS_MAX);
    uint64_t before = 0;
    buffer_put_varint(to, expiries->count);
    for (uint32_t i = 0; i < expiries->count; i++) {
        const struct expiry_step *step = &expiries->steps[i];
        buffer_put_varint(to, step->to.milliseconds - before);
        buffer_put_varint(to, step->count);
        before = step->to.milliseconds;
    }
}

static bool decode_step(struct reader *from, struct expiries *expiries, uint64_t before) {
    uint64_t distance = reader_varint(from);
    uint64_t count = reader_varint(from);
    if (from->failed || distance == 0 || distance > UINT64_MAX - before || count == 0 ||
        count > UINT64_MAX - expiries->entries)
        return false;
    struct wall_time to = {before + distance};
    expiries->steps[expiries->count++] = (struct expiry_step){.from = to, .to = to, .count = count};
    expiries->entries += count;
    return true;
}

bool expiries_decode(struct reader *from, struct expiries *expiries) {
    uint64_t count = reader_varint(from);
    if (from->failed || count == 0 || count > EXPIRY_STEPS_MAX)
        return false;
    CHECK(expiries->steps == NULL);
    expiries->steps = memory_allocate((size_t)count * sizeof *expiries->steps);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t before = i == 0 ? 0 : expiries->steps[i - 1].to.milliseconds;
        if (!decode_step(from, expiries, before))
            return false;
    }
    return true;
}
