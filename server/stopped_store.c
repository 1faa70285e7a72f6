#include "server/stopped_store.h"

#include "engine/base/text.h"
#include "engine/store/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILES_OPEN_MAX = 16 };

static bool refuse(struct stopped_store *stopped, const char *why, struct buffer *problem) {
    text_append(problem, stopped->path);
    text_append(problem, ": ");
    text_append(problem, why);
    stopped_store_close(stopped);
    return false;
}

static int compare_files(const void *left, const void *right) {
    const struct file_entry *first = left, *second = right;
    if (first->file.kind != second->file.kind)
        return first->file.kind < second->file.kind ? -1 : 1;
    return first->file.number < second->file.number ? -1 : first->file.number > second->file.number;
}

bool stopped_store_list(struct stopped_store *stopped) {
    free(stopped->files);
    free(stopped->others);
    stopped->file_count = stopped->other_count = 0;
    buffer_clear(&stopped->listed);
    bool listed = store_directory_list(&stopped->directory, 0, &stopped->listed) == DISK_OK;
    size_t count = stopped->listed.size / sizeof(struct file_entry);
    stopped->files = calloc(count + 1, sizeof *stopped->files);
    stopped->others = calloc(count + 1, sizeof *stopped->others);
    CHECK(stopped->files != NULL && stopped->others != NULL);
    for (size_t i = 0; i < count; i++) {
        struct file_entry entry;
        memcpy(&entry, stopped->listed.data + i * sizeof entry, sizeof entry);
        if (entry.file.checkpoint == 0)
            stopped->files[stopped->file_count++] = entry;
        else
            stopped->others[stopped->other_count++] = entry;
    }
    qsort(stopped->files, stopped->file_count, sizeof *stopped->files, compare_files);
    return listed;
}

/* The directory of a checkpoint has no lock, and needs none to be looked at. */
static bool lock(struct stopped_store *stopped, bool writes) {
    int *descriptor = &stopped->directory.lock_descriptor;
    *descriptor = openat(stopped->directory.descriptor, "lock",
                         (writes ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC, 0640);
    if (*descriptor < 0)
        return !writes && errno == ENOENT;
    return flock(*descriptor, (writes ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0;
}

bool stopped_store_open(struct stopped_store *stopped, const char *path, bool writes,
                        struct buffer *problem) {
    *stopped = (struct stopped_store){.path = path};
    stopped->directory.lock_descriptor = -1;
    stopped->directory.open_max = FILES_OPEN_MAX;
    stopped->directory.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (stopped->directory.descriptor < 0)
        return refuse(stopped, strerror(errno), problem);
    if (!lock(stopped, writes))
        return refuse(stopped,
                      errno == EWOULDBLOCK
                          ? "a node is running on this directory: stop it first, or look at a "
                            "checkpoint (dunlin checkpoint create)"
                          : strerror(errno),
                      problem);
    if (!stopped_store_list(stopped))
        return refuse(stopped, "the directory cannot be listed", problem);
    return true;
}

void stopped_store_close(struct stopped_store *stopped) {
    store_directory_close(&stopped->directory);
    free(stopped->files);
    free(stopped->others);
    stopped->files = stopped->others = NULL;
    buffer_deinit(&stopped->listed);
}

const struct file_entry *stopped_store_find(const struct stopped_store *stopped,
                                            struct file_id file) {
    struct file_entry wanted = {.file = file};
    return bsearch(&wanted, stopped->files, stopped->file_count, sizeof wanted, compare_files);
}

bool stopped_store_read(const struct stopped_store *stopped, struct file_id file, uint64_t offset,
                        uint64_t size, struct buffer *to) {
    char name[FILE_NAME_SIZE];
    file_name(file, name);
    int descriptor = openat(stopped->directory.descriptor, name, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    bool read = store_file_read(descriptor, offset, size, to) == DISK_OK;
    close(descriptor);
    return read;
}

/* --- manifests ---------------------------------------------------------------------------------- */

/* Hands the reader what it wants next. */
static bool feed(const struct stopped_store *stopped, struct log_reader *reader) {
    uint64_t offset;
    struct buffer bytes = {0};
    uint64_t size = log_reader_wants(reader, &offset);
    bool read = stopped_store_read(stopped, reader->file, offset, size, &bytes);
    if (read)
        log_reader_feed(reader, buffer_bytes(&bytes));
    buffer_deinit(&bytes);
    return read;
}

static bool damaged(struct found_manifest *found, const char *what) {
    found->finding = MANIFEST_DAMAGED;
    found->what = what;
    return false;
}

/* Behind the last good record: a later one proves that something was lost. */
static bool search(const struct stopped_store *stopped, struct log_reader *reader,
                   struct found_manifest *found) {
    struct record record;
    enum log_reader_result result;
    while ((result = log_reader_search(reader, &record)) == LOG_READER_MORE) {
        if (!feed(stopped, reader))
            return damaged(found, "it cannot be read");
    }
    if (result == LOG_READER_RECORD && record.synced > found->records)
        return damaged(found, "a later record shows that what was here had been synced");
    return found->records > 0;
}

static bool take(struct found_manifest *found, const struct record *record) {
    enum record_kind kind = found->records == 0 ? RECORD_SNAPSHOT : RECORD_EDIT;
    found->records++;
    return record->kind == kind && record->sequence == found->records &&
           manifest_state_apply(&found->state, record->payload);
}

/* True when this manifest tells what holds; false when an older one may, or when found->finding says otherwise. */
static bool read_manifest(const struct stopped_store *stopped, const struct file_entry *entry,
                          struct found_manifest *found) {
    struct log_reader reader = {0};
    struct record record;
    bool holds = false, done = false;
    found->file = entry->file;
    found->size = entry->size;
    found->records = found->end = 0;
    log_reader_open(&reader, entry->file, entry->size);
    while (!done) {
        done = true;
        switch (log_reader_next(&reader, &record)) {
        case LOG_READER_RECORD:
            done = !take(found, &record);
            if (done)
                (void)damaged(found, "it contradicts itself");
            else
                found->end = reader.at;
            break;
        case LOG_READER_MORE:
            done = !feed(stopped, &reader);
            if (done)
                (void)damaged(found, "it cannot be read");
            break;
        case LOG_READER_END:
            holds = found->records > 0;
            break;
        case LOG_READER_BAD:
            found->end = reader.at;
            holds = search(stopped, &reader, found);
            break;
        case LOG_READER_TOO_NEW:
            found->finding = MANIFEST_TOO_NEW;
            found->what = "it was written by a later version";
            break;
        }
    }
    log_reader_close(&reader);
    return holds;
}

void stopped_store_manifest(const struct stopped_store *stopped, struct found_manifest *found) {
    *found = (struct found_manifest){.finding = MANIFEST_MISSING};
    for (size_t i = stopped->file_count; i-- > 0 && found->finding == MANIFEST_MISSING;) {
        if (stopped->files[i].file.kind != FILE_MANIFEST || stopped->files[i].file.number == 0)
            continue;
        if (read_manifest(stopped, &stopped->files[i], found))
            found->finding = MANIFEST_HOLDS;
        else if (found->finding == MANIFEST_MISSING)
            manifest_state_deinit(&found->state);
    }
}
