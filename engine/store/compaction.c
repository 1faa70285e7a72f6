#include "engine/store/compaction.h"

#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "engine/store/compaction_expiry.h"
#include "engine/store/compaction_pick.h"
#include "engine/store/pacing.h"

static const struct version_level *upper_level(const struct compaction *compaction) {
    return &compaction->version->levels[compaction->level];
}

static const struct version_level *lower_level(const struct compaction *compaction) {
    return &compaction->version->levels[compaction->to];
}

static void add_sources(struct compaction *compaction) {
    struct table_file *const *upper = upper_level(compaction)->tables + compaction->upper_at;
    uint32_t length = compaction->upper_count;
    for (uint32_t at = 0; at < compaction->upper_count; at += length) {
        if (compaction->level == 0)
            length = version_run_length(compaction->version, at);
        merge_add_run(&compaction->merge, upper + at, length);
    }
    if (compaction->lower_count > 0)
        merge_add_run(&compaction->merge, lower_level(compaction)->tables + compaction->lower_at,
                      compaction->lower_count);
}

/* The removed ranges of the inputs go on for as long as something below may lie in them. */
static void carry_ranges(struct compaction *compaction, const struct version_level *level,
                         uint32_t at, uint32_t count) {
    for (uint32_t i = at; i < at + count; i++) {
        const struct removed_ranges *ranges = table_ranges(level->tables[i]->table);
        for (uint32_t k = 0; k < ranges->count; k++) {
            struct bytes from = buffer_bytes(&ranges->items[k].from);
            struct bytes to = buffer_bytes(&ranges->items[k].to);
            if (version_range_is_deeper(compaction->version, compaction->to, from, to))
                table_output_remove(&compaction->output, from, to);
        }
    }
}

static void begin_merge(struct store *store) {
    struct compaction *compaction = &store->compaction;
    add_sources(compaction);
    compaction->stream_count = compaction->merge.count;
    compaction->streams =
        memory_allocate_zeroed(compaction->stream_count, sizeof *compaction->streams);
    for (uint32_t i = 0; i < compaction->stream_count; i++)
        block_stream_init(&compaction->streams[i], &store->tickets);
    struct table_options options = store_table_options(store, compaction->to);
    table_output_init(&compaction->output, &store->tickets, &options, store->config.table_bytes);
    carry_ranges(compaction, upper_level(compaction), compaction->upper_at,
                 compaction->upper_count);
    carry_ranges(compaction, lower_level(compaction), compaction->lower_at,
                 compaction->lower_count);
    compaction->step = merge_seek(&compaction->merge, (struct bytes){0});
}

static bool begin(struct store *store, struct effects *effects) {
    struct compaction *compaction = &store->compaction;
    struct compaction_pick pick;
    if (trouble_waits(&store->troubles, TROUBLE_COMPACTION))
        return false;
    if (has_expired(compaction->expiry_due, store->wall))
        compaction_reconsider(compaction);
    if (!compaction->nothing_due && !compaction_pick(store, &pick)) {
        compaction->nothing_due = true;
        compaction->expiry_due = compaction_expiry_due(store);
    }
    if (compaction->nothing_due) {
        trouble_over(store, TROUBLE_COMPACTION, effects);
        return false;
    }
    compaction->level = pick.level;
    compaction->to = pick.to;
    compaction->upper_at = pick.upper_at;
    compaction->upper_count = pick.upper_count;
    compaction->lower_at = pick.lower_at;
    compaction->lower_count = pick.lower_count;
    bool must_note = pick.level == 0 && store->quarantine.damages.count > 0;
    compaction->moves = pick.moves && !must_note;
    compaction->drops = pick.drops;
    compaction->version = store->version;
    version_acquire(compaction->version);
    compaction->phase = COMPACTION_MERGING;
    if (!compaction->moves)
        begin_merge(store);
    return true;
}

/* What is removed, or has expired, hides what lies deeper. */
static bool must_keep(const struct compaction *compaction, struct wall_time wall) {
    const struct merge *merge = &compaction->merge;
    return (!merge->removed && !has_expired(merge->expires, wall)) ||
           version_is_deeper(compaction->version, compaction->to, compaction->merge.key);
}

/* Hands the merge the block that it waits for. False when that has to be read first. */
static bool feed(struct compaction *compaction, uint64_t *bytes) {
    struct run_cursor *run = &compaction->merge.waiting->run;
    struct block_stream *stream =
        &compaction->streams[compaction->merge.waiting - compaction->merge.sources];
    struct bytes raw;
    if (!block_stream_take(stream, run_cursor_table(run), &run->handle, &raw))
        return false;
    run_cursor_feed_raw(run, raw);
    *bytes += raw.size;
    compaction->step = merge_resume(&compaction->merge);
    return true;
}

/* Entries of level 0 cease to be told from older ones by their run. */
static void note_answer(struct store *store) {
    const struct merge *merge = &store->compaction.merge;
    const struct table_file *file = run_cursor_table(&merge->current->run);
    quarantine_answer(store, merge->key, file->run);
}

static void take_entry(struct store *store, uint64_t *bytes) {
    struct compaction *compaction = &store->compaction;
    *bytes += compaction->merge.key.size + compaction->merge.value.size;
    if (compaction->level == 0 && store->quarantine.damages.count > 0)
        note_answer(store);
    if (must_keep(compaction, store->wall))
        table_output_add(&compaction->output, &store->facts.next_file, &compaction->merge,
                         store->wall);
    compaction->step = merge_next(&compaction->merge);
}

/* Returns how many bytes were worked off. */
static uint64_t merge_slice(struct store *store) {
    struct compaction *compaction = &store->compaction;
    uint64_t bytes = 0;
    /* Reading and writing both count, an entry at the least as one byte. */
    uint64_t slice = 2 * pacing_slice_bytes(store);
    table_output_set_write_bytes(&compaction->output, slice / 2);
    while (bytes < slice) {
        if (compaction->step == MERGE_NEEDS_BLOCK) {
            if (!feed(compaction, &bytes))
                return bytes;
        } else if (compaction->step == MERGE_ENTRY && table_output_has_room(&compaction->output)) {
            take_entry(store, &bytes);
        } else {
            break;
        }
    }
    if (compaction->step == MERGE_END)
        table_output_end(&compaction->output);
    return bytes;
}

static bool reads_are_pending(const struct compaction *compaction) {
    for (uint32_t i = 0; i < compaction->stream_count; i++) {
        if (compaction->streams[i].wait.pending)
            return true;
    }
    return false;
}

/* A read that failed is tried again, block by block. */
static struct table_file *take_failed_read(struct store *store, struct block_stream *stream,
                                           struct effects *effects) {
    struct block_handle handle;
    if (block_stream_failed_block(stream, &handle))
        quarantine_block(store, stream->file, &handle, effects);
    stream->file->read_failures = 1;
    return stream->file;
}

/* The table of which something could not be read, or null. What is lost is known by now. */
static struct table_file *failed_input(struct store *store, struct effects *effects) {
    struct compaction *compaction = &store->compaction;
    if (compaction->step == MERGE_CORRUPT) {
        struct run_cursor *run = &compaction->merge.waiting->run;
        quarantine_block(store, run_cursor_table(run), &run->handle, effects);
        return run_cursor_table(run);
    }
    for (uint32_t i = 0; i < compaction->stream_count; i++) {
        if (compaction->streams[i].failed)
            return take_failed_read(store, &compaction->streams[i], effects);
    }
    return NULL;
}

static void abandon(struct compaction *compaction, const struct table_file *damaged,
                    struct effects *effects) {
    compaction->phase = COMPACTION_ABANDONING;
    char name[FILE_NAME_SIZE];
    file_name(table_file_id(damaged), name);
    struct buffer sentence = {0};
    text_append(&sentence, "compaction begins anew: ");
    text_append(&sentence, name);
    text_append(&sentence, " cannot be read");
    effects_note(effects, NOTE_WARNING, arena_copy(&effects->arena, buffer_bytes(&sentence)));
    buffer_deinit(&sentence);
}

static void end_job(struct store *store) {
    struct compaction *compaction = &store->compaction;
    for (uint32_t i = 0; i < compaction->stream_count; i++)
        block_stream_deinit(&compaction->streams[i]);
    memory_release(compaction->streams);
    compaction->streams = NULL;
    compaction->stream_count = 0;
    merge_clear(&compaction->merge);
    table_output_deinit(&compaction->output);
    compaction->phase = COMPACTION_IDLE;
    struct version *version = compaction->version;
    compaction->version = NULL;
    store_release_version(store, version);
}

static void drop_outputs(struct store *store) {
    compaction_reconsider(&store->compaction);
    store_drop_output(store, &store->compaction.output);
    end_job(store);
}

static void put_removed(struct buffer *payload, const struct version_level *level, uint32_t at,
                        uint32_t count) {
    for (uint32_t i = at; i < at + count; i++)
        manifest_put_removed(payload, level->tables[i]);
}

static void begin_install(struct store *store, struct effects *effects) {
    struct compaction *compaction = &store->compaction;
    struct buffer *payload = store_begin_manifest(store, PURPOSE_COMPACTION, &store->facts);
    if (payload == NULL)
        return;
    put_removed(payload, upper_level(compaction), compaction->upper_at, compaction->upper_count);
    put_removed(payload, lower_level(compaction), compaction->lower_at, compaction->lower_count);
    const struct table_list *made = &compaction->output.made;
    for (uint32_t i = 0; i < made->count; i++)
        manifest_put_added(payload, compaction->to, made->items[i]);
    for (uint32_t i = 0; compaction->moves && !compaction->drops && i < compaction->upper_count;
         i++)
        manifest_put_added(payload, compaction->to,
                           upper_level(compaction)->tables[compaction->upper_at + i]);
    manifest_writer_send(&store->manifest, effects);
    compaction->phase = COMPACTION_INSTALLING;
}

/* True when the next slice need not wait for a file operation. */
static bool slice_is_left(const struct compaction *compaction) {
    if (compaction->phase != COMPACTION_MERGING || compaction->moves || compaction->output.done ||
        table_output_waits(&compaction->output))
        return false;
    if (compaction->step != MERGE_NEEDS_BLOCK)
        return true;
    uint32_t source = (uint32_t)(compaction->merge.waiting - compaction->merge.sources);
    return !compaction->streams[source].wait.pending;
}

struct instant compaction_deadline(const struct store *store) {
    bool held = store->config.compaction_rate > 0 &&
                store->compaction.phase == COMPACTION_MERGING && !store->compaction.moves;
    return held ? store->merge_due : INSTANT_NEVER;
}

bool compaction_pump(struct store *store, struct instant now, struct effects *effects) {
    struct compaction *compaction = &store->compaction;
    if (compaction->phase == COMPACTION_IDLE && !begin(store, effects))
        return false;
    if (compaction->phase == COMPACTION_MERGING && !compaction->moves && !compaction->output.done) {
        if (!pacing_may_merge(store, now))
            return false;
        pacing_note_merged(store, merge_slice(store), now);
        const struct table_file *damaged = failed_input(store, effects);
        if (damaged != NULL)
            abandon(compaction, damaged, effects);
        for (uint32_t i = 0; damaged == NULL && i < compaction->stream_count; i++)
            block_stream_pump(&compaction->streams[i], effects);
        if (damaged == NULL)
            table_output_pump(&compaction->output, &store->facts.next_file, effects);
    }
    if (compaction->phase == COMPACTION_MERGING && (compaction->moves || compaction->output.done))
        begin_install(store, effects);
    if (compaction->phase == COMPACTION_ABANDONING) {
        if (reads_are_pending(compaction) || table_output_waits(&compaction->output))
            return false;
        drop_outputs(store);
        return true;
    }
    return slice_is_left(compaction);
}

static void list_tables(struct table_list *list, const struct version_level *level, uint32_t at,
                        uint32_t count) {
    for (uint32_t i = at; i < at + count; i++)
        table_list_add(list, level->tables[i]);
}

void compaction_installed(struct store *store) {
    struct compaction *compaction = &store->compaction;
    const struct version_level *upper = upper_level(compaction);
    struct version_edit edit = {.added_level = compaction->to};
    list_tables(&edit.removed, upper, compaction->upper_at, compaction->upper_count);
    list_tables(&edit.removed, lower_level(compaction), compaction->lower_at,
                compaction->lower_count);
    list_tables(&edit.added, &(struct version_level){.tables = compaction->output.made.items}, 0,
                compaction->output.made.count);
    if (compaction->moves && !compaction->drops)
        list_tables(&edit.added, upper, compaction->upper_at, compaction->upper_count);
    store_install(store, &edit);
    table_list_deinit(&edit.added);
    table_list_deinit(&edit.removed);
    store->figures.compactions++;
    store->figures.table_bytes_written += compaction->output.bytes_written;
    end_job(store);
}

void compaction_not_installed(struct store *store) {
    store->compaction.phase = COMPACTION_MERGING;
}

void compaction_give_up(struct store *store) {
    store->compaction.phase = COMPACTION_ABANDONING;
}

static bool has_input(const struct version_level *level, uint32_t at, uint32_t count,
                      const struct table_file *file) {
    for (uint32_t i = at; i < at + count; i++) {
        if (level->tables[i] == file)
            return true;
    }
    return false;
}

void compaction_forget(struct store *store, const struct table_file *file) {
    struct compaction *compaction = &store->compaction;
    if (compaction->phase != COMPACTION_MERGING || compaction->moves)
        return;
    if (has_input(upper_level(compaction), compaction->upper_at, compaction->upper_count, file) ||
        has_input(lower_level(compaction), compaction->lower_at, compaction->lower_count, file))
        compaction_give_up(store);
}

void compaction_deinit(struct store *store) {
    struct compaction *compaction = &store->compaction;
    if (compaction->phase != COMPACTION_IDLE)
        end_job(store);
    merge_deinit(&compaction->merge);
}
