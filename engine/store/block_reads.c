#include "engine/store/block_reads.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

enum { WAITERS_CAPACITY_MIN = 2, READY_CAPACITY_MIN = 16 };

void block_reads_init(struct block_reads *reads, struct tickets *tickets,
                      struct block_pool *blocks) {
    *reads = (struct block_reads){.tickets = tickets, .blocks = blocks};
}

/* `age` counts from the oldest. */
static struct block_arrival *arrival_at(struct block_reads *reads, uint32_t age) {
    return &reads->arrivals[(reads->arrival_first + age) % BLOCK_ARRIVALS_MAX];
}

static void free_fetch(struct block_fetch *fetch) {
    memory_release(fetch->waiters);
    memory_release(fetch);
}

void block_reads_deinit(struct block_reads *reads) {
    size_t position = 0;
    uint64_t key;
    struct block_fetch *fetch;
    while ((fetch = id_map_next(&reads->fetches, &position, &key)) != NULL) {
        if (table_file_release(fetch->file))
            table_file_destroy(fetch->file);
        free_fetch(fetch);
    }
    id_map_deinit(&reads->fetches);
    for (uint32_t i = 0; i < reads->arrival_count; i++)
        block_release(arrival_at(reads, i)->block);
    memory_release(reads->ready);
    *reads = (struct block_reads){0};
}

static bool is_same(const struct block_fetch *fetch, const struct table_file *file,
                    const struct block_handle *handle) {
    return fetch->file == file && fetch->handle.offset == handle->offset;
}

/* The fetch of this block, or else, in *key, where a new one belongs. */
static struct block_fetch *find_fetch(const struct block_reads *reads,
                                      const struct table_file *file,
                                      const struct block_handle *handle, uint64_t *key) {
    *key = hash_mix(file->number, handle->offset);
    struct block_fetch *fetch;
    /* Ends: there are at most BLOCK_FETCHES_MAX of them. */
    while ((fetch = id_map_get(&reads->fetches, *key)) != NULL && !is_same(fetch, file, handle))
        ++*key;
    return fetch;
}

static void add_waiter(struct block_reads *reads, struct block_fetch *fetch, uint64_t waiter) {
    for (uint32_t i = 0; i < fetch->waiter_count; i++) {
        if (fetch->waiters[i] == waiter)
            return;
    }
    if (fetch->waiter_count == fetch->waiter_capacity) {
        fetch->waiter_capacity =
            fetch->waiter_capacity == 0 ? WAITERS_CAPACITY_MIN : fetch->waiter_capacity * 2;
        fetch->waiters =
            memory_resize(fetch->waiters, fetch->waiter_capacity * sizeof *fetch->waiters);
    }
    fetch->waiters[fetch->waiter_count++] = waiter;
    reads->waiter_count++;
}

void block_reads_repeat(struct block_reads *reads, struct block_fetch *fetch,
                        struct effects *effects) {
    effects_read(effects, tickets_draw(reads->tickets, &fetch->wait), table_file_id(fetch->file),
                 fetch->handle.offset, fetch->handle.size);
}

bool block_reads_ask(struct block_reads *reads, struct table_file *file,
                     const struct block_handle *handle, uint64_t waiter, struct effects *effects) {
    if (reads->waiter_count >= BLOCK_WAITERS_MAX)
        return false;
    uint64_t key;
    struct block_fetch *fetch = find_fetch(reads, file, handle, &key);
    if (fetch == NULL) {
        if (reads->fetches.count >= BLOCK_FETCHES_MAX)
            return false;
        fetch = memory_allocate_zeroed(1, sizeof *fetch);
        fetch->file = file;
        fetch->handle = *handle;
        fetch->key = key;
        fetch->wait = (struct disk_wait){.kind = WAIT_BLOCK_READ, .owner = fetch};
        table_file_acquire(file);
        id_map_put(&reads->fetches, key, fetch);
        block_reads_repeat(reads, fetch, effects);
        reads->reads++;
    }
    add_waiter(reads, fetch, waiter);
    return true;
}

bool block_reads_find(const struct block_reads *reads, uint64_t file, uint64_t offset,
                      struct lent_block *lent) {
    for (uint32_t i = 0; i < reads->arrival_count; i++) {
        const struct block_arrival *arrival =
            &reads->arrivals[(reads->arrival_first + i) % BLOCK_ARRIVALS_MAX];
        if (arrival->block != NULL && arrival->file == file && arrival->offset == offset) {
            *lent = block_lend(arrival->block);
            return true;
        }
    }
    return false;
}

static void move_oldest_arrival(struct block_reads *reads, struct block_cache *cache) {
    struct block_arrival *oldest = arrival_at(reads, 0);
    if (oldest->block != NULL) {
        reads->arrival_bytes -= oldest->block->contents.size;
        block_cache_put(cache, oldest->file, oldest->offset, oldest->block);
    }
    *oldest = (struct block_arrival){.block = NULL};
    reads->arrival_first = (reads->arrival_first + 1) % BLOCK_ARRIVALS_MAX;
    reads->arrival_count--;
}

static void add_arrival(struct block_reads *reads, const struct block_fetch *fetch,
                        struct buffer *contents, struct block_cache *cache) {
    struct lent_block already;
    if (block_reads_find(reads, fetch->file->number, fetch->handle.offset, &already)) {
        buffer_deinit(contents);
        return;
    }
    struct block *block = block_create(reads->blocks, contents);
    while (reads->arrival_count == BLOCK_ARRIVALS_MAX ||
           (reads->arrival_count >= BLOCK_ARRIVALS_KEPT &&
            reads->arrival_bytes + block->contents.size > BLOCK_ARRIVALS_BYTES_MAX))
        move_oldest_arrival(reads, cache);
    reads->arrival_bytes += block->contents.size;
    *arrival_at(reads, reads->arrival_count++) = (struct block_arrival){
        .file = fetch->file->number, .offset = fetch->handle.offset, .block = block};
}

static void note_failure(struct block_reads *reads, const struct block_fetch *fetch,
                         uint64_t waiter) {
    /* Full: the oldest makes way; its waiter, should it still ask, reads once more. */
    if (reads->failure_count == BLOCK_FAILURES_MAX) {
        reads->failure_count--;
        memmove(reads->failures, reads->failures + 1,
                reads->failure_count * sizeof *reads->failures);
    }
    reads->failures[reads->failure_count++] = (struct block_failure){
        .waiter = waiter, .file = fetch->file->number, .offset = fetch->handle.offset};
}

bool block_reads_take_failure(struct block_reads *reads, uint64_t waiter, uint64_t file,
                              uint64_t offset) {
    for (uint32_t i = 0; i < reads->failure_count; i++) {
        const struct block_failure *failure = &reads->failures[i];
        if (failure->waiter != waiter || failure->file != file || failure->offset != offset)
            continue;
        reads->failure_count--;
        memmove(reads->failures + i, reads->failures + i + 1,
                (reads->failure_count - i) * sizeof *reads->failures);
        return true;
    }
    return false;
}

static void grow_ready(struct block_reads *reads) {
    size_t capacity = reads->ready_capacity == 0 ? READY_CAPACITY_MIN : reads->ready_capacity * 2;
    uint64_t *ready = memory_allocate(capacity * sizeof *ready);
    for (size_t i = 0; i < reads->ready_count; i++)
        ready[i] = reads->ready[(reads->ready_first + i) % reads->ready_capacity];
    memory_release(reads->ready);
    reads->ready = ready;
    reads->ready_first = 0;
    reads->ready_capacity = capacity;
}

void block_reads_add_ready(struct block_reads *reads, uint64_t waiter) {
    if (waiter == BLOCK_WAITER_OWN) {
        reads->own_ready = true;
        return;
    }
    if (reads->ready_count == reads->ready_capacity)
        grow_ready(reads);
    reads->ready[(reads->ready_first + reads->ready_count++) % reads->ready_capacity] = waiter;
}

bool block_reads_next_ready(struct block_reads *reads, uint64_t *waiter) {
    if (reads->ready_count == 0)
        return false;
    *waiter = reads->ready[reads->ready_first];
    reads->ready_first = (reads->ready_first + 1) % reads->ready_capacity;
    reads->ready_count--;
    return true;
}

static void wake(struct block_reads *reads, struct block_fetch *fetch, bool failed) {
    for (uint32_t i = 0; i < fetch->waiter_count; i++) {
        if (failed)
            note_failure(reads, fetch, fetch->waiters[i]);
        block_reads_add_ready(reads, fetch->waiters[i]);
    }
    reads->waiter_count -= fetch->waiter_count;
    fetch->waiter_count = 0;
}

struct table_file *block_reads_on_done(struct block_reads *reads, struct block_fetch *fetch,
                                       enum disk_status status, struct bytes raw,
                                       struct block_cache *cache) {
    struct buffer contents = block_pool_spare(reads->blocks);
    bool sound = status == DISK_OK && raw.size == fetch->handle.size &&
                 table_block_unpack(fetch->file->table, &fetch->handle, raw, &contents) == TABLE_OK;
    if (sound)
        add_arrival(reads, fetch, &contents, cache);
    else
        buffer_deinit(&contents);
    wake(reads, fetch, !sound);
    id_map_remove(&reads->fetches, fetch->key);
    struct table_file *file = fetch->file;
    free_fetch(fetch);
    return file;
}

void block_reads_wake_all(struct block_reads *reads) {
    size_t position = 0;
    uint64_t key;
    struct block_fetch *fetch;
    while ((fetch = id_map_next(&reads->fetches, &position, &key)) != NULL)
        wake(reads, fetch, false);
}

void block_reads_forget_file(struct block_reads *reads, uint64_t file) {
    for (uint32_t i = 0; i < reads->arrival_count; i++) {
        struct block_arrival *arrival = arrival_at(reads, i);
        if (arrival->block == NULL || arrival->file != file)
            continue;
        reads->arrival_bytes -= arrival->block->contents.size;
        block_release(arrival->block);
        arrival->block = NULL;
    }
}
