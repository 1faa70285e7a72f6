#include "engine/store/table_output.h"

void table_output_init(struct table_output *output, struct tickets *tickets,
                       const struct table_options *options, uint64_t table_bytes) {
    *output = (struct table_output){
        .tickets = tickets,
        .options = *options,
        .table_bytes = table_bytes,
        .write_bytes = TABLE_OUTPUT_WRITE_MIN,
        .file = {.kind = FILE_TABLE},
        .write_wait = {.kind = WAIT_OUTPUT_WRITE, .owner = output},
        .sync_wait = {.kind = WAIT_OUTPUT_SYNC, .owner = output},
        .directory_wait = {.kind = WAIT_OUTPUT_DIRECTORY, .owner = output},
    };
}

void table_output_deinit(struct table_output *output) {
    if (output->builder != NULL)
        table_builder_destroy(output->builder);
    for (uint32_t i = 0; i < output->made.count; i++) {
        if (table_file_release(output->made.items[i]))
            table_file_destroy(output->made.items[i]);
    }
    table_list_deinit(&output->made);
    removed_ranges_deinit(&output->ranges);
    buffer_deinit(&output->last);
    buffer_deinit(&output->tail);
    *output = (struct table_output){0};
}

static struct bytes pending(const struct table_output *output, uint64_t *offset) {
    return table_builder_output(output->builder, offset);
}

static bool table_is_full(const struct table_output *output) {
    return output->builder != NULL && table_builder_size(output->builder) >= output->table_bytes;
}

bool table_output_has_room(struct table_output *output) {
    if (output->failed || output->ended || output->finishing || table_output_waits(output))
        return false;
    if (output->builder == NULL)
        return true;
    uint64_t offset;
    size_t size = pending(output, &offset).size;
    /* This is asked for each entry, and the answer changes only where a block ends. */
    if (output->room_seen_at != offset + size) {
        output->room_seen_at = offset + size;
        output->room_seen = !table_is_full(output) && size < output->write_bytes;
    }
    return output->room_seen;
}

static void begin_table(struct table_output *output, uint64_t *next_file) {
    output->file.number = (*next_file)++;
    if (output->run == 0)
        output->run = output->file.number;
    output->options.number = output->file.number;
    output->builder = table_builder_create(&output->options);
    output->room_seen_at = UINT64_MAX;
}

/* Before it is dropped, what has expired has to hide what older tables hold, and needs no value for that. */
static void add_entry(struct table_builder *builder, const struct merge *merge,
                      struct wall_time wall) {
    if (has_expired(merge->expires, wall))
        table_builder_add(builder, merge->key, (struct bytes){0}, true);
    else if (merge->expires.milliseconds != 0)
        table_builder_add_expiring(builder, merge->key, merge->value, merge->expires);
    else
        table_builder_add(builder, merge->key, merge->value, merge->removed);
}

void table_output_add(struct table_output *output, uint64_t *next_file, const struct merge *merge,
                      struct wall_time wall) {
    CHECK(table_output_has_room(output));
    if (output->builder == NULL)
        begin_table(output, next_file);
    add_entry(output->builder, merge, wall);
    if (output->ranges.count == 0)
        return;
    buffer_clear(&output->last);
    buffer_append(&output->last, merge->key);
}

void table_output_remove(struct table_output *output, struct bytes from, struct bytes to) {
    CHECK(output->made.count == 0 && output->builder == NULL);
    removed_ranges_add(&output->ranges, from, to);
}

/* Ranges are cut right behind the last key, so that tables do not overlap. The last table takes all that is left. */
static void hand_over_ranges(struct table_output *output) {
    if (output->ranges.count == 0)
        return;
    struct removed_ranges front = {0};
    if (output->ended) {
        front = output->ranges;
        output->ranges = (struct removed_ranges){0};
    } else {
        buffer_put_u8(&output->last, 0);
        removed_ranges_split(&output->ranges, buffer_bytes(&output->last), &front);
    }
    table_builder_remove(output->builder, &front);
    removed_ranges_deinit(&front);
}

static void finish(struct table_output *output) {
    uint64_t offset;
    hand_over_ranges(output);
    table_builder_finish(output->builder);
    buffer_clear(&output->tail);
    buffer_append(&output->tail, pending(output, &offset));
    output->finishing = true;
}

static void start_write(struct table_output *output, struct bytes bytes, uint64_t offset,
                        struct effects *effects) {
    output->writing = bytes.size;
    output->bytes_written += bytes.size;
    effects_write(effects, tickets_draw(output->tickets, &output->write_wait), output->file, offset,
                  bytes);
}

static void pump_table(struct table_output *output, struct effects *effects) {
    if (!output->finishing && (output->ended || table_is_full(output)))
        finish(output);
    uint64_t offset;
    struct bytes bytes = pending(output, &offset);
    if (bytes.size >= output->write_bytes || (output->finishing && bytes.size > 0))
        start_write(output, bytes, offset, effects);
    else if (output->finishing)
        effects_sync(effects, tickets_draw(output->tickets, &output->sync_wait), output->file);
}

void table_output_pump(struct table_output *output, uint64_t *next_file, struct effects *effects) {
    if (output->done || output->failed || table_output_waits(output))
        return;
    if (output->builder == NULL && output->ended && output->ranges.count > 0)
        begin_table(output, next_file);
    if (output->builder != NULL)
        pump_table(output, effects);
    else if (output->ended && output->made.count > 0)
        effects_sync_directory(effects, tickets_draw(output->tickets, &output->directory_wait));
    else if (output->ended)
        output->done = true;
}

/* The reader is opened from the very bytes that were written: nothing is read back. */
static void complete_table(struct table_output *output) {
    struct table_summary summary = table_builder_summary(output->builder);
    struct table_file *file = table_file_create(output->file.number);
    file->run = output->run;
    file->size = summary.properties.file_size;
    file->entry_count = summary.properties.entry_count;
    file->removed_count = summary.properties.removed_count;
    file->range_count = summary.properties.range_count;
    buffer_append(&file->smallest, summary.smallest);
    buffer_append(&file->largest, summary.largest);
    file->largest_excluded = summary.largest_excluded;

    struct bytes tail = buffer_bytes(&output->tail);
    struct bytes footer = bytes_slice(tail, tail.size - TABLE_FOOTER_SIZE, TABLE_FOOTER_SIZE);
    struct block_handle metadata;
    enum table_status status = table_footer_decode(footer, file->size, &metadata);
    CHECK(status == TABLE_OK);
    file->tail_size = file->size - metadata.offset;
    CHECK(file->tail_size <= tail.size);
    size_t data = tail.size - (size_t)file->tail_size;
    status = table_file_open(file, bytes_slice(tail, data, (size_t)file->tail_size),
                             output->options.context);
    CHECK(status == TABLE_OK);
    table_list_add(&output->made, file);
    table_builder_destroy(output->builder);
    output->builder = NULL;
    output->finishing = false;
}

bool table_output_on_done(struct table_output *output, enum wait_kind kind,
                          enum disk_status status) {
    if (status != DISK_OK) {
        output->failed = true;
        return false;
    }
    if (kind == WAIT_OUTPUT_WRITE)
        table_builder_drained(output->builder, output->writing);
    else if (kind == WAIT_OUTPUT_SYNC)
        complete_table(output);
    else
        output->done = true;
    return true;
}
