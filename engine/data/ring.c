#include "engine/data/ring.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/prng.h"

enum { PARTITIONS_MAX = 16384 };

struct token {
    uint64_t position;
    uint32_t member;
};

/* What the walk knows of a member: its host, rack and data centre as small numbers. */
struct place {
    uint16_t host;
    uint16_t rack;
    uint16_t datacentre;
};

/* A walk stamps what it has taken with its own number, so that nothing needs clearing between
 * walks. */
struct builder {
    const struct ring_member *members;
    struct place *places;
    struct token *tokens; /* ascending */
    size_t token_count;
    uint32_t host_count;
    uint32_t rack_count;
    uint32_t datacentre_count;
    uint32_t list_size;
    uint32_t *host_taken;
    uint32_t *rack_taken;
    uint32_t *datacentre_taken;
};

static bool is_power_of_two(uint32_t value) {
    return value != 0 && (value & (value - 1)) == 0;
}

/* The circle of 2^64 tokens, cut into equal parts. */
static uint64_t circle_part(uint64_t count) {
    return count == 1 ? UINT64_MAX : (0 - count) / count + 1;
}

static void *allocate(size_t count, size_t size) {
    void *allocated = memory_allocate_zeroed(count, size);
    return allocated;
}

static bool token_before(struct token left, struct token right) {
    if (left.position != right.position)
        return left.position < right.position;
    return left.member < right.member;
}

static void sift_down(struct token *heap, size_t count, size_t index) {
    struct token sinking = heap[index];
    for (size_t child = 2 * index + 1; child < count; child = 2 * index + 1) {
        if (child + 1 < count && token_before(heap[child], heap[child + 1]))
            child++;
        if (!token_before(sinking, heap[child]))
            break;
        heap[index] = heap[child];
        index = child;
    }
    heap[index] = sinking;
}

/* Heapsort: in place, and as fast on the worst input as on any. */
static void sort_tokens(struct token *tokens, size_t count) {
    for (size_t i = count / 2; i > 0; i--)
        sift_down(tokens, count, i - 1);
    for (size_t left = count; left > 1; left--) {
        struct token greatest = tokens[0];
        tokens[0] = tokens[left - 1];
        tokens[left - 1] = greatest;
        sift_down(tokens, left - 1, 0);
    }
}

/* Puts one token into every arc, at `column` of the arc's row. The strata are dealt out by a
 * shuffle. */
static void draw_tokens(struct token *tokens, uint32_t row_size, uint32_t column, uint32_t vnodes,
                        uint16_t *strata, uint32_t member, uint64_t seed) {
    struct prng prng;
    prng_init(&prng, seed, 0);
    uint64_t arc_width = circle_part(vnodes);
    uint64_t stratum_width = arc_width / vnodes;
    for (uint32_t i = 0; i < vnodes; i++) {
        uint32_t j = prng_below(&prng, i + 1);
        strata[i] = strata[j];
        strata[j] = (uint16_t)i;
    }
    for (uint32_t arc = 0; arc < vnodes; arc++) {
        uint64_t rest = prng_below_u64(&prng, stratum_width);
        tokens[(size_t)arc * row_size + column] = (struct token){
            .position = arc * arc_width + strata[arc] * stratum_width + rest, .member = member};
    }
}

static void make_tokens(struct builder *builder, uint32_t member_count, uint32_t vnodes) {
    uint32_t row_size = 0;
    for (uint32_t member = 0; member < member_count; member++)
        row_size += builder->members[member].weight;
    builder->token_count = (size_t)row_size * vnodes;
    builder->tokens = allocate(builder->token_count, sizeof *builder->tokens);
    uint16_t *strata = allocate(vnodes, sizeof *strata);
    uint32_t column = 0;
    for (uint32_t member = 0; member < member_count; member++) {
        const struct ring_member *from = &builder->members[member];
        for (uint32_t i = 0; i < from->weight; i++) {
            draw_tokens(builder->tokens, row_size, column++, vnodes, strata, member,
                        hash_mix(from->id, i));
        }
    }
    /* Arcs follow one another, so each is sorted by itself. */
    for (uint32_t arc = 0; arc < vnodes; arc++)
        sort_tokens(builder->tokens + (size_t)arc * row_size, row_size);
    memory_release(strata);
}

/* Numbers hosts, racks and data centres in the order of the members that first name them. */
static void number_places(struct builder *builder, uint32_t member_count) {
    for (uint32_t i = 0; i < member_count; i++) {
        const struct ring_member *member = &builder->members[i];
        struct place place = {.host = (uint16_t)builder->host_count,
                              .rack = (uint16_t)builder->rack_count,
                              .datacentre = (uint16_t)builder->datacentre_count};
        for (uint32_t j = 0; j < i; j++) {
            const struct ring_member *earlier = &builder->members[j];
            if (earlier->host == member->host)
                place.host = builder->places[j].host;
            if (earlier->datacentre == member->datacentre) {
                place.datacentre = builder->places[j].datacentre;
                if (earlier->rack == member->rack)
                    place.rack = builder->places[j].rack;
            }
        }
        builder->host_count += place.host == builder->host_count;
        builder->rack_count += place.rack == builder->rack_count;
        builder->datacentre_count += place.datacentre == builder->datacentre_count;
        builder->places[i] = place;
    }
}

/* The three classes of a list, in the order in which they fill it. */
enum { FIRST_OF_DATACENTRE, FIRST_OF_RACK, NEITHER, CLASS_COUNT };

static bool take(uint32_t *taken, uint16_t what, uint32_t stamp) {
    if (taken[what] == stamp)
        return false;
    taken[what] = stamp;
    return true;
}

/* Walks clockwise from token `start` and writes one list. A class never needs more than list_size
 * members; the walk ends early once nothing that is still to come could enter the list. */
static void walk(struct builder *builder, size_t start, uint32_t stamp, uint16_t *list) {
    uint16_t found[CLASS_COUNT][RING_LIST_MAX];
    uint32_t count[CLASS_COUNT] = {0};
    uint32_t hosts_left = builder->host_count;
    uint32_t size = builder->list_size;
    size_t index = start;
    while (hosts_left > 0) {
        uint32_t member = builder->tokens[index].member;
        index = index + 1 == builder->token_count ? 0 : index + 1;
        struct place place = builder->places[member];
        if (!take(builder->host_taken, place.host, stamp))
            continue;
        hosts_left--;
        bool new_datacentre = take(builder->datacentre_taken, place.datacentre, stamp);
        bool new_rack = take(builder->rack_taken, place.rack, stamp);
        int class = new_datacentre ? FIRST_OF_DATACENTRE : new_rack ? FIRST_OF_RACK : NEITHER;
        if (count[class] < size)
            found[class][count[class]++] = (uint16_t)member;
        uint32_t spread = count[FIRST_OF_DATACENTRE] + count[FIRST_OF_RACK];
        bool datacentres_done = count[FIRST_OF_DATACENTRE] >= size ||
                                count[FIRST_OF_DATACENTRE] == builder->datacentre_count;
        bool racks_done = spread >= size || spread == builder->rack_count;
        if (datacentres_done && racks_done && spread + count[NEITHER] >= size)
            break;
    }
    uint32_t written = 0;
    for (int class = 0; class < CLASS_COUNT; class ++) {
        for (uint32_t i = 0; i < count[class] && written < size; i++)
            list[written++] = found[class][i];
    }
    CHECK(written == size);
}

static void walk_all(struct builder *builder, struct ring *ring) {
    uint64_t step = circle_part(ring->partition_count);
    size_t start = 0;
    for (uint32_t partition = 0; partition < ring->partition_count; partition++) {
        uint64_t position = partition * step;
        while (start < builder->token_count && builder->tokens[start].position < position)
            start++;
        walk(builder, start == builder->token_count ? 0 : start, partition + 1,
             ring->preference + (size_t)partition * ring->list_size);
    }
}

static void check_arguments(const struct ring_member *members, uint32_t member_count,
                            uint32_t partition_count, uint32_t vnodes) {
    CHECK(is_power_of_two(partition_count) && partition_count <= PARTITIONS_MAX);
    CHECK(member_count <= RING_MEMBERS_MAX && vnodes > 0 && vnodes <= RING_VNODES_MAX);
    for (uint32_t i = 0; i < member_count; i++) {
        CHECK(members[i].weight > 0 && members[i].weight <= RING_WEIGHT_MAX);
        CHECK(i == 0 || members[i - 1].id < members[i].id);
    }
}

void ring_build(struct ring *ring, const struct ring_member *members, uint32_t member_count,
                uint32_t partition_count, uint32_t vnodes) {
    check_arguments(members, member_count, partition_count, vnodes);
    ring_deinit(ring);
    ring->partition_count = partition_count;
    ring->member_count = member_count;
    if (member_count == 0)
        return;
    struct builder builder = {.members = members};
    builder.places = allocate(member_count, sizeof *builder.places);
    number_places(&builder, member_count);
    ring->list_size = builder.host_count < RING_LIST_MAX ? builder.host_count : RING_LIST_MAX;
    ring->preference = allocate((size_t)partition_count * ring->list_size, sizeof(uint16_t));
    builder.list_size = ring->list_size;
    builder.host_taken = allocate(builder.host_count, sizeof(uint32_t));
    builder.rack_taken = allocate(builder.rack_count, sizeof(uint32_t));
    builder.datacentre_taken = allocate(builder.datacentre_count, sizeof(uint32_t));
    make_tokens(&builder, member_count, vnodes);
    walk_all(&builder, ring);
    memory_release(builder.tokens);
    memory_release(builder.datacentre_taken);
    memory_release(builder.rack_taken);
    memory_release(builder.host_taken);
    memory_release(builder.places);
}

void ring_deinit(struct ring *ring) {
    memory_release(ring->preference);
    *ring = (struct ring){0};
}
