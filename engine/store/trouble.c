#include "engine/store/trouble.h"

#include "engine/base/text.h"
#include "engine/store/store_state.h"

static const char *const GOOD_NEWS[TROUBLE_KINDS] = {
    [TROUBLE_LOG] = "the log can be written again",
    [TROUBLE_FLUSH] = "the flush can be written again",
    [TROUBLE_COMPACTION] = "the compaction can be written again",
    [TROUBLE_MANIFEST] = "the manifest can be written again",
    [TROUBLE_SEGMENT] = "the log's next segment can be written again",
    [TROUBLE_RECOVERY] = "the directory can be read again",
    [TROUBLE_CHECKPOINT] = "the checkpoint could be removed",
    [TROUBLE_ASIDE] = "the damaged file could be set aside",
};

void trouble_init(struct troubles *troubles) {
    *troubles = (struct troubles){0};
    for (uint32_t kind = 0; kind < TROUBLE_KINDS; kind++)
        troubles->of[kind].retry_at = INSTANT_NEVER;
}

void trouble_deinit(struct troubles *troubles) {
    buffer_deinit(&troubles->sentence);
}

static struct duration delay_after(uint32_t failures) {
    uint64_t delay = TROUBLE_DELAY_MILLISECONDS_MIN;
    for (uint32_t i = 1; i < failures && delay < TROUBLE_DELAY_MILLISECONDS_MAX; i++)
        delay *= 2;
    if (delay > TROUBLE_DELAY_MILLISECONDS_MAX)
        delay = TROUBLE_DELAY_MILLISECONDS_MAX;
    return duration_of_milliseconds(delay);
}

/* Tables that fail leave everything as it was; without a log or a manifest nothing more can be promised. */
static bool gives_up(const struct store *store, enum trouble_kind kind) {
    const struct trouble *trouble = &store->troubles.of[kind];
    if (trouble->failures <= TROUBLE_ATTEMPTS_MAX || kind == TROUBLE_SEGMENT ||
        kind == TROUBLE_RECOVERY || kind == TROUBLE_CHECKPOINT || kind == TROUBLE_ASIDE)
        return false;
    if (store->closing != CLOSE_NOT_ASKED)
        return true;
    bool is_vital = kind == TROUBLE_LOG || kind == TROUBLE_MANIFEST ||
                    (kind == TROUBLE_FLUSH && store->log.abandoned);
    return is_vital && !trouble->full;
}

void trouble_note(struct store *store, enum trouble_kind kind, const char *verb,
                  struct file_id file, enum disk_status status, struct effects *effects) {
    struct troubles *troubles = &store->troubles;
    struct trouble *trouble = &troubles->of[kind];
    troubles->count++;
    /* However long space was wanting, that says nothing of errors. */
    if (trouble->full != (status == DISK_FULL))
        trouble->failures = 0;
    trouble->full = status == DISK_FULL;
    if (trouble->full)
        store_give_spares_back(store);
    /* Several reads of a recovery fail at once. */
    if (kind != TROUBLE_RECOVERY || !trouble_waits(troubles, kind)) {
        trouble->failures++;
        trouble->retry_at = instant_after(store->now, delay_after(trouble->failures));
    }
    buffer_clear(&troubles->sentence);
    store_describe_failure(&troubles->sentence, verb, file, status);
    if (gives_up(store, kind)) {
        store_fail(store, buffer_bytes(&troubles->sentence));
        return;
    }
    effects_note(effects, NOTE_WARNING,
                 arena_copy(&effects->arena, buffer_bytes(&troubles->sentence)));
}

void trouble_forget(struct store *store, enum trouble_kind kind) {
    store->troubles.of[kind] = (struct trouble){.retry_at = INSTANT_NEVER};
    if (!trouble_is_any(&store->troubles))
        buffer_clear(&store->troubles.sentence);
}

void trouble_over(struct store *store, enum trouble_kind kind, struct effects *effects) {
    if (store->troubles.of[kind].failures == 0)
        return;
    trouble_forget(store, kind);
    effects_note(effects, NOTE_INFO, bytes_of_text(GOOD_NEWS[kind]));
}

void trouble_hurry(struct troubles *troubles, enum trouble_kind kind) {
    troubles->of[kind].retry_at = INSTANT_NEVER;
}

void trouble_pass_time(struct troubles *troubles, struct instant now) {
    for (uint32_t kind = 0; kind < TROUBLE_KINDS; kind++) {
        if (instant_reached(now, troubles->of[kind].retry_at))
            troubles->of[kind].retry_at = INSTANT_NEVER;
    }
}

bool trouble_refuses_writes(const struct troubles *troubles) {
    return trouble_is_full(troubles, TROUBLE_LOG) || trouble_is_full(troubles, TROUBLE_FLUSH) ||
           trouble_is_full(troubles, TROUBLE_MANIFEST);
}

bool trouble_is_any(const struct troubles *troubles) {
    for (uint32_t kind = 0; kind < TROUBLE_KINDS; kind++) {
        if (troubles->of[kind].failures > 0)
            return true;
    }
    return false;
}

struct instant trouble_deadline(const struct troubles *troubles) {
    struct instant due = INSTANT_NEVER;
    for (uint32_t kind = 0; kind < TROUBLE_KINDS; kind++)
        due = instant_earlier(due, troubles->of[kind].retry_at);
    return due;
}
