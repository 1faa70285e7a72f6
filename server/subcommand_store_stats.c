/* dunlin store stats: the figures of a stopped store. */
#include "server/subcommand_store.h"

#include "server/store_view.h"
#include "server/subcommand.h"
#include "server/table_check.h"

#include <inttypes.h>

struct figures {
    uint64_t tables, bytes, entries, removed, expiring, expired, ranges, key_bytes, value_bytes,
        data_bytes;
    uint64_t metadata_bytes; /* filters and indexes */
};

struct stats {
    struct figures levels[STORE_LEVELS], all;
    uint64_t live_entries, live_bytes;
    uint64_t log_count, log_bytes, oldest_log;
    uint64_t set_aside, checkpoint_count, checkpoint_bytes, damages;
    bool is_whole; /* the live entries could be read */
};

static void add_table(const struct stopped_store *stopped, const struct manifest_table *table,
                      struct figures *figures) {
    struct table_context context = {0};
    const char *what;
    uint64_t offset;
    const struct file_entry *entry = stopped_store_find(stopped, table_file_id(table->file));
    figures->tables++;
    figures->bytes += table->file->size;
    figures->entries += table->file->entry_count;
    figures->removed += table->file->removed_count;
    figures->ranges += table->file->range_count;
    struct table_file *file =
        entry == NULL ? NULL : table_check_open(stopped, entry, &context, &what, &offset);
    if (file != NULL) {
        const struct table_properties *properties = table_properties(file->table);
        figures->expiring += properties->expiring_count;
        figures->expired += expiries_passed(table_expiries(file->table), store_wall());
        figures->key_bytes += properties->key_bytes;
        figures->value_bytes += properties->value_bytes;
        figures->data_bytes += table_data_end(file->table);
        figures->metadata_bytes += file->size - table_data_end(file->table);
        table_file_destroy(file);
    }
    block_codec_deinit(&context.codec);
}

static void add(struct figures *to, const struct figures *figures) {
    to->tables += figures->tables;
    to->bytes += figures->bytes;
    to->entries += figures->entries;
    to->removed += figures->removed;
    to->expiring += figures->expiring;
    to->expired += figures->expired;
    to->ranges += figures->ranges;
    to->key_bytes += figures->key_bytes;
    to->value_bytes += figures->value_bytes;
    to->data_bytes += figures->data_bytes;
    to->metadata_bytes += figures->metadata_bytes;
}

static void count_files(const struct stopped_store *stopped, const struct manifest_facts *facts,
                        struct stats *stats) {
    for (size_t i = 0; i < stopped->file_count; i++) {
        const struct file_entry *entry = &stopped->files[i];
        stats->set_aside += entry->file.kind == FILE_QUARANTINED;
        if (entry->file.kind != FILE_LOG || entry->file.number < facts->log_first)
            continue;
        if (stats->log_count++ == 0)
            stats->oldest_log = entry->file.number;
        stats->log_bytes += entry->size;
    }
    for (size_t i = 0; i < stopped->other_count; i++) {
        const struct file_entry *entry = &stopped->others[i];
        stats->checkpoint_bytes += entry->size;
        stats->checkpoint_count += entry->file.kind == FILE_MANIFEST && entry->file.number > 0;
    }
}

static void count_live(const struct stopped_store *stopped, struct stats *stats) {
    struct buffer problem = {0};
    struct store_entry entry;
    enum store_status status;
    struct store_view *view = store_view_open(stopped, &problem);
    buffer_deinit(&problem);
    if (view == NULL)
        return;
    while ((status = store_view_next(view, (struct bytes){0}, &entry)) == STORE_OK) {
        if (has_expired(entry.expires, store_wall()))
            continue;
        stats->live_entries++;
        stats->live_bytes += entry.key.size + entry.value.size;
    }
    stats->is_whole = status == STORE_ABSENT;
    store_view_close(view);
}

static double ratio(uint64_t left, uint64_t right) {
    return right == 0 ? 0 : (double)left / (double)right;
}

static void print_row(const char *name, const struct figures *row) {
    printf("%-6s %7" PRIu64 " %14" PRIu64 " %12" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64
           " %8" PRIu64 "\n",
           name, row->tables, row->bytes, row->entries, row->removed, row->expiring, row->expired,
           row->ranges);
}

static void print_text(const struct stats *stats, const struct found_manifest *found) {
    printf("%-6s %7s %14s %12s %10s %10s %10s %8s\n", "level", "tables", "bytes", "entries",
           "removed", "expiring", "expired", "ranges");
    for (uint32_t level = 0; level < STORE_LEVELS; level++) {
        if (stats->levels[level].tables > 0)
            print_row((char[]){(char)('0' + level), 0}, &stats->levels[level]);
    }
    const struct figures *all = &stats->all;
    print_row("all", all);
    putchar('\n');
    printf("keys and values      %" PRIu64 " and %" PRIu64 " bytes in tables\n", all->key_bytes,
           all->value_bytes);
    printf("compression          %.2f (blocks take %" PRIu64 " bytes)\n",
           ratio(all->key_bytes + all->value_bytes, all->data_bytes), all->data_bytes);
    printf("index and filters    %" PRIu64 " bytes, %.1f bits an entry\n", all->metadata_bytes,
           8 * ratio(all->metadata_bytes, all->entries));
    if (stats->is_whole)
        printf("live                 %" PRIu64 " entries, %" PRIu64
               " bytes; space amplification %.2f\n",
               stats->live_entries, stats->live_bytes,
               ratio(all->key_bytes + all->value_bytes, stats->live_bytes));
    else
        printf("live                 not known: the store is damaged\n");
    printf("logs                 %" PRIu64 " (%" PRIu64 " bytes), the oldest %" PRIu64 "\n",
           stats->log_count, stats->log_bytes, stats->oldest_log);
    printf("checkpoints          %" PRIu64 " (%" PRIu64 " bytes, shared with the store where they "
           "can be)\n",
           stats->checkpoint_count, stats->checkpoint_bytes);
    printf("damage               %" PRIu64 " noted, %" PRIu64 " files set aside\n", stats->damages,
           stats->set_aside);
    printf("manifest             %" PRIu64 ", flushed up to batch %" PRIu64 "%s%s\n",
           found->file.number, found->state.facts.flushed_sequence,
           found->state.facts.closed ? ", closed cleanly" : "",
           found->state.facts.rolled_back ? ", rolled back" : "");
}

static void print_figures(const struct figures *figures) {
    printf("\"tables\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"entries\":%" PRIu64
           ",\"removed\":%" PRIu64 ",\"expiring\":%" PRIu64 ",\"expired\":%" PRIu64
           ",\"ranges\":%" PRIu64 ",\"key_bytes\":%" PRIu64 ",\"value_bytes\":%" PRIu64
           ",\"data_bytes\":%" PRIu64 ",\"metadata_bytes\":%" PRIu64,
           figures->tables, figures->bytes, figures->entries, figures->removed, figures->expiring,
           figures->expired, figures->ranges, figures->key_bytes, figures->value_bytes,
           figures->data_bytes, figures->metadata_bytes);
}

static void print_json(const struct stats *stats, const struct found_manifest *found) {
    fputs("{\"levels\":[", stdout);
    for (uint32_t level = 0, shown = 0; level < STORE_LEVELS; level++) {
        if (stats->levels[level].tables == 0)
            continue;
        printf("%s{\"level\":%" PRIu32 ",", shown++ > 0 ? "," : "", level);
        print_figures(&stats->levels[level]);
        putchar('}');
    }
    fputs("],", stdout);
    print_figures(&stats->all);
    if (stats->is_whole)
        printf(",\"live_entries\":%" PRIu64 ",\"live_bytes\":%" PRIu64
               ",\"space_amplification\":%.3f",
               stats->live_entries, stats->live_bytes,
               ratio(stats->all.key_bytes + stats->all.value_bytes, stats->live_bytes));
    printf(",\"logs\":%" PRIu64 ",\"log_bytes\":%" PRIu64 ",\"oldest_log\":%" PRIu64
           ",\"checkpoints\":%" PRIu64 ",\"checkpoint_bytes\":%" PRIu64 ",\"damages\":%" PRIu64
           ",\"set_aside\":%" PRIu64 ",\"manifest\":%" PRIu64
           ",\"closed\":%s,\"rolled_back\":%s}\n",
           stats->log_count, stats->log_bytes, stats->oldest_log, stats->checkpoint_count,
           stats->checkpoint_bytes, stats->damages, stats->set_aside, found->file.number,
           found->state.facts.closed ? "true" : "false",
           found->state.facts.rolled_back ? "true" : "false");
}

int store_stats(const struct stopped_store *stopped, const struct store_options *options) {
    struct found_manifest found;
    struct stats stats = {0};
    stopped_store_manifest(stopped, &found);
    if (found.finding != MANIFEST_HOLDS) {
        fputs("dunlin: no manifest tells what the store consists of: `dunlin store check` says "
              "more\n",
              stderr);
        manifest_state_deinit(&found.state);
        return EXIT_FAILED;
    }
    for (uint32_t i = 0; i < found.state.table_count; i++)
        add_table(stopped, &found.state.tables[i], &stats.levels[found.state.tables[i].level]);
    for (uint32_t level = 0; level < STORE_LEVELS; level++)
        add(&stats.all, &stats.levels[level]);
    stats.damages = found.state.damages.count;
    count_files(stopped, &found.state.facts, &stats);
    count_live(stopped, &stats);
    if (options->json)
        print_json(&stats, &found);
    else
        print_text(&stats, &found);
    manifest_state_deinit(&found.state);
    return EXIT_DONE;
}
