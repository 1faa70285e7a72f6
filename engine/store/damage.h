/* damage: something that the disk has lost, the keys that it may concern, and how a manifest says so.
 *
 *     fact := tag u8, then varints (v), numbers and keys (varint length and bytes)
 *         16 damage      v id, v kind, v kind and v number of the file, v offset, v first run,
 *                        v 1 when "from" itself is sound else 0, key from, key to
 *         17 healed      v id
 *         18 lost block  v number of a table, v offset of a block in it that is not to be read again
 *         19 answered    v id, u64 hash of a key that was written or removed after the damage
 *
 * A damage is there until it is said to be healed. An empty "from" is the first key, an empty "to"
 * the end of all keys. A fact about a table that is gone says nothing.
 */
#ifndef DUNLIN_STORE_DAMAGE_H
#define DUNLIN_STORE_DAMAGE_H

#include "engine/store/store.h"

enum damage_tag {
    DAMAGE_TAG_DAMAGE = 16,
    DAMAGE_TAG_HEALED = 17,
    DAMAGE_TAG_LOST_BLOCK = 18,
    DAMAGE_TAG_ANSWERED = 19,
};

/* What recovery still found in a damaged log lies in memory, and is no younger than the damage. */
#define DAMAGE_RUN_UNKNOWN (UINT64_MAX / 2)

/* Keys of a damage that are told apart from the rest of its range. One beyond that, once it was merged with older tables, is
 * in quarantine again: STORE_CORRUPT, with the value that was written last. So nothing wrong is answered, and nodes with
 * replicas heal long before. */
enum { DAMAGE_ANSWERED_MAX = 4096 };

struct damage {
    uint64_t id; /* ascending */
    enum store_damage_kind kind;
    struct file_id file;
    uint64_t offset;
    struct buffer from, to;
    bool after;         /* `from` itself is sound */
    uint64_t first_run; /* flushes from this run on were made afterwards, or DAMAGE_RUN_UNKNOWN */
    uint64_t sequence;  /* then: those are, that come once tables hold the log up to here */
    uint64_t change;    /* of the quarantine that brought it */
    uint64_t *
        answered; /* ascending hashes of keys that something younger answers for, at whatever level by now */
    uint32_t answered_count, answered_capacity;
    bool heals;             /* its entries are back; nothing but the manifest has to follow */
    uint64_t heal_sequence; /* then: healed once tables hold the log up to here */
};

/* By id. */
struct damage_list {
    struct damage *items;
    uint32_t count, capacity;
};

void damage_list_deinit(struct damage_list *list);
/* A zeroed one at the end. */
struct damage *damage_list_add(struct damage_list *list, uint64_t id);
/* Null when there is none with this id. */
struct damage *damage_list_find(const struct damage_list *list, uint64_t id);
void damage_list_remove(struct damage_list *list, uint64_t id);

/* True when it may concern a key from `from` to `to`; an empty `to` is the end of all keys. */
bool damage_meets(const struct damage *damage, struct bytes from, struct bytes to);
static inline bool damage_has(const struct damage *damage, struct bytes key) {
    return damage_meets(damage, key, key);
}

/* Whatever is found under this key is younger than the damage. False when it was known, or there is no more room. */
bool damage_answer(struct damage *damage, uint64_t hash);
bool damage_is_answered(const struct damage *damage, uint64_t hash);

void damage_put(const struct damage *damage, struct buffer *to);
void damage_put_healed(uint64_t id, struct buffer *to);
void damage_put_answered(uint64_t id, uint64_t hash, struct buffer *to);
void damage_put_lost_block(uint64_t table, uint64_t offset, struct buffer *to);
/* Take what follows the tag. False when it is malformed or contradicts the list. */
MUST_USE bool damage_take(struct damage_list *list, struct reader *from);
MUST_USE bool damage_take_healed(struct damage_list *list, struct reader *from);
MUST_USE bool damage_take_answered(struct damage_list *list, struct reader *from);

#endif
