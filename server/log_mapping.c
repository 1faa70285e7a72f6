#include "server/log_mapping.h"

#include <sys/mman.h>
#include <sys/stat.h>

void log_mapping_close(struct log_mapping *mapping) {
    if (mapping->memory != NULL)
        (void)munmap(mapping->memory, mapping->size);
    *mapping = (struct log_mapping){.size = 0};
}

void log_mapping_forget(struct log_mapping *mapping, struct file_id file) {
    if (file_equal(mapping->file, file))
        log_mapping_close(mapping);
}

/* As far as the file's bytes exist: pages behind its end cannot be written to. */
static void open_mapping(struct log_mapping *mapping, struct file_id file, int descriptor) {
    log_mapping_close(mapping);
    mapping->file = file;
    struct stat status;
    if (fstat(descriptor, &status) != 0 || status.st_size <= 0)
        return;
    size_t size = (size_t)status.st_size;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED)
        return;
    mapping->memory = memory;
    mapping->size = size;
}

bool log_mapping_write(struct log_mapping *mapping, struct file_id file, int descriptor,
                       uint64_t offset, struct bytes bytes) {
    if (file.kind != FILE_LOG)
        return false;
    if (!file_equal(mapping->file, file))
        open_mapping(mapping, file, descriptor);
    if (mapping->memory == NULL || offset > mapping->size ||
        bytes.size > mapping->size - (size_t)offset)
        return false;
    memcpy(mapping->memory + offset, bytes.data, bytes.size);
    return true;
}
