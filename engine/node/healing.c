#include "engine/node/healing.h"

#include "engine/base/memory.h"
#include "engine/data/entry_key.h"
#include "engine/data/merkle.h"
#include "engine/node/narration.h"
#include "engine/node/node_state.h"

enum { LOOK_EVERY_MILLISECONDS = 100, SUMS = NODE_REPLICAS_MAX * MERKLE_LEAVES, SPACE_END = 0xff };

void healing_init(struct node *node) {
    node->healing = (struct healing){.timer = {.kind = TIMER_HEALING}};
    node->healing.recounts = memory_allocate_zeroed(node->config.partition_count / 8 + 1, 1);
}

void healing_deinit(struct healing *healing) {
    memory_release(healing->recounts);
    memory_release(healing->sums);
    buffer_deinit(&healing->cursor);
    *healing = (struct healing){0};
}

static void schedule(struct node *node, struct duration after) {
    deadlines_set(&node->deadlines, &node->healing.timer, instant_after(node->now, after));
}

/* --- what a damage concerns --------------------------------------------------------------------- */

/* True when some key that begins with the prefix may be lost. */
static bool meets_prefix(const struct store_damage *damage, struct bytes prefix) {
    bool begins_in_time =
        bytes_compare(damage->from, prefix) <= 0 || bytes_start_with(damage->from, prefix);
    return begins_in_time && (damage->to.size == 0 || bytes_compare(damage->to, prefix) >= 0);
}

static bool meets_space(const struct store_damage *damage, enum entry_space space) {
    uint8_t prefix = (uint8_t)space;
    return meets_prefix(damage, bytes_of(&prefix, 1));
}

static bool meets_partition(struct node *node, const struct store_damage *damage,
                            uint32_t partition) {
    buffer_clear(&node->entry);
    entry_key_partition_prefix((uint16_t)partition, &node->entry);
    return meets_prefix(damage, buffer_bytes(&node->entry));
}

/* The store's own keys hold the pages of tallies: one per row and partition. */
static bool meets_own_keys(const struct store_damage *damage) {
    static const uint8_t PREFIX[] = {0};
    return meets_prefix(damage, bytes_of(PREFIX, sizeof PREFIX));
}

/* The log's tallies end where the log does, and an empty store has none: there the trees say what is there. */
static bool spoils_trees(const struct store_damage *damage) {
    return damage->kind == STORE_DAMAGE_BLOCK || damage->kind == STORE_DAMAGE_TABLE;
}

/* --- taking note -------------------------------------------------------------------------------- */

static bool get_bit(const uint8_t *bits, uint32_t at) {
    return (bits[at / 8] >> at % 8 & 1) != 0;
}

static void stop_recount(struct node *node) {
    node->healing.phase = HEALING_IDLE;
}

static void want_recount(struct node *node, uint32_t partition) {
    struct healing *healing = &node->healing;
    if (healing->phase != HEALING_IDLE && healing->partition == partition)
        stop_recount(node);
    if (get_bit(healing->recounts, partition))
        return;
    healing->recounts[partition / 8] =
        (uint8_t)(healing->recounts[partition / 8] | 1u << partition % 8);
    healing->recount_count++;
}

bool healing_recounts(const struct node *node, uint16_t partition) {
    return get_bit(node->healing.recounts, partition);
}

/* What was compared so far says nothing of what is lost since. */
static void restart_exchanges(struct node *node) {
    for (uint32_t member = 0; member < node->config.member_count; member++) {
        if (is_self(node, member))
            continue;
        if (node->peers[member].exchange.phase != EXCHANGE_IDLE)
            exchange_fail(node, member);
    }
}

static void take_damage(struct node *node, const struct store_damage *damage) {
    struct healing *healing = &node->healing;
    healing->last_taken = damage->id;
    if (meets_space(damage, ENTRY_DATA) && damage->id > healing->actor_covers)
        node_start_renew(node, "has lost keys and draws a new actor for its dots");
    bool own = meets_own_keys(damage);
    for (uint32_t partition = 0; partition < node->config.partition_count; partition++) {
        bool meets = meets_partition(node, damage, partition);
        if (meets)
            held_doubt(node, (uint16_t)partition);
        if (spoils_trees(damage) && (meets || own))
            want_recount(node, partition);
    }
    if (meets_space(damage, ENTRY_META)) {
        node->start.unsaved = true;
        node->held.unsaved = true;
    }
    if (meets_space(damage, ENTRY_HINT))
        narrate(node, NOTE_WARNING, "may have lost hints that it kept for others");
}

void healing_look(struct node *node) {
    struct healing *healing = &node->healing;
    uint64_t changes = store_damage_changes(node->store);
    if (changes == healing->changes && healing->last_taken > 0)
        return;
    healing->changes = changes;
    struct store_damage damage;
    bool any = false;
    while (store_next_damage(node->store, healing->last_taken, &damage)) {
        take_damage(node, &damage);
        any = true;
    }
    if (!any)
        return;
    restart_exchanges(node);
    schedule(node, duration_of_microseconds(1));
}

/* --- recounting --------------------------------------------------------------------------------- */

static void begin_recount(struct node *node) {
    struct healing *healing = &node->healing;
    uint32_t partition = 0;
    while (!get_bit(healing->recounts, partition))
        partition++;
    if (healing->sums == NULL)
        healing->sums = memory_allocate_zeroed(SUMS, sizeof *healing->sums);
    memset(healing->sums, 0, SUMS * sizeof *healing->sums);
    healing->partition = (uint16_t)partition;
    healing->phase = HEALING_COUNTING;
    healing->cursor_is_taken = false;
    buffer_clear(&healing->cursor);
    entry_key_partition_prefix(healing->partition, &healing->cursor);
}

static void count_entry(struct node *node, const struct store_entry *entry) {
    struct healing *healing = &node->healing;
    struct entry_key key;
    if (entry_key_decode(entry->key, &key) && object_decode(entry->value, &node->local)) {
        uint32_t row = node_keyspace_of(node, key.key)->n - 1u;
        struct leaf_sum *sum = &healing->sums[row * MERKLE_LEAVES + key.leaf];
        sum->digest ^= object_digest(&node->local, key.key);
        sum->count += object_live_count(&node->local) > 0;
    }
    buffer_clear(&healing->cursor);
    buffer_append(&healing->cursor, entry->key);
    healing->cursor_is_taken = true;
}

void healing_note_write(struct node *node, const struct store_batch *batch) {
    struct healing *healing = &node->healing;
    if (healing->phase == HEALING_IDLE || !batch->has_tally || batch->count == 0)
        return;
    uint32_t page = batch->tally.tally / STORE_TALLIES_PER_PAGE;
    if (page % node->config.partition_count != healing->partition)
        return;
    bool will_be_met = healing->phase == HEALING_COUNTING &&
                       (!healing->cursor_is_taken ||
                        bytes_compare(batch->entries[0].key, buffer_bytes(&healing->cursor)) > 0);
    if (will_be_met)
        return;
    uint32_t row = page / node->config.partition_count;
    struct leaf_sum *sum =
        &healing->sums[row * MERKLE_LEAVES + batch->tally.tally % STORE_TALLIES_PER_PAGE];
    sum->digest ^= batch->tally.digest;
    sum->count += batch->tally.count;
}

/* STORE_OK when the slice is done, STORE_ABSENT when the partition is. */
static enum store_status count_slice(struct node *node) {
    struct healing *healing = &node->healing;
    struct buffer prefix = {0};
    entry_key_partition_prefix(healing->partition, &prefix);
    enum store_status status = STORE_OK;
    for (uint32_t i = 0; i < HEALING_SLICE && status == STORE_OK; i++) {
        struct store_entry entry;
        status = store_scan(node->store, buffer_bytes(&prefix), buffer_bytes(&healing->cursor),
                            healing->cursor_is_taken, (uint64_t)NUMBER_HEALING << 56 | 1, &entry,
                            node->effects);
        if (status == STORE_OK)
            count_entry(node, &entry);
    }
    buffer_deinit(&prefix);
    return status;
}

/* Makes one tally what was counted. Every page is written, also where it is right: its place in the tables may be lost. */
static enum store_status correct(struct node *node, uint32_t at) {
    struct healing *healing = &node->healing;
    uint32_t page = at / MERKLE_LEAVES * node->config.partition_count + healing->partition;
    uint32_t leaf = at % MERKLE_LEAVES;
    const uint64_t *digests = store_tally_digests(node->store, page);
    uint32_t tally = page * STORE_TALLIES_PER_PAGE + leaf;
    struct store_batch batch = {.has_tally = true};
    batch.tally = (struct tally_change){
        .tally = tally,
        .digest = healing->sums[at].digest ^ (digests == NULL ? 0 : digests[leaf]),
        .count = healing->sums[at].count - store_tally_count(node->store, tally),
    };
    bool page_exists = digests != NULL && leaf == 0;
    if (batch.tally.digest == 0 && batch.tally.count == 0 && !page_exists)
        return STORE_OK;
    uint64_t sequence;
    return replica_store_write(node, &batch, &sequence);
}

static void end_recount(struct node *node) {
    struct healing *healing = &node->healing;
    uint32_t at = healing->partition;
    healing->recounts[at / 8] = (uint8_t)(healing->recounts[at / 8] & ~(1u << at % 8));
    healing->recount_count--;
    healing->recounted++;
    stop_recount(node);
    if (healing->recount_count > 0)
        return;
    narrate(node, NOTE_INFO, "has counted anew what is left of damaged partitions");
    for (uint32_t member = 0; member < node->config.member_count; member++) {
        if (!is_self(node, member))
            exchange_kick(node, member);
    }
}

static void advance_recount(struct node *node) {
    struct healing *healing = &node->healing;
    enum store_status status = STORE_OK;
    if (healing->phase == HEALING_IDLE)
        begin_recount(node);
    if (healing->phase == HEALING_COUNTING) {
        status = count_slice(node);
        if (status == STORE_NEED_BLOCK)
            return;
        if (status == STORE_ABSENT) {
            healing->phase = HEALING_CORRECTING;
            healing->corrected = 0;
            status = STORE_OK;
        }
    }
    while (healing->phase == HEALING_CORRECTING && healing->corrected < SUMS &&
           status == STORE_OK) {
        status = correct(node, healing->corrected);
        healing->corrected += status == STORE_OK;
    }
    if (healing->phase == HEALING_CORRECTING && healing->corrected == SUMS)
        end_recount(node);
    schedule(node, status == STORE_OK ? duration_of_microseconds(1) : duration_of_milliseconds(10));
}

/* --- healed ------------------------------------------------------------------------------------- */

/* True when the others can have given back everything: keys with one owner nobody can give back. */
static bool can_be_healed(struct node *node, const struct store_damage *damage) {
    bool single = node->n_most == 1 || (node->class_mask & 1) != 0;
    return !single || !meets_space(damage, ENTRY_DATA);
}

static bool is_healed(struct node *node, const struct store_damage *damage) {
    if (damage->id > node->healing.last_taken || node->start.unsaved || node->held.unsaved ||
        store_durable(node->store) < node->replica.last_sequence)
        return false;
    bool own = meets_own_keys(damage) && spoils_trees(damage);
    for (uint32_t partition = 0; partition < node->config.partition_count; partition++) {
        bool meets = meets_partition(node, damage, partition);
        if ((meets || own) && healing_recounts(node, (uint16_t)partition))
            return false;
        if (meets && held_misses(node, (uint16_t)partition))
            return false;
    }
    return true;
}

static void note_beyond_healing(struct node *node, const struct store_damage *damage) {
    narrate(node, NOTE_ERROR,
            "cannot heal what the disk has lost of keys with one replica: those that may be lost "
            "answer with an error until they are written anew, or given up");
    node->healing.beyond++;
    node->healing.beyond_last = damage->id;
}

/* Not before everything that was written for it is durable: a loss of power must not leave the store without the entries,
 * and without the knowledge that they are missing. */
static bool look_for_healed(struct node *node) {
    struct store_damage damage = {0};
    bool waits = false, beyond_waits = false;
    while (store_next_damage(node->store, damage.id, &damage)) {
        bool heals = can_be_healed(node, &damage);
        if (!heals && damage.id <= node->healing.beyond_last)
            continue;
        /* Those beyond healing are told of in their order. */
        bool ready = is_healed(node, &damage) && (heals || !beyond_waits);
        waits |= !ready;
        beyond_waits |= !heals && !ready;
        if (ready && heals) {
            narrate(node, NOTE_INFO, "has healed what the disk had lost");
            store_heal(node->store, damage.id);
        } else if (ready) {
            note_beyond_healing(node, &damage);
        }
    }
    if (waits)
        store_want_durable(node->store, node->replica.last_sequence);
    return waits;
}

void healing_on_timer(struct node *node) {
    if (node->phase != NODE_SERVING)
        return;
    if (node->healing.recount_count > 0)
        advance_recount(node);
    else if (look_for_healed(node))
        schedule(node, duration_of_milliseconds(LOOK_EVERY_MILLISECONDS));
}

void healing_wake(struct node *node) {
    if (node->phase == NODE_SERVING && node->healing.phase == HEALING_COUNTING)
        schedule(node, duration_of_microseconds(1));
}
