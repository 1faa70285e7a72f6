#include "tests/store/support/shrink.h"

struct shrinking {
    struct trial_history *history;
    struct trial_history candidate;
    shrink_fails *fails;
    void *context;
};

/* Takes the candidate when it fails as well. */
static bool try_candidate(struct shrinking *shrinking) {
    if (!shrinking->fails(&shrinking->candidate, shrinking->context))
        return false;
    trial_history_copy(shrinking->history, &shrinking->candidate);
    return true;
}

/* The candidate is the history without `count` operations from `from` on. */
static bool try_without(struct shrinking *shrinking, size_t from, size_t count) {
    struct trial_history *candidate = &shrinking->candidate;
    trial_history_copy(candidate, shrinking->history);
    size_t behind = from + count < candidate->count ? from + count : candidate->count;
    size_t left = candidate->count - behind;
    memmove(candidate->operations + from, candidate->operations + behind,
            left * sizeof *candidate->operations);
    candidate->count = from + left;
    return try_candidate(shrinking);
}

static bool drop_operations(struct shrinking *shrinking) {
    bool any = false;
    for (size_t run = (shrinking->history->count + 1) / 2; run > 0; run /= 2) {
        size_t at = 0;
        while (at < shrinking->history->count) {
            if (try_without(shrinking, at, run))
                any = true;
            else
                at += run;
        }
    }
    return any;
}

static bool plain_options(struct shrinking *shrinking) {
    struct trial_options plain;
    trial_options_plain(&plain);
    bool any = false;
    for (uint32_t i = 0; i < TRIAL_OPTION_COUNT; i++) {
        if (shrinking->history->options.values[i] == plain.values[i])
            continue;
        trial_history_copy(&shrinking->candidate, shrinking->history);
        shrinking->candidate.options.values[i] = plain.values[i];
        any = try_candidate(shrinking) || any;
    }
    return any;
}

/* Steps down by less and less: where every smaller number fails as well, one try is enough, and nowhere are there more than
 * the number has bits, twice. */
static bool shrink_number(struct shrinking *shrinking, size_t at, uint32_t which) {
    bool any = false;
    for (uint64_t less = shrinking->history->operations[at].numbers[which]; less > 0;) {
        uint64_t value = shrinking->history->operations[at].numbers[which];
        less = less < value ? less : value;
        trial_history_copy(&shrinking->candidate, shrinking->history);
        shrinking->candidate.operations[at].numbers[which] = value - less;
        if (less > 0 && try_candidate(shrinking))
            any = true;
        else
            less /= 2;
    }
    return any;
}

static bool smaller_numbers(struct shrinking *shrinking) {
    bool any = false;
    for (size_t at = 0; at < shrinking->history->count; at++) {
        enum trial_kind kind = shrinking->history->operations[at].kind;
        for (uint32_t which = 0; which < trial_operation_numbers(kind); which++)
            any = shrink_number(shrinking, at, which) || any;
    }
    return any;
}

void shrink(struct trial_history *history, shrink_fails *fails, void *context) {
    struct shrinking shrinking = {.history = history, .fails = fails, .context = context};
    bool dropped, plainer, smaller;
    do {
        dropped = drop_operations(&shrinking);
        plainer = plain_options(&shrinking);
        smaller = smaller_numbers(&shrinking);
    } while (dropped || plainer || smaller);
    trial_history_deinit(&shrinking.candidate);
}
