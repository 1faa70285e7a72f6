#include "server/table_mappings.h"

#include "server/guarded_copy.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* One read of WATCH_EVERY is watched. When that had to wait for the disk, the next LEFT_OUT are left to system calls: with
 * everything on a slow disk, one read in a thousand tries the mapping. */
enum { WATCH_EVERY = 64, LEFT_OUT = 1024 };
/* Of 47 bits of addresses; a machine with fewer maps a part of it. */
static const uint64_t MAPPED_BYTES_MAX = sizeof(void *) < 8 ? 256u << 20 : (uint64_t)256 << 30;

struct table_mapping {
    uint8_t *memory; /* null when it cannot be mapped */
    size_t size;
    uint64_t used_at;
};

void table_mappings_init(struct table_mappings *mappings) {
    struct rlimit limit;
    bool is_limited = getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
    *mappings = (struct table_mappings){.bytes_max = is_limited ? 0 : MAPPED_BYTES_MAX};
}

static void discard(struct table_mappings *mappings, struct table_mapping *mapping) {
    if (mapping->memory != NULL)
        (void)munmap(mapping->memory, mapping->size);
    mappings->bytes -= mapping->size;
    free(mapping);
}

void table_mappings_deinit(struct table_mappings *mappings) {
    struct table_mapping *mapping;
    size_t position = 0;
    uint64_t number;
    while ((mapping = id_map_next(&mappings->tables, &position, &number)) != NULL)
        discard(mappings, mapping);
    id_map_deinit(&mappings->tables);
}

static bool is_live_table(struct file_id file) {
    return file.kind == FILE_TABLE && file.checkpoint == 0 && file.number != 0;
}

void table_mappings_forget(struct table_mappings *mappings, struct file_id file) {
    struct table_mapping *mapping =
        is_live_table(file) ? id_map_remove(&mappings->tables, file.number) : NULL;
    if (mapping != NULL)
        discard(mappings, mapping);
}

static void discard_least_recent(struct table_mappings *mappings) {
    const struct table_mapping *oldest = NULL, *mapping;
    uint64_t oldest_number = 0, number;
    size_t position = 0;
    while ((mapping = id_map_next(&mappings->tables, &position, &number)) != NULL) {
        if (oldest == NULL || mapping->used_at < oldest->used_at) {
            oldest = mapping;
            oldest_number = number;
        }
    }
    discard(mappings, id_map_remove(&mappings->tables, oldest_number));
}

static void map_file(const struct table_mappings *mappings, int descriptor,
                     struct table_mapping *mapping) {
    struct stat status;
    if (!guarded_copy_is_ready() || fstat(descriptor, &status) != 0 || status.st_size <= 0 ||
        (uint64_t)status.st_size > mappings->bytes_max)
        return;
    size_t size = (size_t)status.st_size;
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED)
        return;
    /* A point read's neighbours are no use to it. */
    (void)madvise(memory, size, MADV_RANDOM);
    mapping->memory = memory;
    mapping->size = size;
}

/* Null when the file cannot be opened. One that cannot be mapped is remembered as such. */
static struct table_mapping *add(struct table_mappings *mappings, struct store_directory *directory,
                                 struct file_id id) {
    enum disk_status status;
    struct store_file *file = store_directory_acquire(directory, id, false, &status);
    if (file == NULL)
        return NULL;
    /* Should there be no memory for it, nothing has been mapped yet. */
    id_map_make_room(&mappings->tables);
    struct table_mapping *mapping = calloc(1, sizeof *mapping);
    if (mapping != NULL)
        map_file(mappings, file->descriptor, mapping);
    store_directory_release(directory, file);
    if (mapping == NULL)
        return NULL;
    while (mappings->tables.count > 0 && (mappings->tables.count >= TABLE_MAPPINGS_MAX ||
                                          mapping->size > mappings->bytes_max - mappings->bytes))
        discard_least_recent(mappings);
    mappings->bytes += mapping->size;
    id_map_put(&mappings->tables, id.number, mapping);
    return mapping;
}

/* How often this thread had to wait for the disk to have a page. */
static long waits(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_majflt : 0;
}

static bool copy_watched(struct table_mappings *mappings, uint8_t *to, const uint8_t *from,
                         size_t size) {
    if (mappings->until_watched > 0) {
        mappings->until_watched--;
        return guarded_copy(to, from, size);
    }
    long waits_before = waits();
    bool is_copied = guarded_copy(to, from, size);
    if (waits() != waits_before)
        mappings->left_out = LEFT_OUT;
    else
        mappings->until_watched = WATCH_EVERY - 1;
    return is_copied;
}

/* Where the file's bytes lie; null when they are to be read by a system call. */
static struct table_mapping *find(struct table_mappings *mappings,
                                  struct store_directory *directory, const struct effect *effect) {
    if (!is_live_table(effect->file) || effect->size >= TABLE_MAPPINGS_READ_MAX ||
        mappings->bytes_max == 0)
        return NULL;
    if (mappings->left_out > 0) {
        mappings->left_out--;
        return NULL;
    }
    struct table_mapping *mapping = id_map_get(&mappings->tables, effect->file.number);
    if (mapping == NULL)
        mapping = add(mappings, directory, effect->file);
    bool is_inside = mapping != NULL && effect->offset <= mapping->size &&
                     effect->size <= mapping->size - effect->offset;
    return is_inside ? mapping : NULL;
}

bool table_mappings_read(struct table_mappings *mappings, struct store_directory *directory,
                         const struct effect *effect, struct buffer *to) {
    struct table_mapping *mapping = find(mappings, directory, effect);
    if (mapping == NULL)
        return false;
    mapping->used_at = ++mappings->uses;
    size_t size = (size_t)effect->size;
    uint8_t *into = buffer_reserve(to, size);
    if (!copy_watched(mappings, into, mapping->memory + effect->offset, size)) {
        table_mappings_forget(mappings, effect->file);
        return false;
    }
    to->size += size;
    return true;
}
