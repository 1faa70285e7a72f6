#include "tests/store/support/trial_cursors.h"

#include "tests/store/support/trial.h"

void trial_cursors_close(struct trial *trial) {
    struct trial_cursors *all = &trial->cursors;
    for (uint32_t i = 0; i < TRIAL_CURSORS; i++) {
        if (all->cursors[i].cursor != NULL)
            store_cursor_close(all->cursors[i].cursor);
        all->cursors[i].cursor = NULL;
    }
    for (uint32_t i = 0; i < TRIAL_SNAPSHOTS; i++) {
        if (all->snapshots[i].snapshot != NULL)
            store_snapshot_release(all->snapshots[i].snapshot);
        all->snapshots[i].snapshot = NULL;
    }
}

static struct bytes name_of(const struct trial *trial, uint32_t key) {
    return buffer_bytes(&trial->model.names[key]);
}

/* What a key holds for this reader: the index of its write plus one; 0 when it is not there. */
static uint32_t held_by(const struct trial *trial, const struct trial_snapshot *seen,
                        uint32_t key) {
    bool past = seen->snapshot != NULL;
    uint32_t held = past ? seen->held[key] : trial->model.held[key];
    uint64_t wall = past ? seen->wall : trial->model.wall;
    return held != 0 && trial_write_is_live(&trial->model.writes[held - 1], wall) ? held : 0;
}

static void require_value(struct trial *trial, uint32_t held, struct bytes value, const char *by) {
    struct buffer expected = {0};
    trial_write_value(&trial->model.writes[held - 1], &expected);
    bool same = bytes_equal(value, buffer_bytes(&expected));
    buffer_deinit(&expected);
    TRIAL_REQUIRE(trial, same, "%s gives a wrong value of %zu bytes for key %u", by, value.size,
                  trial->model.writes[held - 1].key);
}

/* The first place in the model's order whose name is >= `name`. */
static uint32_t place_of(const struct trial *trial, struct bytes name) {
    uint32_t at = 0;
    while (at < trial->model.keys &&
           bytes_compare(name_of(trial, trial->model.order[at]), name) < 0)
        at++;
    return at;
}

static void close_slot(struct trial_cursor *slot) {
    if (slot->cursor != NULL)
        store_cursor_close(slot->cursor);
    slot->cursor = NULL;
}

/* The bounds are a key and the one a third of all further on in the order. */
static struct store_range range_of(const struct trial *trial, const uint64_t *numbers) {
    const struct trial_model *model = &trial->model;
    uint32_t from = (uint32_t)(numbers[1] % model->keys);
    uint32_t to = from + model->keys / 3 + 1;
    struct store_range range = {.reverse = (numbers[2] & TRIAL_BOUND_REVERSE) != 0};
    struct bytes name = name_of(trial, model->order[from]);
    if ((numbers[2] & TRIAL_BOUND_FROM) != 0)
        range.from = name;
    if ((numbers[2] & TRIAL_BOUND_TO) != 0 && to < model->keys)
        range.to = name_of(trial, model->order[to]);
    if ((numbers[2] & TRIAL_BOUND_PREFIX) != 0)
        range.prefix = bytes_slice(name, 0, name.size < 2 ? name.size : 2);
    return range;
}

void trial_cursor_open(struct trial *trial, const uint64_t *numbers) {
    struct trial_cursor *slot = &trial->cursors.cursors[numbers[0] % TRIAL_CURSORS];
    const struct trial_snapshot *snapshot = &trial->cursors.snapshots[numbers[3] % TRIAL_SNAPSHOTS];
    close_slot(slot);
    *slot = (struct trial_cursor){.range = range_of(trial, numbers)};
    if (numbers[3] < TRIAL_SNAPSHOTS)
        slot->seen = *snapshot;
    slot->position = slot->range.reverse ? trial->model.keys : 0;
    slot->cursor = store_cursor_open(trial->store, &slot->range, slot->seen.snapshot);
}

void trial_cursor_close(struct trial *trial, const uint64_t *numbers) {
    close_slot(&trial->cursors.cursors[numbers[0] % TRIAL_CURSORS]);
}

void trial_cursor_seek(struct trial *trial, const uint64_t *numbers) {
    struct trial_cursor *slot = &trial->cursors.cursors[numbers[0] % TRIAL_CURSORS];
    if (slot->cursor == NULL)
        return;
    struct bytes name = name_of(trial, (uint32_t)(numbers[1] % trial->model.keys));
    /* A key that is not there: one byte less of a name, or of what is left of it. */
    name.size -= name.size > 1 && numbers[1] % 3 == 0;
    slot->position = place_of(trial, name);
    if (slot->range.reverse && slot->position < trial->model.keys)
        slot->position += bytes_equal(name_of(trial, trial->model.order[slot->position]), name);
    slot->ended = false;
    memset(slot->may_be_passed, 0, sizeof slot->may_be_passed);
    store_cursor_seek(slot->cursor, name);
}

static bool is_met(const struct trial *trial, const struct trial_cursor *slot, uint32_t at) {
    const struct store_range *range = &slot->range;
    uint32_t key = trial->model.order[at];
    struct bytes name = name_of(trial, key);
    return held_by(trial, &slot->seen, key) != 0 && bytes_compare(name, range->from) >= 0 &&
           (range->to.size == 0 || bytes_compare(name, range->to) < 0) &&
           bytes_start_with(name, range->prefix);
}

/* The place of what the cursor is to meet next, from `at` on; as many as there are keys when it
 * ends. */
static uint32_t next_place(const struct trial *trial, const struct trial_cursor *slot,
                           uint32_t at) {
    uint32_t keys = trial->model.keys;
    if (slot->ended)
        return keys;
    if (!slot->range.reverse) {
        while (at < keys && !is_met(trial, slot, at))
            at++;
        return at;
    }
    while (at > 0 && !is_met(trial, slot, at - 1))
        at--;
    return at == 0 ? keys : at - 1;
}

/* The place of what it has met, or of the end: what it may have passed need not have been met. */
static uint32_t met_place(const struct trial *trial, const struct trial_cursor *slot,
                          const struct store_entry *entry) {
    uint32_t keys = trial->model.keys;
    uint32_t place = next_place(trial, slot, slot->position);
    while (place < keys && slot->may_be_passed[trial->model.order[place]] &&
           (entry == NULL || !bytes_equal(entry->key, name_of(trial, trial->model.order[place]))))
        place = next_place(trial, slot, slot->range.reverse ? place : place + 1);
    return place;
}

static void note_wait(const struct trial *trial, struct trial_cursor *slot) {
    for (uint32_t key = 0; key < trial->model.keys; key++)
        slot->may_be_passed[key] =
            slot->may_be_passed[key] || held_by(trial, &slot->seen, key) == 0;
}

static enum store_status step(struct trial *trial, struct trial_cursor *slot, bool patient,
                              struct store_entry *entry) {
    for (;;) {
        uint64_t waiter = trial->next_waiter++;
        enum store_status status = store_cursor_next(slot->cursor, waiter, entry, &trial->effects);
        trial_take_effects(trial);
        if (status == STORE_NEED_BLOCK && !patient)
            return status;
        if (status == STORE_NEED_BLOCK)
            trial_await(trial, waiter);
        else if (status == STORE_BUSY)
            TRIAL_REQUIRE(trial, trial_step(trial), "a cursor is refused and nothing goes on");
        else
            return status;
    }
}

/* An odd number of entries: it leaves the cursor alone as soon as it has to wait. */
void trial_cursor_walk(struct trial *trial, const uint64_t *numbers) {
    struct trial_cursor *slot = &trial->cursors.cursors[numbers[0] % TRIAL_CURSORS];
    for (uint64_t i = 0; slot->cursor != NULL && i < numbers[1]; i++) {
        struct store_entry entry;
        enum store_status status = step(trial, slot, numbers[1] % 2 == 0, &entry);
        if (status == STORE_NEED_BLOCK) {
            note_wait(trial, slot);
            return;
        }
        uint32_t place = met_place(trial, slot, status == STORE_OK ? &entry : NULL);
        bool ends = place == trial->model.keys;
        TRIAL_REQUIRE(trial, status == (ends ? STORE_ABSENT : STORE_OK),
                      "a cursor answers %d where it must %s", (int)status,
                      ends ? "end" : "meet an entry");
        memset(slot->may_be_passed, 0, sizeof slot->may_be_passed);
        slot->ended = ends;
        if (ends)
            return;
        uint32_t key = trial->model.order[place];
        TRIAL_REQUIRE(trial, bytes_equal(entry.key, name_of(trial, key)),
                      "a cursor meets another key than %u", key);
        require_value(trial, held_by(trial, &slot->seen, key), entry.value, "a cursor");
        slot->position = slot->range.reverse ? place : place + 1;
    }
}

void trial_snapshot_turn(struct trial *trial, const uint64_t *numbers) {
    struct trial_snapshot *slot = &trial->cursors.snapshots[numbers[0] % TRIAL_SNAPSHOTS];
    if (slot->snapshot != NULL) {
        store_snapshot_release(slot->snapshot);
        slot->snapshot = NULL;
        return;
    }
    enum store_status status;
    while ((status = store_snapshot_acquire(trial->store, &slot->snapshot)) == STORE_BUSY)
        TRIAL_REQUIRE(trial, trial_step(trial), "a snapshot is refused and nothing goes on");
    TRIAL_REQUIRE(trial, status == STORE_OK, "a snapshot is answered %d", (int)status);
    memcpy(slot->held, trial->model.held, sizeof slot->held);
    slot->wall = trial->model.wall;
}

void trial_snapshot_look(struct trial *trial, const uint64_t *numbers) {
    struct trial_snapshot *slot = &trial->cursors.snapshots[numbers[0] % TRIAL_SNAPSHOTS];
    uint32_t key = (uint32_t)(numbers[1] % trial->model.keys);
    if (slot->snapshot == NULL)
        return;
    struct bytes value;
    enum store_status status;
    for (;;) {
        uint64_t waiter = trial->next_waiter++;
        status = store_snapshot_get(slot->snapshot, name_of(trial, key), waiter, &value,
                                    &trial->effects);
        trial_take_effects(trial);
        if (status == STORE_NEED_BLOCK)
            trial_await(trial, waiter);
        else if (status == STORE_BUSY)
            TRIAL_REQUIRE(trial, trial_step(trial), "a read is refused and nothing goes on");
        else
            break;
    }
    uint32_t held = held_by(trial, slot, key);
    TRIAL_REQUIRE(trial, status == (held != 0 ? STORE_OK : STORE_ABSENT),
                  "a snapshot answers %d for key %u, which was %s", (int)status, key,
                  held != 0 ? "there" : "not there");
    if (held != 0)
        require_value(trial, held, value, "a snapshot");
}
