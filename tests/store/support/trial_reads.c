/* What a trial reads, one way and another, and compares with its model. */
#include "tests/store/support/trial.h"

enum { SCANS_MAX = 2 * TRIAL_KEYS_MAX };

void trial_await(struct trial *trial, uint64_t waiter) {
    uint64_t ready;
    for (;;) {
        while (store_next_ready(trial->store, &ready)) {
            if (ready == waiter)
                return;
        }
        TRIAL_REQUIRE(trial, trial_step(trial), "a read waits for nothing");
    }
}

static void require_value(struct trial *trial, uint32_t key, struct bytes value, const char *by) {
    struct buffer expected = {0};
    trial_model_value(&trial->model, key, &expected);
    bool same = bytes_equal(value, buffer_bytes(&expected));
    buffer_deinit(&expected);
    TRIAL_REQUIRE(trial, same, "%s gives a wrong value of %zu bytes for key %u", by, value.size,
                  key);
}

void trial_get(struct trial *trial, uint32_t key) {
    uint64_t waiter = trial->next_waiter++;
    struct bytes value;
    enum store_status status;
    for (;;) {
        status = store_get(trial->store, buffer_bytes(&trial->model.names[key]), waiter, &value,
                           &trial->effects);
        trial_take_effects(trial);
        if (status == STORE_NEED_BLOCK)
            trial_await(trial, waiter);
        else if (status == STORE_BUSY)
            TRIAL_REQUIRE(trial, trial_step(trial), "a read is refused and nothing goes on");
        else
            break;
    }
    if (status == STORE_CORRUPT && trial->tolerates_damage) {
        trial->corrupt++;
        return;
    }
    bool live = trial_model_is_live(&trial->model, key);
    TRIAL_REQUIRE(trial, status == (live ? STORE_OK : STORE_ABSENT),
                  "get answers %d for key %u, which is %s", (int)status, key,
                  live ? "there" : "not there");
    if (live)
        require_value(trial, key, value, "get");
}

static enum store_status scan_once(struct trial *trial, struct bytes prefix, struct bytes from,
                                   bool after, struct store_entry *entry) {
    uint64_t waiter = trial->next_waiter++;
    for (;;) {
        enum store_status status =
            store_scan(trial->store, prefix, from, after, waiter, entry, &trial->effects);
        trial_take_effects(trial);
        if (status == STORE_NEED_BLOCK)
            trial_await(trial, waiter);
        else if (status == STORE_BUSY)
            TRIAL_REQUIRE(trial, trial_step(trial), "a scan is refused and nothing goes on");
        else
            return status;
    }
}

/* The position in order of the first live key from `at` on that has the prefix. */
static uint32_t next_live(const struct trial_model *model, uint32_t at, struct bytes prefix) {
    while (at < model->keys &&
           (!trial_model_is_live(model, model->order[at]) ||
            !bytes_start_with(buffer_bytes(&model->names[model->order[at]]), prefix)))
        at++;
    return at;
}

static void scan(struct trial *trial, struct bytes prefix, uint32_t at, bool after,
                 uint32_t limit) {
    const struct trial_model *model = &trial->model;
    struct bytes from =
        at < model->keys ? buffer_bytes(&model->names[model->order[at]]) : (struct bytes){0};
    uint32_t next = at == model->keys ? 0 : after ? at + 1 : at;
    for (uint32_t i = 0; i < limit; i++) {
        next = next_live(model, next, prefix);
        struct store_entry entry;
        enum store_status status = scan_once(trial, prefix, from, after, &entry);
        if (status == STORE_CORRUPT && trial->tolerates_damage)
            return;
        TRIAL_REQUIRE(trial, status == (next == model->keys ? STORE_ABSENT : STORE_OK),
                      "entry %u of a scan is answered %d", i, (int)status);
        if (status == STORE_ABSENT)
            return;
        uint32_t key = model->order[next];
        TRIAL_REQUIRE(trial, bytes_equal(entry.key, buffer_bytes(&model->names[key])),
                      "entry %u of a scan is not key %u", i, key);
        require_value(trial, key, entry.value, "a scan");
        from = buffer_bytes(&model->names[key]);
        after = true;
        next++;
    }
}

void trial_scan(struct trial *trial, const uint64_t numbers[TRIAL_NUMBERS_MAX]) {
    const struct trial_model *model = &trial->model;
    uint32_t at = (uint32_t)(numbers[1] % model->keys);
    struct bytes prefix = {0};
    if (numbers[0] > 0) {
        struct bytes name =
            buffer_bytes(&model->names[(numbers[1] * 7 + numbers[0]) % model->keys]);
        prefix = bytes_slice(name, 0, numbers[0] < name.size ? (size_t)numbers[0] : name.size);
    }
    scan(trial, prefix, at, numbers[2] != 0, (uint32_t)numbers[3]);
}

static void compare_tallies(struct trial *trial) {
    const struct trial_model *model = &trial->model;
    for (uint32_t tally = 0; tally < TRIAL_TALLIES; tally++) {
        const uint64_t *page = store_tally_digests(trial->store, tally / STORE_TALLIES_PER_PAGE);
        uint64_t digest = page == NULL ? 0 : page[tally % STORE_TALLIES_PER_PAGE];
        TRIAL_REQUIRE(trial,
                      digest == model->digests[tally] &&
                          store_tally_count(trial->store, tally) == model->counts[tally],
                      "tally %u is not what its entries add up to", tally);
    }
    TRIAL_REQUIRE(trial, store_count_total(trial->store) == model->total,
                  "the total is %lld, expected %lld", (long long)store_count_total(trial->store),
                  (long long)model->total);
}

void trial_compare_all(struct trial *trial) {
    compare_tallies(trial);
    for (uint32_t key = 0; key < trial->model.keys; key++)
        trial_get(trial, key);
    scan(trial, (struct bytes){0}, trial->model.keys, false, SCANS_MAX);
}
