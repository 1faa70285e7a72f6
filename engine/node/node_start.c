#include "engine/node/node_start.h"

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/data/entry_key.h"
#include "engine/node/narration.h"
#include "engine/node/node_state.h"

enum { HINTS_PER_STEP = 512 };

static uint64_t waiter_of_start(void) {
    return (uint64_t)NUMBER_START << 56 | 1;
}

static enum store_status read_meta(struct node *node, const char *name, struct bytes *value) {
    buffer_clear(&node->entry);
    entry_key_encode(&(struct entry_key){.space = ENTRY_META, .key = bytes_of_text(name)},
                     &node->entry);
    return store_get(node->store, buffer_bytes(&node->entry), waiter_of_start(), value,
                     node->effects);
}

/* A new actor is as good as random, and differs between nodes that were given the same entropy. */
static uint64_t draw_actor(const struct node *node, uint64_t incarnation) {
    uint64_t actor = hash_mix(hash_mix(node->entropy, node->member_ids[node->self]), incarnation);
    return actor == 0 ? 1 : actor;
}

/* Whose directory it is: nobody may go on from what another node had promised. */
static bool is_own_directory(struct node *node, struct bytes saved) {
    struct reader reader = reader_of(saved);
    (void)reader_u64(&reader);
    (void)reader_u64(&reader);
    struct bytes cluster = reader_bytes(&reader);
    struct bytes name = reader_bytes(&reader);
    if (saved.size == 0 || !reader_finished(&reader))
        return true;
    if (bytes_equal(name, node->config.name) && bytes_equal(cluster, node->config.cluster))
        return true;
    struct buffer why = {0};
    text_append(&why, "the directory belongs to node ");
    buffer_append(&why, name);
    text_append(&why, " of cluster ");
    buffer_append(&why, cluster);
    text_append(&why, ", and this is ");
    buffer_append(&why, node->config.name);
    text_append(&why, " of ");
    buffer_append(&why, node->config.cluster);
    node_fail(node, buffer_bytes(&why));
    buffer_deinit(&why);
    return false;
}

/* Keys that are lost may have dots of the actor that is known. */
static bool has_lost_something(struct node *node) {
    struct store_damage damage = {0};
    while (store_next_damage(node->store, damage.id, &damage))
        node->healing.actor_covers = damage.id;
    return node->healing.actor_covers > 0;
}

/* An incarnation is greater than any earlier one, also when the clock was set back. */
static void take_incarnation(struct node *node, struct bytes saved) {
    struct reader reader = reader_of(saved);
    uint64_t actor = reader_u64(&reader);
    uint64_t incarnation = reader_u64(&reader);
    (void)reader_bytes(&reader);
    (void)reader_bytes(&reader);
    bool known = reader_finished(&reader) && actor != 0;
    uint64_t next = known ? incarnation + 1 : 1;
    node->incarnation = next > node->wall.milliseconds ? next : node->wall.milliseconds;
    bool sound = !has_lost_something(node) && !store_was_born(node->store) &&
                 !store_was_rolled_back(node->store);
    bool keeps = known && sound && store_was_closed_cleanly(node->store);
    node->actor = keeps ? actor : draw_actor(node, node->incarnation);
    node->start.kept = keeps ? incarnation : 0;
    narrate(node, NOTE_INFO,
            keeps ? "was closed cleanly and keeps its actor" : "draws a new actor for its dots");
}

/* What was held when the copy was made may lack what was acknowledged since. */
static void add_held_removal(struct node *node, struct store_batch *batch) {
    buffer_clear(&node->frame);
    entry_key_encode(&(struct entry_key){.space = ENTRY_META, .key = bytes_of_text("held")},
                     &node->frame);
    batch->entries[batch->count++] =
        (struct store_entry){.key = buffer_bytes(&node->frame), .removed = true};
}

static enum store_status save_incarnation(struct node *node) {
    buffer_clear(&node->encoded);
    buffer_put_u64(&node->encoded, node->actor);
    buffer_put_u64(&node->encoded, node->incarnation);
    buffer_put_bytes(&node->encoded, node->config.cluster);
    buffer_put_bytes(&node->encoded, node->config.name);
    buffer_clear(&node->entry);
    entry_key_encode(&(struct entry_key){.space = ENTRY_META, .key = bytes_of_text("incarnation")},
                     &node->entry);
    struct store_batch batch = {.count = 1};
    batch.entries[0] = (struct store_entry){.key = buffer_bytes(&node->entry),
                                            .value = buffer_bytes(&node->encoded)};
    if (store_was_rolled_back(node->store))
        add_held_removal(node, &batch);
    enum store_status status = replica_store_write(node, &batch, &node->start.sequence);
    if (status == STORE_OK)
        store_want_durable(node->store, node->start.sequence);
    return status;
}

static void count_hint(struct node *node, const struct store_entry *entry) {
    struct entry_key key;
    if (!entry_key_decode(entry->key, &key))
        return;
    uint32_t member = node_member_of_id(node, key.target);
    /* A member that is none any more: nobody will ever ask for its hints. */
    if (member == LINK_MEMBER_NONE || is_self(node, member))
        return;
    uint64_t size = hint_size(entry->key, entry->value);
    node->hint_count++;
    node->hint_bytes += size;
    node->peers[member].hint_count++;
    node->peers[member].hint_bytes += size;
}

/* STORE_ABSENT when all are counted, STORE_OK when there are more. */
static enum store_status count_hints(struct node *node) {
    static const uint8_t PREFIX = ENTRY_HINT;
    struct node_start *start = &node->start;
    struct bytes prefix = bytes_of(&PREFIX, 1);
    for (uint32_t i = 0; i < HINTS_PER_STEP; i++) {
        struct bytes from = start->cursor.size == 0 ? prefix : buffer_bytes(&start->cursor);
        struct store_entry entry;
        enum store_status status = store_scan(node->store, prefix, from, start->cursor_is_taken,
                                              waiter_of_start(), &entry, node->effects);
        if (status != STORE_OK)
            return status;
        count_hint(node, &entry);
        buffer_clear(&start->cursor);
        buffer_append(&start->cursor, entry.key);
        start->cursor_is_taken = true;
    }
    return STORE_OK;
}

/* No dot is given out before something can be written, and that includes this life's note of itself. What the store holds can
 * be answered for meanwhile; not so after a rollback, which is to be noted first. */
static enum store_status begin_unsaved(struct node *node) {
    narrate(node, NOTE_WARNING,
            "starts on a full disk: answers reads, and takes writes as soon as there is space");
    node->start.unsaved = true;
    node->start.phase = START_READ_HELD;
    return STORE_OK;
}

/* One phase's work: STORE_OK when there is more to do now, STORE_NEED_BLOCK or STORE_BUSY when it
 * must wait. */
static enum store_status advance(struct node *node) {
    struct node_start *start = &node->start;
    struct bytes value = {0};
    enum store_status status = STORE_NEED_BLOCK;
    switch (start->phase) {
    case START_RECOVERING:
        if (store_phase(node->store) != STORE_PHASE_SERVING)
            return STORE_NEED_BLOCK;
        start->phase = START_READ_INCARNATION;
        return STORE_OK;
    case START_READ_INCARNATION:
        status = read_meta(node, "incarnation", &value);
        /* Of what is lost, an older value is better than none: the actor is not taken from it. */
        if (status != STORE_OK && status != STORE_ABSENT && status != STORE_CORRUPT)
            return status;
        if (!is_own_directory(node, value))
            return STORE_NEED_BLOCK;
        take_incarnation(node, value);
        start->phase = START_SAVE_INCARNATION;
        return STORE_OK;
    case START_SAVE_INCARNATION:
        status = save_incarnation(node);
        if (status == STORE_FULL && !store_was_rolled_back(node->store))
            return begin_unsaved(node);
        if (status == STORE_OK)
            start->phase = START_AWAIT_INCARNATION;
        return status;
    case START_AWAIT_INCARNATION:
        if (store_durable(node->store) < start->sequence)
            return STORE_NEED_BLOCK;
        if (store_was_rolled_back(node->store)) {
            narrate(node, NOTE_WARNING,
                    "starts from a copy or a repaired store: its reads do not count until the "
                    "other owners have been compared with");
            store_accept_rollback(node->store);
        }
        start->phase = START_READ_HELD;
        return STORE_OK;
    case START_READ_HELD:
        status = read_meta(node, "held", &value);
        if (status == STORE_OK)
            held_load(node, value);
        else if (status != STORE_ABSENT && status != STORE_CORRUPT)
            return status;
        start->phase = START_COUNT_HINTS;
        return STORE_OK;
    case START_COUNT_HINTS:
        status = count_hints(node);
        if (status == STORE_ABSENT)
            start->phase = START_DONE;
        return status == STORE_ABSENT ? STORE_OK : status;
    case START_DONE:
        break;
    }
    return status;
}

bool node_start_advance(struct node *node) {
    while (node->start.phase != START_DONE) {
        enum start_phase before = node->start.phase;
        enum store_status status = advance(node);
        if (status == STORE_CORRUPT) {
            node_fail(node, bytes_of_text("what the node must know to start cannot be read"));
            return false;
        }
        if (status != STORE_OK)
            return false;
        /* More hints than one step should count: the next event goes on. */
        if (node->start.phase == before) {
            deadlines_set(&node->deadlines, &node->stop_timer,
                          instant_after(node->now, duration_of_microseconds(1)));
            return false;
        }
    }
    buffer_deinit(&node->start.cursor);
    return true;
}

void node_start_check(struct node *node, uint64_t remembered) {
    if (node->start.kept != 0 && remembered > node->start.kept && remembered < node->incarnation &&
        node->phase == NODE_SERVING)
        node_start_anew(node, node->incarnation);
}

static void begin_life(struct node *node, uint64_t incarnation, const char *why) {
    node->incarnation = incarnation;
    node->start.kept = 0;
    node->actor = draw_actor(node, incarnation);
    narrate(node, NOTE_WARNING, why);
    membership_outlive(node->membership, incarnation);
    node->start.unsaved = true;
}

void node_start_renew(struct node *node, const char *why) {
    CHECK(node->start.phase == START_DONE);
    uint64_t rival = membership_rival_incarnation(node->membership);
    begin_life(node, (rival > node->incarnation ? rival : node->incarnation) + 1, why);
}

void node_start_anew(struct node *node, uint64_t rival_incarnation) {
    CHECK(node->start.phase == START_DONE && rival_incarnation >= node->incarnation);
    begin_life(node, rival_incarnation + 1,
               "hears of a later life of its own: the disk is an old copy or the name is used "
               "twice; draws a new actor");
    held_forget(node);
    for (uint32_t member = 0; member < node->config.member_count; member++) {
        if (!is_self(node, member))
            exchange_kick(node, member);
    }
}

void node_start_save(struct node *node) {
    if (node->start.unsaved && save_incarnation(node) == STORE_OK)
        node->start.unsaved = false;
}
