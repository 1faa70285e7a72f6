/* One key: the youngest source that knows it has the answer. */
#include "engine/base/hash.h"
#include "engine/store/block_find.h"
#include "engine/store/pacing.h"
#include "engine/store/store_state.h"

enum lookup { LOOKUP_UNKNOWN, LOOKUP_FOUND, LOOKUP_REMOVED, LOOKUP_BLOCKED };

struct block_cache *store_cache(struct store *store) {
    uint64_t pinned = store->tables.pinned_bytes;
    uint64_t budget = store->config.cache_bytes > pinned ? store->config.cache_bytes - pinned : 0;
    if (store->cache == NULL)
        store->cache = block_cache_create(budget);
    block_cache_set_budget(store->cache, budget);
    return store->cache;
}

enum store_status store_lose_block(struct store *store, struct table_file *file,
                                   const struct block_handle *handle, uint64_t waiter,
                                   struct effects *effects) {
    quarantine_block(store, file, handle, effects);
    if (waiter == BLOCK_WAITER_OWN)
        return STORE_CORRUPT;
    quarantine_wait(store, waiter);
    return STORE_NEED_BLOCK;
}

bool store_block_at_hand(struct store *store, const struct table_file *file,
                         const struct block_handle *handle, struct lent_block *lent) {
    bool there = block_cache_get(store_cache(store), file->number, handle->offset, lent) ||
                 block_reads_find(&store->reads, file->number, handle->offset, lent);
    store->figures.cache_hits += there;
    return there;
}

enum store_status store_block(struct store *store, struct table_file *file,
                              const struct block_handle *handle, uint64_t waiter,
                              struct lent_block *lent, struct effects *effects) {
    if (store_block_at_hand(store, file, handle, lent))
        return STORE_OK;
    store->figures.cache_misses++;
    if (block_reads_take_failure(&store->reads, waiter, file->number, handle->offset))
        return store_lose_block(store, file, handle, waiter, effects);
    if (!block_reads_ask(&store->reads, file, handle, waiter, effects))
        return STORE_BUSY;
    return STORE_NEED_BLOCK;
}

/* Filters of so many runs are asked for from memory at once. */
enum { RUNS_AHEAD_MAX = 16 };

/* What is looked for, and by whom. */
struct query {
    struct bytes key;
    struct wall_time wall; /* what has expired by then is not there */
    uint64_t hash;         /* of the key */
    uint64_t waiter;
    struct effects *effects;
};

/* Where the key belongs in a run. */
struct place {
    struct table_file *file; /* null: nowhere */
    uint32_t partition;
};

/* STORE_ABSENT: the filter says that the table does not hold the key. */
static enum store_status ask_filter(struct store *store, const struct place *place,
                                    const struct query *query) {
    struct table_file *file = place->file;
    struct block_handle handle;
    enum table_filter answer =
        table_partition_may_contain(file->table, place->partition, query->hash, &handle);
    if (answer == TABLE_FILTER_FETCH) {
        struct lent_block lent;
        if (table_file_lacks(file, handle.offset))
            return STORE_OK;
        enum store_status status =
            store_block(store, file, &handle, query->waiter, &lent, query->effects);
        if (status != STORE_OK)
            return status;
        answer = table_filter_passes(lent.contents, query->hash) ? TABLE_FILTER_PASSES
                                                                 : TABLE_FILTER_EXCLUDES;
    }
    if (answer == TABLE_FILTER_PASSES)
        return STORE_OK;
    store->figures.filter_skips++;
    return STORE_ABSENT;
}

/* STORE_ABSENT: every key of the table is smaller. */
static enum store_status find_block(struct store *store, const struct place *place,
                                    const struct query *query, struct block_handle *handle) {
    struct table_file *file = place->file;
    struct table_window window = {0};
    uint32_t position;
    enum table_answer answer;
    /* Twice at most: with the partition in the window there is an answer. */
    while ((answer = table_find_block_in(file->table, &window, query->key, place->partition,
                                         &position, handle)) == TABLE_NEEDS_INDEX) {
        struct lent_block lent;
        if (table_file_lacks(file, handle->offset))
            return STORE_ABSENT;
        enum store_status status =
            store_block(store, file, handle, query->waiter, &lent, query->effects);
        if (status != STORE_OK)
            return status;
        table_window_set(&window, file->table, handle, lent.contents);
    }
    bool there = answer == TABLE_HAS_BLOCK && !table_file_lacks(file, handle->offset);
    return there ? STORE_OK : STORE_ABSENT;
}

/* LOOKUP_BLOCKED leaves the reason in *status. */
static enum lookup look_into_entries(struct store *store, const struct place *place,
                                     const struct query *query, struct bytes *value,
                                     enum store_status *status) {
    struct block_handle handle;
    struct lent_block lent;
    struct table_file *file = place->file;
    *status = ask_filter(store, place, query);
    if (*status == STORE_OK)
        *status = find_block(store, place, query, &handle);
    if (*status == STORE_ABSENT)
        return LOOKUP_UNKNOWN;
    if (*status == STORE_OK)
        *status = store_block(store, file, &handle, query->waiter, &lent, query->effects);
    if (*status != STORE_OK)
        return LOOKUP_BLOCKED;
    struct wall_time expires;
    bool removed;
    switch (block_find(lent.contents, query->key, value, &removed, &expires)) {
    case BLOCK_FIND_PRESENT:
        return removed || has_expired(expires, query->wall) ? LOOKUP_REMOVED : LOOKUP_FOUND;
    case BLOCK_FIND_ABSENT:
        return LOOKUP_UNKNOWN;
    case BLOCK_FIND_CORRUPT:
        break;
    }
    *status = store_lose_block(store, file, &handle, query->waiter, query->effects);
    return LOOKUP_BLOCKED;
}

/* A table's own entries are younger than its ranges, and older tables are not. */
static enum lookup look_into_table(struct store *store, const struct place *place,
                                   const struct query *query, struct bytes *value,
                                   enum store_status *status) {
    const struct table_file *file = place->file;
    enum lookup found = look_into_entries(store, place, query, value, status);
    bool hides = found == LOOKUP_UNKNOWN && file->range_count > 0 &&
                 removed_ranges_find(table_ranges(file->table), query->key) != NULL;
    return hides ? LOOKUP_REMOVED : found;
}

static struct place find_place(const struct table_run *run, const struct query *query) {
    struct place place = {.file = table_run_find(run, query->key)};
    /* A filter in memory tells a key in the gap before the table as cheaply; others are to be read. */
    if (place.file != NULL && !table_is_resident(place.file->table) &&
        bytes_compare(table_file_smallest(place.file), query->key) > 0)
        place.file = NULL;
    if (place.file != NULL)
        place.partition = table_locate(place.file->table, query->key, query->hash);
    return place;
}

/* The first `count` runs. The key's place is looked up in many of them before the first filter is asked, so that their waits for
 * memory are one. */
static enum lookup look_into_runs(struct store *store, const struct version *version,
                                  uint32_t count, const struct query *query, struct bytes *value,
                                  enum store_status *status) {
    struct place places[RUNS_AHEAD_MAX];
    for (uint32_t from = 0; from < count; from += RUNS_AHEAD_MAX) {
        uint32_t ahead = count - from < RUNS_AHEAD_MAX ? count - from : RUNS_AHEAD_MAX;
        for (uint32_t i = 0; i < ahead; i++)
            places[i] = find_place(&version->runs[from + i], query);
        for (uint32_t i = 0; i < ahead; i++) {
            if (places[i].file == NULL)
                continue;
            enum lookup found = look_into_table(store, &places[i], query, value, status);
            if (found != LOOKUP_UNKNOWN)
                return found;
        }
    }
    return LOOKUP_UNKNOWN;
}

/* Flushes from `oldest` on. */
static enum lookup look_into_flushes(struct store *store, const struct version *version,
                                     const struct query *query, uint64_t oldest,
                                     struct bytes *value, enum store_status *status) {
    uint32_t count = 0;
    while (count < version->all_runs && version->runs[count].level == 0 &&
           version->runs[count].tables[0]->run >= oldest)
        count++;
    return look_into_runs(store, version, count, query, value, status);
}

static enum lookup look_into_tables(struct store *store, const struct version *version,
                                    const struct query *query, struct bytes *value,
                                    enum store_status *status) {
    return look_into_runs(store, version, version->all_runs, query, value, status);
}

static enum lookup look_into_memtable(const struct memtable *memtable, const struct query *query,
                                      struct bytes *value) {
    const struct memtable_entry *entry = memtable_find(memtable, query->key);
    if (entry == NULL)
        return removed_ranges_find(&memtable->removed, query->key) == NULL ? LOOKUP_UNKNOWN
                                                                           : LOOKUP_REMOVED;
    *value = memtable_entry_value(entry);
    bool gone = entry->removed || has_expired(memtable_entry_expires(entry), query->wall);
    return gone ? LOOKUP_REMOVED : LOOKUP_FOUND;
}

static enum lookup look_into_memory(const struct store_view *view, const struct query *query,
                                    struct bytes *value) {
    enum lookup found = LOOKUP_UNKNOWN;
    if (view->newest != NULL)
        found = look_into_memtable(view->newest, query, value);
    for (uint32_t i = view->frozen_count; found == LOOKUP_UNKNOWN && i-- > 0;)
        found = look_into_memtable(view->frozen[i], query, value);
    return found;
}

/* The filter of a table that has lost a block still tells what it never held. */
static bool held_nothing(const struct store *store, const struct damage *damage,
                         const struct query *query) {
    if (damage->kind != STORE_DAMAGE_BLOCK)
        return false;
    const struct table_file *file = version_table(store->version, damage->file.number);
    struct block_handle handle;
    return file != NULL && table_may_contain(file->table, query->key, query->hash, &handle) ==
                               TABLE_FILTER_EXCLUDES;
}

/* The one that leaves least to be younger. */
static const struct damage *damage_of(const struct store *store, const struct query *query) {
    const struct damage_list *list = &store->quarantine.damages;
    const struct damage *found = NULL;
    for (uint32_t i = 0; i < list->count; i++) {
        const struct damage *damage = &list->items[i];
        if (damage_has(damage, query->key) && !held_nothing(store, damage, query) &&
            (found == NULL || damage->first_run >= found->first_run))
            found = damage;
    }
    return found;
}

static enum lookup look_everywhere(struct store *store, const struct store_view *view,
                                   const struct query *query, struct bytes *value,
                                   enum store_status *status) {
    enum lookup found = look_into_memory(view, query, value);
    return found != LOOKUP_UNKNOWN ? found
                                   : look_into_tables(store, view->version, query, value, status);
}

/* The answer of what is known to be younger than the damage; LOOKUP_UNKNOWN when there is none. */
static enum lookup look_behind_damage(struct store *store, const struct store_view *view,
                                      const struct damage *damage, const struct query *query,
                                      struct bytes *value, enum store_status *status) {
    if (damage->first_run == DAMAGE_RUN_UNKNOWN)
        return LOOKUP_UNKNOWN;
    /* Where everything was lost, whatever is there came later. */
    if (damage->kind == STORE_DAMAGE_MANIFEST)
        return look_everywhere(store, view, query, value, status);
    if (damage_is_answered(damage, query->hash)) {
        enum lookup answer = look_everywhere(store, view, query, value, status);
        return answer == LOOKUP_UNKNOWN ? LOOKUP_REMOVED : answer;
    }
    enum lookup found = look_into_memory(view, query, value);
    return found != LOOKUP_UNKNOWN
               ? found
               : look_into_flushes(store, view->version, query, damage->first_run, value, status);
}

static enum store_status look_into(struct store *store, const struct store_view *view,
                                   struct bytes key, uint64_t waiter, struct bytes *value,
                                   struct effects *effects) {
    CHECK(waiter != BLOCK_WAITER_OWN);
    if (store->phase != STORE_PHASE_SERVING)
        return store->phase == STORE_PHASE_FAILED ? STORE_FAILED : STORE_BUSY;
    pacing_note_reads(store, 1);
    struct query query = {
        .key = key, .wall = view->wall, .hash = hash64(key), .waiter = waiter, .effects = effects};
    const struct damage *damage = damage_of(store, &query);
    enum store_status status = STORE_OK;
    enum lookup found = LOOKUP_UNKNOWN;
    if (damage != NULL)
        found = look_behind_damage(store, view, damage, &query, value, &status);
    bool unknown = damage != NULL && found == LOOKUP_UNKNOWN;
    if (unknown && !quarantine_is_noted(&store->quarantine)) {
        quarantine_wait(store, waiter);
        return STORE_NEED_BLOCK;
    }
    if (found == LOOKUP_UNKNOWN)
        found = look_everywhere(store, view, &query, value, &status);
    if (found == LOOKUP_BLOCKED)
        return status;
    if (found != LOOKUP_FOUND)
        *value = (struct bytes){0};
    /* Older sources may have something, for those who can judge it. */
    if (unknown)
        return STORE_CORRUPT;
    return found == LOOKUP_FOUND ? STORE_OK : STORE_ABSENT;
}

struct store_view store_view(const struct store *store) {
    return (struct store_view){
        .newest = store->memtable,
        .frozen = store->frozen,
        .frozen_count = store->frozen_count,
        .version = store->version,
        .wall = store->wall,
    };
}

enum store_status store_get(struct store *store, struct bytes key, uint64_t waiter,
                            struct bytes *value, struct effects *effects) {
    struct store_view view = store_view(store);
    return look_into(store, &view, key, waiter, value, effects);
}

enum store_status store_snapshot_get(struct store_snapshot *snapshot, struct bytes key,
                                     uint64_t waiter, struct bytes *value,
                                     struct effects *effects) {
    struct store_view view = store_snapshot_view(snapshot);
    return look_into(snapshot->store, &view, key, waiter, value, effects);
}
