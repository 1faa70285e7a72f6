#include "server/store_view.h"

#include "engine/base/text.h"
#include "engine/data/entry_key.h"
#include "engine/data/object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { VIEW_TALLIES = (1 << 20) * STORE_TALLIES_PER_PAGE, VIEW_CACHE_BYTES = 16 << 20 };

/* An operation that was asked for and is yet to be answered. */
struct waiting {
    enum effect_kind kind;
    struct file_id file;
    uint64_t ticket, offset, size;
};

struct store_view {
    const struct stopped_store *stopped;
    struct store *store;
    struct effects effects;
    struct waiting *waiting;
    size_t count, capacity;
    struct buffer from;
    bool began;
};

static void take_effects(struct store_view *view) {
    for (size_t i = 0; i < view->effects.count; i++) {
        const struct effect *effect = &view->effects.items[i];
        if (effect->ticket == 0)
            continue;
        if (view->count == view->capacity) {
            view->capacity = view->capacity == 0 ? 64 : 2 * view->capacity;
            view->waiting = realloc(view->waiting, view->capacity * sizeof *view->waiting);
            CHECK(view->waiting != NULL);
        }
        view->waiting[view->count++] = (struct waiting){.kind = effect->kind,
                                                        .file = effect->file,
                                                        .ticket = effect->ticket,
                                                        .offset = effect->offset,
                                                        .size = effect->size};
    }
    effects_clear(&view->effects);
}

/* What could not be read is asked for again, without a pause: nobody else uses the directory. */
static bool skip_pause(struct store_view *view) {
    struct instant due = store_deadline(view->store);
    if (store_phase(view->store) != STORE_PHASE_RECOVERING || due.nanoseconds == UINT64_MAX)
        return false;
    store_pump(view->store, due, &view->effects);
    take_effects(view);
    return true;
}

/* Answers the oldest operation. What would change the directory is left undone. */
static bool step(struct store_view *view) {
    if (view->count == 0)
        return skip_pause(view);
    struct waiting operation = view->waiting[0];
    view->count--;
    memmove(view->waiting, view->waiting + 1, view->count * sizeof *view->waiting);
    struct buffer bytes = {0};
    struct disk_done done = {.ticket = operation.ticket, .status = DISK_OK};
    if (operation.kind == EFFECT_READ) {
        if (!stopped_store_read(view->stopped, operation.file, operation.offset, operation.size,
                                &bytes))
            done.status = DISK_ERROR;
        done.bytes = buffer_bytes(&bytes);
    } else if (operation.kind == EFFECT_LIST) {
        done.files = view->stopped->files;
        done.file_count = view->stopped->file_count;
    }
    (void)store_on_disk(view->store, &done, (struct instant){0}, &view->effects);
    take_effects(view);
    buffer_deinit(&bytes);
    return true;
}

/* A store that knows of damage starts as its node starts it: without what is in quarantine. */
static bool knows_of_damage(const struct stopped_store *stopped) {
    struct found_manifest found;
    stopped_store_manifest(stopped, &found);
    bool knows = found.state.damages.count > 0;
    manifest_state_deinit(&found.state);
    return knows;
}

struct store_view *store_view_open(const struct stopped_store *stopped, struct buffer *problem) {
    struct store_view *view = calloc(1, sizeof *view);
    CHECK(view != NULL);
    struct store_config config = store_config_default();
    config.tally_count = VIEW_TALLIES;
    config.cache_bytes = VIEW_CACHE_BYTES;
    config.salvages = knows_of_damage(stopped);
    view->stopped = stopped;
    view->store = store_create(&config);
    store_start(view->store, (struct instant){0}, &view->effects);
    take_effects(view);
    while (store_phase(view->store) == STORE_PHASE_RECOVERING && step(view))
        continue;
    if (store_phase(view->store) == STORE_PHASE_SERVING)
        return view;
    buffer_append(problem, store_failure(view->store));
    store_view_close(view);
    return NULL;
}

void store_view_close(struct store_view *view) {
    if (view == NULL)
        return;
    store_destroy(view->store);
    effects_deinit(&view->effects);
    buffer_deinit(&view->from);
    free(view->waiting);
    free(view);
}

void store_view_rewind(struct store_view *view) {
    buffer_clear(&view->from);
    view->began = false;
}

enum store_status store_view_next(struct store_view *view, struct bytes prefix,
                                  struct store_entry *entry) {
    enum store_status status;
    uint64_t waiter;
    while ((status = store_scan(view->store, prefix, buffer_bytes(&view->from), view->began, 1,
                                entry, &view->effects)) == STORE_NEED_BLOCK ||
           status == STORE_BUSY) {
        take_effects(view);
        if (!step(view) && !store_next_ready(view->store, &waiter))
            return STORE_FAILED;
        while (store_next_ready(view->store, &waiter))
            continue;
    }
    take_effects(view);
    if (status == STORE_OK) {
        buffer_clear(&view->from);
        buffer_append(&view->from, entry->key);
        view->began = true;
    }
    return status;
}

struct totals {
    uint64_t digest;
    int64_t count;
    bool foreign; /* entries that no node wrote: their totals mean something else */
};

static void add_entry(struct totals *totals, const struct store_entry *entry,
                      struct object *object) {
    struct entry_key key;
    if (!entry_key_decode(entry->key, &key)) {
        totals->foreign = true;
        return;
    }
    if (key.space != ENTRY_DATA)
        return;
    if (!object_decode(entry->value, object)) {
        totals->foreign = true;
        return;
    }
    totals->digest ^= object_digest(object, key.key);
    totals->count += object_live_count(object) > 0;
}

bool store_view_totals_fit(struct store_view *view, struct buffer *problem) {
    struct store_damage damage;
    /* What is lost is not counted yet; the node counts anew when it heals. */
    return store_next_damage(view->store, 0, &damage) || store_view_is_counted(view, problem);
}

bool store_view_is_counted(struct store_view *view, struct buffer *problem) {
    struct totals totals = {0};
    struct store_entry entry;
    enum store_status status;
    struct object *object = malloc(sizeof *object);
    CHECK(object != NULL);
    store_view_rewind(view);
    while ((status = store_view_next(view, (struct bytes){0}, &entry)) == STORE_OK)
        add_entry(&totals, &entry, object);
    free(object);
    if (status != STORE_ABSENT) {
        text_append(problem, "its entries cannot all be read");
        return false;
    }
    uint64_t digest = 0;
    for (uint32_t page = 0; page < VIEW_TALLIES / STORE_TALLIES_PER_PAGE; page++) {
        const uint64_t *digests = store_tally_digests(view->store, page);
        for (uint32_t i = 0; digests != NULL && i < STORE_TALLIES_PER_PAGE; i++)
            digest ^= digests[i];
    }
    if (totals.foreign ||
        (digest == totals.digest && store_count_total(view->store) == totals.count))
        return true;
    char text[200];
    snprintf(text, sizeof text,
             "the totals do not fit the entries: %" PRIi64 " keys are counted, there are %" PRIi64
             "%s",
             store_count_total(view->store), totals.count,
             digest == totals.digest ? "" : ", and their digests differ");
    text_append(problem, text);
    return false;
}

const struct store *store_view_store(const struct store_view *view) {
    return view->store;
}
