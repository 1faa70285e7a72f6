#include "engine/store/manifest_writer.h"

#include "engine/store/log_record.h"

void manifest_writer_init(struct manifest_writer *writer, struct tickets *tickets) {
    *writer = (struct manifest_writer){
        .tickets = tickets,
        .file = {.kind = FILE_MANIFEST},
        .write_wait = {.kind = WAIT_MANIFEST_WRITE},
        .sync_wait = {.kind = WAIT_MANIFEST_SYNC},
        .directory_wait = {.kind = WAIT_MANIFEST_DIRECTORY},
    };
}

void manifest_writer_deinit(struct manifest_writer *writer) {
    buffer_deinit(&writer->frame);
}

struct buffer *manifest_writer_begin(struct manifest_writer *writer, enum manifest_purpose purpose,
                                     uint64_t new_number) {
    CHECK(manifest_writer_is_idle(writer) && purpose != PURPOSE_NONE);
    CHECK(new_number != 0 || !writer->doubtful);
    bool never_was = writer->doubtful && writer->creating;
    writer->purpose = purpose;
    writer->creating = new_number != 0;
    if (writer->creating) {
        /* A new manifest that failed replaced nothing. */
        if (!never_was)
            writer->older = writer->file.number;
        writer->file.number = new_number;
        writer->offset = 0;
        writer->records = 0;
    }
    record_begin(&writer->frame);
    return &writer->frame;
}

void manifest_writer_send(struct manifest_writer *writer, struct effects *effects) {
    struct record record = {
        .kind = writer->creating ? RECORD_SNAPSHOT : RECORD_EDIT,
        .count = 1,
        .sequence = writer->records + 1,
        .synced = writer->records,
    };
    struct bytes bytes = record_end(&writer->frame, &record, record_file_identity(writer->file));
    if (writer->creating)
        bytes = record_add_file_header(&writer->frame, bytes, writer->file);
    effects_write(effects, tickets_draw(writer->tickets, &writer->write_wait), writer->file,
                  writer->offset, bytes);
    writer->offset += bytes.size;
    writer->records++;
    if (writer->creating)
        writer->snapshot_end = writer->offset;
}

enum manifest_progress manifest_writer_on_done(struct manifest_writer *writer, enum wait_kind kind,
                                               enum disk_status status,
                                               enum manifest_purpose *purpose,
                                               struct effects *effects) {
    writer->failed |= status != DISK_OK;
    if (kind == WAIT_MANIFEST_WRITE && !writer->failed) {
        effects_sync(effects, tickets_draw(writer->tickets, &writer->sync_wait), writer->file);
        if (writer->creating)
            effects_sync_directory(effects, tickets_draw(writer->tickets, &writer->directory_wait));
        return MANIFEST_WAITING;
    }
    if (writer->sync_wait.pending || writer->directory_wait.pending)
        return MANIFEST_WAITING;
    *purpose = writer->purpose;
    writer->purpose = PURPOSE_NONE;
    writer->doubtful = writer->failed;
    writer->failed = false;
    return writer->doubtful ? MANIFEST_FAILED : MANIFEST_DONE;
}
