#include "tests/server/support/library_store.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { DESCRIPTORS = 8 };

struct store_config library_config(uint64_t bytes) {
    struct store_config config = store_config_default();
    config.sync = STORE_SYNC_NEVER;
    config.memtable_bytes = bytes;
    config.table_bytes = bytes;
    config.log_segment_bytes = bytes;
    config.cache_bytes = bytes;
    config.block_bytes = 1024;
    return config;
}

void library_sentence(struct bytes sentence, char text[LIBRARY_PROBLEM_SIZE]) {
    snprintf(text, LIBRARY_PROBLEM_SIZE, "%.*s", (int)sentence.size, (const char *)sentence.data);
}

void library_store_make(struct library_store *place, struct store_config config) {
    *place = (struct library_store){.config = config};
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(place->directory, sizeof place->directory, "%s/dunlin-library-XXXXXX", base);
    assert_non_null(mkdtemp(place->directory));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void library_store_remove(struct library_store *place) {
    blocking_store_drop(place->store);
    place->store = NULL;
    assert_int_equal(nftw(place->directory, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS), 0);
}

bool library_store_try_open(struct library_store *place) {
    struct buffer problem = {0};
    place->store = blocking_store_open(place->directory, &place->config, &problem);
    library_sentence(buffer_bytes(&problem), place->problem);
    buffer_deinit(&problem);
    return place->store != NULL;
}

bool library_store_try_close(struct library_store *place) {
    struct buffer problem = {0};
    bool closed = blocking_store_close(place->store, &problem);
    place->store = NULL;
    library_sentence(buffer_bytes(&problem), place->problem);
    buffer_deinit(&problem);
    return closed;
}

void library_store_open(struct library_store *place) {
    if (!library_store_try_open(place))
        fail_msg("%s", place->problem);
}

void library_store_close(struct library_store *place) {
    if (!library_store_try_close(place))
        fail_msg("%s", place->problem);
}

struct bytes library_key(uint32_t number, char text[LIBRARY_KEY_SIZE]) {
    snprintf(text, LIBRARY_KEY_SIZE, "key%08u", (unsigned)number);
    return bytes_of_text(text);
}
