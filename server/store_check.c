#include "server/store_check.h"

#include "server/store_view.h"
#include "server/table_check.h"

#include <inttypes.h>
#include <stdlib.h>

static void check_manifest(const struct found_manifest *found, struct store_report *report) {
    store_report_begin(report, found->file);
    if (found->finding != MANIFEST_HOLDS)
        store_report_problem(report, found->end, "%s",
                             found->what != NULL ? found->what : "it was never completed");
    store_report_end(report, "manifest, %" PRIu64 " records, %" PRIu32 " tables%s%s",
                     found->records, found->state.table_count,
                     found->state.facts.closed ? ", closed cleanly" : "",
                     found->end < found->size ? ", then an edit that was never completed" : "");
}

static void check_table(const struct stopped_store *stopped, const struct manifest_table *told,
                        struct store_report *report) {
    struct file_id id = table_file_id(told->file);
    const struct file_entry *entry = stopped_store_find(stopped, id);
    struct checked_table checked = {0};
    store_report_begin(report, id);
    if (entry == NULL)
        store_report_problem(report, 0, "the manifest knows it, but it is not there");
    else if (entry->size != told->file->size)
        store_report_problem(report,
                             entry->size < told->file->size ? entry->size : told->file->size,
                             "the manifest says that it has %" PRIu64 " bytes, it has %" PRIu64,
                             told->file->size, entry->size);
    else
        table_check(stopped, entry, told->file, report, &checked);
    store_report_end(report, "level %" PRIu32 ", %" PRIu64 " entries in %" PRIu64 " blocks%s",
                     told->level, checked.entries, checked.blocks,
                     told->file->lost_count > 0 ? ", blocks known to be lost" : "");
    checked_table_deinit(&checked);
}

static int compare_tables(const void *left, const void *right) {
    const struct manifest_table *first = left, *second = right;
    if (first->level != second->level)
        return first->level < second->level ? -1 : 1;
    if (first->level == 0 && first->file->run != second->file->run)
        return first->file->run < second->file->run ? -1 : 1;
    return bytes_compare(table_file_smallest(first->file), table_file_smallest(second->file));
}

/* Neighbours in one level, or in one run of level 0. */
static void check_levels(const struct found_manifest *found, struct store_report *report) {
    struct manifest_table *tables = malloc((found->state.table_count + 1) * sizeof *tables);
    CHECK(tables != NULL);
    for (uint32_t i = 0; i < found->state.table_count; i++)
        tables[i] = found->state.tables[i];
    qsort(tables, found->state.table_count, sizeof *tables, compare_tables);
    for (uint32_t i = 1; i < found->state.table_count; i++) {
        const struct manifest_table *left = &tables[i - 1], *right = &tables[i];
        bool apart = left->level != right->level ||
                     (left->level == 0 && left->file->run != right->file->run);
        if (apart || !table_file_reaches(left->file, table_file_smallest(right->file)))
            continue;
        store_report_begin(report, found->file);
        store_report_problem(report, 0,
                             "tables %" PRIu64 " and %" PRIu64 " of level %" PRIu32 " overlap",
                             left->file->number, right->file->number, left->level);
        store_report_end(report, "levels");
    }
    free(tables);
}

/* Recovery in memory, and the sum of all totals: the count of live keys cannot be negative. */
static void check_as_a_whole(const struct stopped_store *stopped,
                             const struct found_manifest *found, struct store_report *report) {
    struct buffer problem = {0};
    struct store_view *view = store_view_open(stopped, &problem);
    store_report_begin(report, found->file);
    if (view == NULL)
        store_report_problem(report, 0, "a store does not start from it: %.*s", (int)problem.size,
                             (const char *)problem.data);
    else if (!store_view_totals_fit(view, &problem))
        store_report_problem(report, 0, "%.*s", (int)problem.size, (const char *)problem.data);
    if (report->file_problems > 0)
        store_report_end(report, "whole store");
    store_view_close(view);
    buffer_deinit(&problem);
}

/* Files, and nothing that says which of them count. */
static void check_without_manifest(const struct stopped_store *stopped,
                                   struct store_report *report) {
    const struct file_entry *last = NULL;
    for (size_t i = 0; i < stopped->file_count; i++) {
        if (stopped->files[i].file.kind != FILE_QUARANTINED)
            last = &stopped->files[i];
    }
    if (last == NULL)
        return;
    store_report_begin(report, last->file);
    store_report_problem(report, 0,
                         last->file.kind == FILE_MANIFEST
                             ? "it is not whole, and no other manifest is"
                             : "there are files of a store, but no manifest");
    store_report_end(report, "no manifest");
}

void store_check(const struct stopped_store *stopped, const struct found_manifest *found,
                 struct store_report *report) {
    uint64_t first, last;
    if (found->finding == MANIFEST_MISSING) {
        check_without_manifest(stopped, report);
        return;
    }
    check_manifest(found, report);
    if (found->finding != MANIFEST_HOLDS)
        return;
    for (uint32_t i = 0; i < found->state.table_count; i++)
        check_table(stopped, &found->state.tables[i], report);
    check_levels(found, report);
    store_check_logs(stopped, &found->state.facts, report, &first, &last);
    if (report->problems == 0)
        check_as_a_whole(stopped, found, report);
}
