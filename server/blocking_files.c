#include "server/blocking_files.h"

#include <sys/resource.h>

enum {
    FILES_OPEN_MAX = 4096,
    FILES_OPEN_RESERVE = 64, /* descriptors that are left to the rest of the process */
};

/* A table that is closed must be opened again for its next block: so many stay open as the process may have. */
static void allow_open_files(struct store_directory *directory) {
    const rlim_t wanted = FILES_OPEN_MAX + FILES_OPEN_RESERVE;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_cur < wanted && limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = limit;
        raised.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    rlim_t allowed = limit.rlim_cur < wanted ? limit.rlim_cur : wanted;
    if (allowed > directory->open_max + FILES_OPEN_RESERVE)
        directory->open_max = (size_t)(allowed - FILES_OPEN_RESERVE);
}

bool blocking_files_open(struct blocking_files *files, const char *directory,
                         struct buffer *problem) {
    *files = (struct blocking_files){.bytes_read = 0};
    if (!store_directory_open(&files->directory, directory, problem))
        return false;
    allow_open_files(&files->directory);
    table_mappings_init(&files->tables);
    return true;
}

void blocking_files_close(struct blocking_files *files) {
    log_mapping_close(&files->log);
    table_mappings_deinit(&files->tables);
    store_directory_close(&files->directory);
    buffer_deinit(&files->read);
    buffer_deinit(&files->listed);
}

void blocking_files_forget(struct blocking_files *files, struct file_id file) {
    log_mapping_forget(&files->log, file);
    table_mappings_forget(&files->tables, file);
}

/* True when it is done. */
static bool read_mapped(struct blocking_files *files, const struct effect *effect,
                        struct disk_done *done) {
    buffer_clear(&files->read);
    if (!table_mappings_read(&files->tables, &files->directory, effect, &files->read))
        return false;
    files->bytes_read += files->read.size;
    done->bytes = buffer_bytes(&files->read);
    return true;
}

static enum disk_status read_from(struct blocking_files *files, const struct store_file *file,
                                  const struct effect *effect, struct disk_done *done) {
    buffer_clear(&files->read);
    enum disk_status status =
        store_file_read(file->descriptor, effect->offset, effect->size, &files->read);
    files->bytes_read += files->read.size;
    done->bytes = buffer_bytes(&files->read);
    return status;
}

static enum disk_status write_to(struct blocking_files *files, struct store_file *file,
                                 const struct effect *effect) {
    file->writes++;
    files->bytes_written += effect->bytes.size;
    if (log_mapping_write(&files->log, effect->file, file->descriptor, effect->offset,
                          effect->bytes)) {
        files->bytes_mapped += effect->bytes.size;
        return DISK_OK;
    }
    return store_file_write(file->descriptor, effect->offset, effect->bytes);
}

static enum disk_status sync(struct store_file *file) {
    uint64_t writes = file->writes;
    enum disk_status status = store_file_sync(file->descriptor);
    if (status == DISK_OK)
        file->writes_synced = writes;
    return status;
}

static enum disk_status perform_on_file(struct blocking_files *files, const struct effect *effect,
                                        struct disk_done *done) {
    bool creates = effect->kind == EFFECT_WRITE || effect->kind == EFFECT_ALLOCATE;
    enum disk_status status;
    struct store_file *file =
        store_directory_acquire(&files->directory, effect->file, creates, &status);
    if (file == NULL)
        return status;
    if (effect->kind == EFFECT_WRITE)
        status = write_to(files, file, effect);
    else if (effect->kind == EFFECT_READ)
        status = read_from(files, file, effect, done);
    else if (effect->kind == EFFECT_SYNC)
        status = sync(file);
    else {
        log_mapping_forget(&files->log, effect->file);
        status = store_file_allocate(file->descriptor, effect->size);
    }
    store_directory_release(&files->directory, file);
    return status;
}

static enum disk_status list(struct blocking_files *files, const struct effect *effect,
                             struct disk_done *done) {
    buffer_clear(&files->listed);
    enum disk_status status =
        store_directory_list(&files->directory, effect->file.checkpoint, &files->listed);
    done->files = (const void *)files->listed.data;
    done->file_count = files->listed.size / sizeof(struct file_entry);
    return status;
}

void blocking_files_perform(struct blocking_files *files, const struct effect *effect,
                            struct disk_done *done) {
    struct store_directory *directory = &files->directory;
    *done = (struct disk_done){.ticket = effect->ticket};
    switch (effect->kind) {
    case EFFECT_READ:
        if (!read_mapped(files, effect, done))
            done->status = perform_on_file(files, effect, done);
        return;
    case EFFECT_WRITE:
    case EFFECT_SYNC:
    case EFFECT_ALLOCATE:
        done->status = perform_on_file(files, effect, done);
        return;
    case EFFECT_SYNC_DIRECTORY:
        done->status = store_directory_sync(directory, effect->file.checkpoint);
        return;
    case EFFECT_RENAME:
        blocking_files_forget(files, effect->file);
        blocking_files_forget(files, effect->to);
        done->status = store_directory_rename(directory, effect->file, effect->to);
        return;
    case EFFECT_LINK:
        done->status = store_directory_link(directory, effect->file, effect->to);
        return;
    case EFFECT_REMOVE:
        blocking_files_forget(files, effect->file);
        done->status = store_directory_remove(directory, effect->file);
        return;
    case EFFECT_LIST:
        done->status = list(files, effect, done);
        return;
    case EFFECT_CONNECT:
    case EFFECT_SEND:
    case EFFECT_CLOSE:
    case EFFECT_NOTE:
    case EFFECT_HALT:
        break;
    }
    CHECK_UNREACHABLE("a store's disk effect");
}
