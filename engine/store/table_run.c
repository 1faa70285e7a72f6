#include "engine/store/table_run.h"

void table_run_init(struct table_run *run, uint32_t level, struct table_file *const *tables,
                    uint32_t count) {
    *run = (struct table_run){.level = level, .count = count, .tables = tables};
    struct separators_draft draft = {0};
    bool fits = true;
    for (uint32_t i = 0; fits && i < count; i++)
        fits = separators_draft_add(&draft, table_file_largest(tables[i]));
    if (fits) {
        buffer_reserve_exactly(&run->flat, separators_packed_size(&draft));
        separators_pack(&draft, &run->flat);
        (void)separators_view(&run->ends, buffer_bytes(&run->flat));
    }
    separators_draft_deinit(&draft);
}

void table_run_deinit(struct table_run *run) {
    buffer_deinit(&run->flat);
}

static uint32_t find_without_ends(const struct table_run *run, struct bytes key) {
    uint32_t low = 0;
    uint32_t high = run->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (!table_file_reaches(run->tables[middle], key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct table_file *table_run_find(const struct table_run *run, struct bytes key) {
    uint32_t at = run->ends.count == run->count ? separators_find(&run->ends, key)
                                                : find_without_ends(run, key);
    /* A range may end at the key and not cover it. */
    while (at < run->count && run->tables[at]->largest_excluded &&
           !table_file_reaches(run->tables[at], key))
        at++;
    return at < run->count ? run->tables[at] : NULL;
}
