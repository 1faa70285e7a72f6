#include "tests/store/support/crash_plan.h"

#include "engine/base/text.h"

enum { NAMES_SUBSETS_MAX = 3 };

enum pattern {
    KEEP_NONE,
    KEEP_ALL,
    KEEP_PREFIX,
    KEEP_TORN,
    KEEP_HOLE,
    KEEP_ONLY,
    KEEP_SUFFIX,
    KEEP_SUBSET
};

static const char *const PATTERNS[] = {"none", "all",  "prefix", "torn",
                                       "hole", "only", "suffix", "subset"};

/* Which of a row of things that were not synced are kept. */
struct row_plan {
    enum pattern pattern;
    uint32_t at;
};

struct crash_plan {
    struct row_plan sectors, names;
    bool lengths;
};

/* A crash that is under way: how many of each have been asked for. */
struct asked {
    struct crash_unsynced count;
    const struct crash_plan *plan; /* null: only count */
};

static bool is_kept(struct row_plan row, uint32_t index) {
    switch (row.pattern) {
    case KEEP_NONE:
        return false;
    case KEEP_ALL:
        return true;
    case KEEP_PREFIX:
    case KEEP_TORN:
        return index < row.at;
    case KEEP_HOLE:
        return index != row.at;
    case KEEP_ONLY:
        return index == row.at;
    case KEEP_SUFFIX:
        return index >= row.at;
    case KEEP_SUBSET:
        return (row.at >> index & 1) != 0;
    }
    CHECK_UNREACHABLE("a pattern is known");
}

static bool choose_name(void *context) {
    struct asked *asked = context;
    uint32_t index = asked->count.names++;
    return asked->plan != NULL && is_kept(asked->plan->names, index);
}

static size_t choose_sector(void *context, size_t size) {
    struct asked *asked = context;
    uint32_t index = asked->count.sectors++;
    if (asked->plan == NULL)
        return 0;
    struct row_plan row = asked->plan->sectors;
    if (row.pattern == KEEP_TORN && index == row.at)
        return size / 2;
    return is_kept(row, index) ? size : 0;
}

static bool choose_length(void *context) {
    struct asked *asked = context;
    asked->count.lengths++;
    return asked->plan != NULL && asked->plan->lengths;
}

struct crash_unsynced crash_plan_survey(const struct memory_disk *disk) {
    struct asked asked = {.plan = NULL};
    static struct memory_disk scratch; /* large, and cleared fully by each clone */
    memory_disk_clone(&scratch, disk);
    memory_disk_crash_by(
        &scratch, &(struct crash_choices){&asked, choose_name, choose_sector, choose_length});
    memory_disk_forget(&scratch);
    return asked.count;
}

/* Row plans by number: none, all, and then so many of each kind. One thing is none or all, or torn. */
static uint32_t sector_plans(uint32_t count) {
    if (count <= 1)
        return count == 0 ? 1 : 3;
    return 2 + (count - 1) + 3 * count + (count - 1);
}

static struct row_plan sector_plan(uint32_t count, uint32_t number) {
    if (number < 2)
        return (struct row_plan){.pattern = number == 0 ? KEEP_NONE : KEEP_ALL};
    number -= 2;
    if (number < count)
        return (struct row_plan){KEEP_TORN, number};
    number -= count;
    if (number < count)
        return (struct row_plan){KEEP_HOLE, number};
    number -= count;
    if (number < count)
        return (struct row_plan){KEEP_ONLY, number};
    number -= count;
    if (number < count - 1)
        return (struct row_plan){KEEP_PREFIX, number + 1};
    return (struct row_plan){KEEP_SUFFIX, number - (count - 1) + 1};
}

static uint32_t name_plans(uint32_t count) {
    return count <= NAMES_SUBSETS_MAX ? 1u << count : 2 + 2 * count;
}

/* The first two are none and all, when there are names. */
static struct row_plan name_plan(uint32_t count, uint32_t number) {
    if (number == 0)
        return (struct row_plan){.pattern = KEEP_NONE};
    if (number == 1)
        return (struct row_plan){.pattern = KEEP_ALL};
    if (count <= NAMES_SUBSETS_MAX)
        return (struct row_plan){KEEP_SUBSET, number - 1};
    number -= 2;
    return number < count ? (struct row_plan){KEEP_HOLE, number}
                          : (struct row_plan){KEEP_ONLY, number - count};
}

/* Sectors against the two extremes of names, then the other plans of names against the extremes of sectors; all of it
 * with lengths lost and kept, where there are any. */
uint32_t crash_plan_count(const struct crash_unsynced *unsynced) {
    uint32_t extremes = unsynced->names == 0 ? 1 : 2;
    uint32_t others = name_plans(unsynced->names) - extremes;
    uint32_t plans = sector_plans(unsynced->sectors) * extremes + others * 2;
    return plans * (unsynced->lengths == 0 ? 1 : 2);
}

static struct crash_plan plan_of(const struct crash_unsynced *unsynced, uint32_t number) {
    uint32_t extremes = unsynced->names == 0 ? 1 : 2;
    struct crash_plan plan = {.lengths = false};
    if (unsynced->lengths > 0) {
        plan.lengths = number % 2 == 1;
        number /= 2;
    }
    uint32_t crossed = sector_plans(unsynced->sectors) * extremes;
    if (number < crossed) {
        plan.names = name_plan(unsynced->names, number % extremes);
        plan.sectors = sector_plan(unsynced->sectors, number / extremes);
    } else {
        number -= crossed;
        plan.names = name_plan(unsynced->names, extremes + number / 2);
        plan.sectors.pattern = number % 2 == 0 ? KEEP_NONE : KEEP_ALL;
    }
    return plan;
}

void crash_plan_apply(struct memory_disk *disk, const struct crash_unsynced *unsynced,
                      uint32_t number) {
    struct crash_plan plan = plan_of(unsynced, number);
    struct asked asked = {.plan = &plan};
    memory_disk_crash_by(
        disk, &(struct crash_choices){&asked, choose_name, choose_sector, choose_length});
}

static void print_row(const char *of, struct row_plan row, uint32_t count, struct buffer *to) {
    text_append(to, of);
    text_append(to, ": ");
    text_append(to, PATTERNS[row.pattern]);
    if (row.pattern > KEEP_ALL) {
        text_append(to, " ");
        text_append_u64(to, row.at);
    }
    text_append(to, " of ");
    text_append_u64(to, count);
    text_append(to, " kept; ");
}

void crash_plan_print(const struct crash_unsynced *unsynced, uint32_t number, struct buffer *to) {
    struct crash_plan plan = plan_of(unsynced, number);
    print_row("sectors", plan.sectors, unsynced->sectors, to);
    print_row("names", plan.names, unsynced->names, to);
    text_append(to, plan.lengths ? "lengths kept" : "lengths lost");
}
