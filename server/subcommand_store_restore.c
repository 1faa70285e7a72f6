/* dunlin store restore: a checkpoint becomes a node's directory. */
#include "server/subcommand_store.h"

#include "server/store_check.h"
#include "server/subcommand.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

static int fail(const char *path, const char *why) {
    fprintf(stderr, "dunlin: %s: %s\n", path, why);
    return EXIT_FAILED;
}

static bool copy_file(const struct stopped_store *from, int to, struct file_id file) {
    char name[FILE_NAME_SIZE];
    file_name(file, name);
    int descriptor = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    bool copied = descriptor >= 0;
    struct buffer bytes = {0};
    for (uint64_t at = 0; copied; at += bytes.size) {
        buffer_clear(&bytes);
        copied = stopped_store_read(from, file, at, COPY_BYTES, &bytes) &&
                 store_file_write(descriptor, at, buffer_bytes(&bytes)) == DISK_OK;
        if (bytes.size < COPY_BYTES)
            break;
    }
    copied = copied && fsync(descriptor) == 0;
    buffer_deinit(&bytes);
    if (descriptor >= 0)
        close(descriptor);
    return copied;
}

/* Tables first, and the manifest last: what a crash leaves in between is not taken for a store. */
static bool copy_all(const struct stopped_store *from, const struct found_manifest *found, int to) {
    for (uint32_t i = 0; i < found->state.table_count; i++) {
        if (!copy_file(from, to, table_file_id(found->state.tables[i].file)))
            return false;
    }
    return fsync(to) == 0 && copy_file(from, to, found->file) && fsync(to) == 0;
}

/* -1 with errno; ENOTEMPTY when something lies in it. */
static int open_empty(const char *path) {
    if (mkdir(path, 0750) != 0 && errno != EEXIST)
        return -1;
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -1;
    int entries = 0;
    while (readdir(directory) != NULL)
        entries++;
    closedir(directory);
    if (entries > 2) {
        errno = ENOTEMPTY;
        return -1;
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* True when every byte of what lies there is sound; else the problems have been printed. */
static bool is_sound(const struct stopped_store *stopped, const struct found_manifest *found) {
    struct store_report report;
    store_report_init(&report, false, true, stopped->file_count);
    store_check(stopped, found, &report);
    bool sound = report.problems == 0;
    store_report_deinit(&report);
    if (sound)
        return true;
    store_report_init(&report, false, false, stopped->file_count);
    store_check(stopped, found, &report);
    store_report_deinit(&report);
    return false;
}

static int verify_copy(const char *path) {
    struct stopped_store stopped;
    struct found_manifest found;
    struct buffer problem = {0};
    if (!stopped_store_open(&stopped, path, false, &problem)) {
        buffer_deinit(&problem);
        return fail(path, "what was copied cannot be looked at");
    }
    stopped_store_manifest(&stopped, &found);
    bool sound = is_sound(&stopped, &found);
    manifest_state_deinit(&found.state);
    stopped_store_close(&stopped);
    return sound ? EXIT_DONE : fail(path, "what was copied is damaged: do not use it");
}

static int restore(const struct stopped_store *from, const struct found_manifest *found,
                   const char *to) {
    if (found->finding == MANIFEST_MISSING)
        return fail(from->path, "this is not a complete checkpoint: it has no manifest");
    if (!is_sound(from, found))
        return fail(from->path,
                    "the checkpoint is damaged, nothing was restored: take another one");
    if (!found->state.facts.rolled_back)
        return fail(from->path,
                    "this is not a checkpoint but a node's own directory: make one with "
                    "`dunlin checkpoint create` and restore that");
    int target = open_empty(to);
    if (target < 0)
        return fail(to, errno == ENOTEMPTY
                            ? "the directory is not empty: restore into a new one, or move what is "
                              "there away first"
                            : strerror(errno));
    bool copied = copy_all(from, found, target);
    int number = errno;
    close(target);
    if (!copied)
        return fail(to, strerror(number));
    int code = verify_copy(to);
    if (code == EXIT_DONE)
        printf("%s: restored %u tables; start the node with --dir %s: it takes part as one that "
               "lost what came after the checkpoint\n",
               to, found->state.table_count, to);
    return code;
}

int store_restore(const char *from, const char *to, const struct store_options *options) {
    struct stopped_store stopped;
    struct found_manifest found;
    struct buffer problem = {0};
    (void)options;
    if (!stopped_store_open(&stopped, from, false, &problem)) {
        fprintf(stderr, "dunlin: %.*s\n", (int)problem.size, (const char *)problem.data);
        buffer_deinit(&problem);
        return EXIT_FAILED;
    }
    stopped_store_manifest(&stopped, &found);
    int code = restore(&stopped, &found, to);
    manifest_state_deinit(&found.state);
    stopped_store_close(&stopped);
    return code;
}
