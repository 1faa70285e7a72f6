#include "engine/data/object.h"

#include "engine/base/hash.h"

enum {
    OBJECT_VERSION = 1,
    SIBLING_FLAGS_KNOWN = SIBLING_TOMBSTONE | SIBLING_BLIND,
    SIBLING_EXPIRES = 0x80, /* in encoded flags: an expiry follows */
    SIBLING_SIZE_MAX = 2 + 10 + 8 + 1 + 10 + 10,
    VECTOR_ENTRY_SIZE_MAX = 8 + 10,
};

static int dot_compare(struct dot left, struct dot right) {
    if (left.actor != right.actor)
        return left.actor < right.actor ? -1 : 1;
    return (left.counter > right.counter) - (left.counter < right.counter);
}

/* By timestamp, then dot: the total order in which blind writes supersede and winners win. */
static bool is_older(const struct sibling *left, const struct sibling *right) {
    if (left->at.value != right->at.value)
        return left->at.value < right->at.value;
    return dot_compare(left->dot, right->dot) < 0;
}

void object_clear(struct object *object) {
    object->vector.count = 0;
    object->sibling_count = 0;
}

bool object_is_empty(const struct object *object) {
    return object->vector.count == 0;
}

static bool write_supersedes(const struct object_write *write, const struct version_vector *context,
                             const struct sibling *sibling) {
    return write->blind || (context != NULL && vector_covers(context, sibling->dot));
}

/* The vector after the write, with the write's own dot. False when there is no room for it. */
static bool next_vector(const struct object *object, uint64_t actor,
                        const struct version_vector *context, struct version_vector *next,
                        struct dot *dot) {
    next->count = object->vector.count;
    memcpy(next->dots, object->vector.dots, next->count * sizeof next->dots[0]);
    if (context != NULL && !vector_join(next, context))
        return false;
    uint64_t counter = vector_counter(next, actor);
    if (counter == UINT64_MAX)
        return false;
    *dot = (struct dot){.actor = actor, .counter = counter + 1};
    return vector_raise(next, *dot);
}

static void insert_sibling(struct object *object, const struct sibling *sibling) {
    CHECK(object->sibling_count < OBJECT_SIBLINGS_MAX);
    uint32_t position = object->sibling_count++;
    while (position > 0 && dot_compare(object->siblings[position - 1].dot, sibling->dot) > 0) {
        object->siblings[position] = object->siblings[position - 1];
        position--;
    }
    object->siblings[position] = *sibling;
}

enum object_status object_write(struct object *object, uint64_t actor,
                                const struct version_vector *context,
                                const struct object_write *write, struct dot *dot) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < object->sibling_count; i++)
        kept += !write_supersedes(write, context, &object->siblings[i]);
    struct version_vector next;
    struct dot minted;
    if (kept + 1 > OBJECT_SIBLINGS_WRITE_MAX ||
        !next_vector(object, actor, context, &next, &minted))
        return OBJECT_FULL;
    kept = 0;
    for (uint32_t i = 0; i < object->sibling_count; i++) {
        if (!write_supersedes(write, context, &object->siblings[i]))
            object->siblings[kept++] = object->siblings[i];
    }
    object->sibling_count = kept;
    object->vector.count = next.count;
    memcpy(object->vector.dots, next.dots, next.count * sizeof next.dots[0]);
    uint8_t flags =
        (uint8_t)((write->tombstone ? SIBLING_TOMBSTONE : 0) | (write->blind ? SIBLING_BLIND : 0));
    insert_sibling(object,
                   &(struct sibling){.dot = minted,
                                     .at = write->at,
                                     .flags = flags,
                                     .value = write->tombstone ? (struct bytes){0} : write->value});
    *dot = minted;
    return OBJECT_OK;
}

/* Walks a vector along with dots that come in ascending order. */
struct coverage {
    const struct version_vector *vector;
    uint32_t position;
};

static bool covers_next(struct coverage *coverage, struct dot dot) {
    const struct version_vector *vector = coverage->vector;
    while (coverage->position < vector->count && vector->dots[coverage->position].actor < dot.actor)
        coverage->position++;
    return coverage->position < vector->count &&
           vector->dots[coverage->position].actor == dot.actor &&
           vector->dots[coverage->position].counter >= dot.counter;
}

/* Collects what survives of both sides, in order; false when it is more than an object may hold. */
static bool merge_siblings(const struct object *left, const struct object *right,
                           struct sibling merged[OBJECT_SIBLINGS_MAX], uint32_t *count) {
    struct coverage known_left = {.vector = &left->vector};
    struct coverage known_right = {.vector = &right->vector};
    uint32_t i = 0;
    uint32_t j = 0;
    *count = 0;
    while (i < left->sibling_count || j < right->sibling_count) {
        int order = i == left->sibling_count ? 1
                    : j == right->sibling_count
                        ? -1
                        : dot_compare(left->siblings[i].dot, right->siblings[j].dot);
        const struct sibling *sibling = order <= 0 ? &left->siblings[i] : &right->siblings[j];
        bool superseded = order < 0   ? covers_next(&known_right, sibling->dot)
                          : order > 0 ? covers_next(&known_left, sibling->dot)
                                      : false;
        i += order <= 0;
        j += order >= 0;
        if (superseded)
            continue;
        if (*count == OBJECT_SIBLINGS_MAX)
            return false;
        merged[(*count)++] = *sibling;
    }
    return true;
}

enum object_status object_merge(struct object *object, const struct object *other) {
    struct sibling merged[OBJECT_SIBLINGS_MAX];
    uint32_t count;
    if (!merge_siblings(object, other, merged, &count) ||
        !vector_join(&object->vector, &other->vector))
        return OBJECT_FULL;
    memcpy(object->siblings, merged, count * sizeof merged[0]);
    object->sibling_count = count;
    return OBJECT_OK;
}

void object_settle_blind(struct object *object, struct dot blind) {
    uint32_t found = 0;
    while (found < object->sibling_count && dot_compare(object->siblings[found].dot, blind) != 0)
        found++;
    if (found == object->sibling_count || (object->siblings[found].flags & SIBLING_BLIND) == 0)
        return;
    struct sibling newest = object->siblings[found];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < object->sibling_count; i++) {
        if (!is_older(&object->siblings[i], &newest))
            object->siblings[kept++] = object->siblings[i];
    }
    object->sibling_count = kept;
}

/* A sibling names its actor by the place in the vector, where it must stand anyway. */
static void encode_sibling(const struct sibling *sibling, uint32_t actor_position,
                           struct buffer *to) {
    bool expires = sibling->expires_at_milliseconds != 0;
    buffer_put_varint(to, actor_position);
    buffer_put_varint(to, sibling->dot.counter);
    buffer_put_u64(to, sibling->at.value);
    buffer_put_u8(to, (uint8_t)(sibling->flags | (expires ? SIBLING_EXPIRES : 0)));
    if (expires)
        buffer_put_varint(to, sibling->expires_at_milliseconds);
    if ((sibling->flags & SIBLING_TOMBSTONE) == 0)
        buffer_put_bytes(to, sibling->value);
}

void object_encode(const struct object *object, struct buffer *to) {
    size_t size = 1 + 2 + object->vector.count * (size_t)VECTOR_ENTRY_SIZE_MAX + 2;
    for (uint32_t i = 0; i < object->sibling_count; i++)
        size += SIBLING_SIZE_MAX + object->siblings[i].value.size;
    (void)buffer_reserve(to, size);
    buffer_put_u8(to, OBJECT_VERSION);
    vector_encode(&object->vector, to);
    buffer_put_varint(to, object->sibling_count);
    struct coverage known = {.vector = &object->vector};
    for (uint32_t i = 0; i < object->sibling_count; i++) {
        bool covered = covers_next(&known, object->siblings[i].dot);
        CHECK(covered);
        encode_sibling(&object->siblings[i], known.position, to);
    }
}

static bool decode_sibling(struct reader *from, const struct version_vector *vector,
                           struct sibling *sibling) {
    uint64_t actor_position = reader_varint(from);
    if (from->failed || actor_position >= vector->count)
        return false;
    struct dot last = vector->dots[actor_position];
    sibling->dot = (struct dot){.actor = last.actor, .counter = reader_varint(from)};
    sibling->at.value = reader_u64(from);
    uint8_t flags = reader_u8(from);
    bool expires = (flags & SIBLING_EXPIRES) != 0;
    sibling->flags = (uint8_t)(flags & ~SIBLING_EXPIRES);
    sibling->expires_at_milliseconds = expires ? reader_varint(from) : 0;
    bool tombstone = (sibling->flags & SIBLING_TOMBSTONE) != 0;
    sibling->value = tombstone ? (struct bytes){0} : reader_bytes(from);
    bool covered = sibling->dot.counter > 0 && sibling->dot.counter <= last.counter;
    bool flags_known = (sibling->flags & ~SIBLING_FLAGS_KNOWN) == 0;
    bool expiry_needed = !expires || sibling->expires_at_milliseconds != 0;
    return !from->failed && covered && flags_known && expiry_needed;
}

static bool decode_all(struct reader *from, struct object *object) {
    if (reader_u8(from) != OBJECT_VERSION || !vector_decode(from, &object->vector))
        return false;
    uint64_t count = reader_varint(from);
    if (from->failed || count > OBJECT_SIBLINGS_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct sibling *sibling = &object->siblings[i];
        if (!decode_sibling(from, &object->vector, sibling) ||
            (i > 0 && dot_compare(sibling[-1].dot, sibling->dot) >= 0))
            return false;
        object->sibling_count = i + 1;
    }
    return reader_finished(from);
}

bool object_decode(struct bytes from, struct object *object) {
    struct reader reader = reader_of(from);
    object_clear(object);
    if (decode_all(&reader, object))
        return true;
    object_clear(object);
    return false;
}

uint64_t object_digest(const struct object *object, struct bytes key) {
    if (object_is_empty(object))
        return 0;
    /* Each part is hashed with the digest of those before it, so neither order nor length can be
     * confused. */
    struct dot dots[OBJECT_SIBLINGS_MAX];
    for (uint32_t i = 0; i < object->sibling_count; i++)
        dots[i] = object->siblings[i].dot;
    size_t vector_size = object->vector.count * sizeof(struct dot);
    size_t dots_size = object->sibling_count * sizeof(struct dot);
    uint64_t digest = hash64(key);
    digest = hash64_seeded(bytes_of(object->vector.dots, vector_size), digest);
    digest = hash64_seeded(bytes_of(dots, dots_size), digest);
    return digest == 0 ? 1 : digest;
}

const struct sibling *object_winner(const struct object *object) {
    const struct sibling *greatest = NULL;
    for (uint32_t i = 0; i < object->sibling_count; i++) {
        if (greatest == NULL || is_older(greatest, &object->siblings[i]))
            greatest = &object->siblings[i];
    }
    bool live = greatest != NULL && (greatest->flags & SIBLING_TOMBSTONE) == 0;
    return live ? greatest : NULL;
}

uint32_t object_live_count(const struct object *object) {
    uint32_t live = 0;
    for (uint32_t i = 0; i < object->sibling_count; i++)
        live += (object->siblings[i].flags & SIBLING_TOMBSTONE) == 0;
    return live;
}
