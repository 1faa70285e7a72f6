/* dunlin store dump --file: one table, log or manifest as it lies there, for people who debug formats. */
#include "server/subcommand_store.h"

#include "server/subcommand.h"
#include "server/table_check.h"

#include "engine/store/log_batch.h"
#include "engine/store/log_reader.h"
#include "engine/store/log_removal.h"

#include <inttypes.h>

static void print_range(struct bytes from, struct bytes to, const struct store_options *options) {
    fputs(options->json ? "{\"removed_from\":" : "removed range from ", stdout);
    store_print_bytes(from, options);
    fputs(options->json ? ",\"to_before\":" : " to before ", stdout);
    store_print_bytes(to, options);
    fputs(options->json ? "}\n" : "\n", stdout);
}

static void print_ranges(const struct removed_ranges *ranges, const struct store_options *options) {
    for (uint32_t i = 0; i < ranges->count; i++)
        print_range(buffer_bytes(&ranges->items[i].from), buffer_bytes(&ranges->items[i].to),
                    options);
}

static void print_expiries(const struct expiries *expiries, const struct store_options *options) {
    for (uint32_t i = 0; !options->json && i < expiries->count; i++) {
        fputs("expiring until ", stdout);
        store_print_expiry(expiries->steps[i].to, options);
        printf(": %" PRIu64 "\n", expiries->steps[i].count);
    }
}

static int dump_block(const struct stopped_store *stopped, const struct table_file *file,
                      const struct block_handle *handle, uint32_t position,
                      const struct store_options *options) {
    struct buffer raw = {0}, contents = {0};
    struct block_cursor cursor = {0};
    int code = EXIT_FAILED;
    if (!options->json)
        printf("block %" PRIu32 " at %" PRIu64 ", %" PRIu64 " bytes, checksum %08" PRIx32 "\n",
               position, handle->offset, handle->size, handle->checksum);
    if (stopped_store_read(stopped, table_file_id(file), handle->offset, handle->size, &raw) &&
        raw.size == handle->size &&
        table_block_unpack(file->table, handle, buffer_bytes(&raw), &contents) == TABLE_OK &&
        block_cursor_open(&cursor, buffer_bytes(&contents)) == TABLE_OK) {
        for (block_cursor_first(&cursor); cursor.valid; block_cursor_next(&cursor))
            store_print_entry(&(struct store_entry){.key = cursor.key,
                                                    .value = cursor.value,
                                                    .removed = cursor.removed,
                                                    .expires = cursor.expires},
                              options);
        code = cursor.corrupt ? EXIT_FAILED : EXIT_DONE;
    }
    if (code != EXIT_DONE)
        fprintf(stderr, "dunlin: block at offset %" PRIu64 " is damaged\n", handle->offset);
    block_cursor_deinit(&cursor);
    buffer_deinit(&raw);
    buffer_deinit(&contents);
    return code;
}

/* Fetches a partition of the index, so that its blocks can be found. */
static bool fetch_index(const struct stopped_store *stopped, const struct table_file *file,
                        const struct block_handle *handle, struct buffer *index,
                        struct table_window *window) {
    struct buffer raw = {0};
    buffer_clear(index);
    bool fetched =
        stopped_store_read(stopped, table_file_id(file), handle->offset, handle->size, &raw) &&
        raw.size == handle->size &&
        table_block_unpack(file->table, handle, buffer_bytes(&raw), index) == TABLE_OK;
    if (fetched)
        table_window_set(window, file->table, handle, buffer_bytes(index));
    else
        fprintf(stderr, "dunlin: the index at offset %" PRIu64 " is damaged\n", handle->offset);
    buffer_deinit(&raw);
    return fetched;
}

static int dump_blocks(const struct stopped_store *stopped, const struct table_file *file,
                       const struct store_options *options) {
    struct table_window window = {0};
    struct buffer index = {0};
    struct block_handle handle;
    int code = EXIT_DONE;
    enum table_answer answer;
    for (uint32_t position = 0;
         (answer = table_block_at(file->table, &window, position, &handle)) != TABLE_NO_BLOCK;) {
        if (answer == TABLE_HAS_BLOCK) {
            if (dump_block(stopped, file, &handle, position++, options) != EXIT_DONE)
                code = EXIT_FAILED;
        } else if (!fetch_index(stopped, file, &handle, &index, &window)) {
            position = table_partition_end(file->table, &handle);
            code = EXIT_FAILED;
        }
    }
    buffer_deinit(&index);
    return code;
}

static int dump_table(const struct stopped_store *stopped, const struct file_entry *entry,
                      const struct store_options *options) {
    struct table_context context = {.pinned_bytes_max = UINT64_MAX};
    const char *what;
    uint64_t offset;
    struct table_file *file = table_check_open(stopped, entry, &context, &what, &offset);
    if (file == NULL) {
        fprintf(stderr, "dunlin: %s at offset %" PRIu64 ": %s\n", options->file, offset, what);
        return EXIT_FAILED;
    }
    const struct table_properties *told = table_properties(file->table);
    if (!options->json)
        printf("table %" PRIu64 ", version %" PRIu32 ", %" PRIu64 " bytes, %" PRIu64
               " entries, %" PRIu64 " removed, %" PRIu64 " blocks, keys %" PRIu64
               " and values %" PRIu64 " bytes, %" PRIu32 " partitions\n",
               told->number, told->format_version, told->file_size, told->entry_count,
               told->removed_count, told->block_count, told->key_bytes, told->value_bytes,
               table_partition_count(file->table));
    print_ranges(table_ranges(file->table), options);
    print_expiries(table_expiries(file->table), options);
    int code = dump_blocks(stopped, file, options);
    table_file_destroy(file);
    block_codec_deinit(&context.codec);
    return code;
}

static void print_batch(const struct store_batch *batch, const struct store_options *options) {
    if (batch->has_tally && !options->json)
        printf("    tally %" PRIu32 " digest %016" PRIx64 " count %+" PRIi64 "\n",
               batch->tally.tally, batch->tally.digest, batch->tally.count);
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!options->json)
            fputs("    ", stdout);
        store_print_entry(&batch->entries[i], options);
    }
}

static void print_batches(const struct record *record, const struct store_options *options) {
    struct reader reader = reader_of(record->payload);
    struct store_batch batch;
    struct log_removal removal;
    for (uint32_t i = 0; i < record->count; i++) {
        if (!options->json)
            printf("  batch %" PRIu64 "\n", record->sequence + i);
        if (log_removal_is_next(&reader) && log_removal_decode(&reader, &removal)) {
            fputs(options->json ? "{\"removed_prefix\":" : "    removes all that begins with ",
                  stdout);
            store_print_bytes(removal.prefix, options);
            fputs(options->json ? "}\n" : "\n", stdout);
        } else if (log_batch_decode(&reader, &batch)) {
            print_batch(&batch, options);
        } else {
            fputs("    makes no sense\n", stdout);
            return;
        }
    }
}

static void print_table(const struct manifest_table *table, const struct store_options *options) {
    const struct table_file *file = table->file;
    printf("    level %" PRIu32 " table %" PRIu64 " run %" PRIu64 ", %" PRIu64 " bytes, %" PRIu64
           " entries, %" PRIu64 " removed, %" PRIu64 " ranges, from ",
           table->level, file->number, file->run, file->size, file->entry_count,
           file->removed_count, file->range_count);
    store_print_bytes(table_file_smallest(file), options);
    fputs(file->largest_excluded ? " to before " : " to ", stdout);
    store_print_bytes(table_file_largest(file), options);
    putchar('\n');
}

static void print_json_state(const struct manifest_state *state) {
    const struct manifest_facts *facts = &state->facts;
    printf("{\"next_file\":%" PRIu64 ",\"flushed\":%" PRIu64 ",\"log_first\":%" PRIu64
           ",\"open_from\":%" PRIu64 ",\"closed\":%s,\"rolled_back\":%s,\"tables\":[",
           facts->next_file, facts->flushed_sequence, facts->log_first, facts->open_from,
           facts->closed ? "true" : "false", facts->rolled_back ? "true" : "false");
    for (uint32_t i = 0; i < state->table_count; i++)
        printf("%s{\"level\":%" PRIu32 ",\"number\":%" PRIu64 ",\"bytes\":%" PRIu64
               ",\"entries\":%" PRIu64 "}",
               i > 0 ? "," : "", state->tables[i].level, state->tables[i].file->number,
               state->tables[i].file->size, state->tables[i].file->entry_count);
    printf("],\"damages\":%" PRIu32 "}\n", state->damages.count);
}

static void print_state(const struct manifest_state *state, const struct store_options *options) {
    const struct manifest_facts *facts = &state->facts;
    if (options->json) {
        print_json_state(state);
        return;
    }
    printf("  next file %" PRIu64 ", flushed up to %" PRIu64 ", logs from %" PRIu64
           ", open from %" PRIu64 "%s%s\n",
           facts->next_file, facts->flushed_sequence, facts->log_first, facts->open_from,
           facts->closed ? ", closed" : "", facts->rolled_back ? ", rolled back" : "");
    for (uint32_t i = 0; i < facts->sealed_count; i++)
        printf("    sealed log %" PRIu64 " up to %" PRIu64 ", batch %" PRIu64 "\n",
               facts->sealed[i].number, facts->sealed[i].end, facts->sealed[i].last_sequence);
    for (uint32_t i = 0; i < state->table_count; i++)
        print_table(&state->tables[i], options);
    for (uint32_t i = 0; i < state->damages.count; i++)
        printf("    damage %" PRIu64 " of file %" PRIu64 " at offset %" PRIu64 "\n",
               state->damages.items[i].id, state->damages.items[i].file.number,
               state->damages.items[i].offset);
}

/* The whole file in one piece: logs have segments of a bounded size, manifests are small. */
static int dump_records(const struct stopped_store *stopped, const struct file_entry *entry,
                        const struct store_options *options) {
    struct log_reader reader = {0};
    struct buffer bytes = {0};
    struct record record;
    struct manifest_state state = {0};
    enum log_reader_result result;
    log_reader_open(&reader, entry->file, entry->size);
    for (;;) {
        uint64_t at = reader.at, offset;
        result = log_reader_next(&reader, &record);
        if (result == LOG_READER_MORE) {
            uint64_t size = log_reader_wants(&reader, &offset);
            buffer_clear(&bytes);
            if (!stopped_store_read(stopped, entry->file, offset, size, &bytes))
                break;
            log_reader_feed(&reader, buffer_bytes(&bytes));
            continue;
        }
        if (result != LOG_READER_RECORD)
            break;
        if (!options->json)
            printf("record at %" PRIu64 ", sequence %" PRIu64 ", count %" PRIu32
                   ", synced up to %" PRIu64 ", %zu bytes\n",
                   at, record.sequence, record.count, record.synced, record.payload.size);
        if (record.kind == RECORD_BATCHES)
            print_batches(&record, options);
        else if (manifest_state_apply(&state, record.payload))
            print_state(&state, options);
        else
            fputs("  contradicts what was before\n", stdout);
    }
    if (result != LOG_READER_END && !options->json)
        printf("no valid record at %" PRIu64 " of %" PRIu64 "\n", reader.at, entry->size);
    manifest_state_deinit(&state);
    buffer_deinit(&bytes);
    log_reader_close(&reader);
    return EXIT_DONE;
}

int store_dump_file(const struct stopped_store *stopped, const struct store_options *options) {
    struct file_id file;
    const struct file_entry *entry = NULL;
    if (file_parse(options->file, &file))
        entry = stopped_store_find(stopped, file);
    if (entry == NULL) {
        fprintf(stderr, "dunlin: %s has no file %s; a name is such as 000012.table\n",
                stopped->path, options->file);
        return EXIT_FAILED;
    }
    if (file.kind == FILE_TABLE)
        return dump_table(stopped, entry, options);
    if (file.kind == FILE_LOG || file.kind == FILE_MANIFEST)
        return dump_records(stopped, entry, options);
    fprintf(stderr, "dunlin: %s was set aside because it is damaged: rename it to dump it\n",
            options->file);
    return EXIT_FAILED;
}
