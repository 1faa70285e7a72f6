/* manifest: the facts about a store's files, and how they lie in a manifest's records.
 *
 *     payload := fact ...
 *     fact    := tag u8, then varints (v), numbers and keys (varint length and bytes)
 *         1 next file        v number         every file number below it may have been used
 *         2 flushed          v sequence       the tables hold everything up to it
 *         3 log first        v number         log segments below it are obsolete
 *         4 open from        v number         segments from it on count as they are found; below it
 *                                             only those that are sealed
 *         5 closed           v sequence       the store was closed, its log ended there
 *         6 sealed           v number, v end offset, v last sequence
 *         7 table added      v level, v number, v run, v size, v tail size, v entries, v removed
 *                            entries, v removed ranges, key smallest, key largest, v 1 when the
 *                            largest is not in it, else 0
 *         8 table removed    v number
 *         9 rolled back                       the store may hold less than it once vouched for: it is a
 *                                             copy of an earlier moment, or something was lost
 *         16 to 19           what the disk has lost: damage.h
 *
 * A snapshot says everything, an edit what changed; an edit that does not say closed or rolled back again
 * ends it.
 */
#ifndef DUNLIN_STORE_MANIFEST_H
#define DUNLIN_STORE_MANIFEST_H

#include "engine/store/damage.h"
#include "engine/store/version.h"

/* A log segment of an earlier life that is still needed, up to where its tail was cut. */
struct sealed_segment {
    uint64_t number;
    uint64_t end; /* offset */
    uint64_t last_sequence;
};

struct manifest_facts {
    uint64_t next_file;
    uint64_t flushed_sequence;
    uint64_t log_first;
    uint64_t open_from;
    bool closed;
    uint64_t closed_sequence;
    bool rolled_back;
    struct sealed_segment *sealed; /* ascending */
    uint32_t sealed_count, sealed_capacity;
};

void manifest_facts_deinit(struct manifest_facts *facts);
void manifest_facts_seal(struct manifest_facts *facts, struct sealed_segment segment);
/* Forgets sealed segments with everything in them <= `sequence`. */
void manifest_facts_unseal(struct manifest_facts *facts, uint64_t sequence);

/* The facts but the tables. Of the sealed segments those from log_first on. */
void manifest_put_facts(struct buffer *to, const struct manifest_facts *facts, bool with_sealed);
void manifest_put_added(struct buffer *to, uint32_t level, const struct table_file *file);
void manifest_put_removed(struct buffer *to, const struct table_file *file);
void manifest_put_version(struct buffer *to, const struct version *version);

/* What recovery reads a manifest into. */
struct manifest_table {
    uint32_t level;
    struct table_file *file;
};
struct manifest_state {
    struct manifest_facts facts;
    struct manifest_table *tables;
    uint32_t table_count, table_capacity;
    struct damage_list damages;
};
/* Frees the tables that are still in it. */
void manifest_state_deinit(struct manifest_state *state);
/* Applies a record's payload; false when it is malformed or contradicts the state. */
MUST_USE bool manifest_state_apply(struct manifest_state *state, struct bytes payload);

#endif
