/* library_store: a library store in a directory of its own, for tests.
 *
 *     struct library_store place;
 *     library_store_make(&place, library_config(16 * 1024));   // an empty directory, in memory where that can be had
 *     library_store_open(&place);                              // or the test fails
 *     blocking_store_put(place.store, library_key(7, text), value, true);
 *     library_store_close(&place);
 *     library_store_remove(&place);                            // the directory with all that is in it
 */
#ifndef DUNLIN_TESTS_LIBRARY_STORE_H
#define DUNLIN_TESTS_LIBRARY_STORE_H

#include "server/blocking_store.h"

enum { LIBRARY_PATH_SIZE = 64, LIBRARY_PROBLEM_SIZE = 256, LIBRARY_KEY_SIZE = 16 };

struct library_store {
    char directory[LIBRARY_PATH_SIZE];
    struct store_config config;
    struct blocking_store *store;       /* null while it is closed */
    char problem[LIBRARY_PROBLEM_SIZE]; /* why it was not opened or closed last */
};

/* Memtables, tables, segments and the cache have so many bytes: a few dozen writes then take a store through all its life. */
struct store_config library_config(uint64_t bytes);

void library_store_make(struct library_store *place, struct store_config config);
/* Drops the store, if it is open. */
void library_store_remove(struct library_store *place);

/* False with place->problem. */
bool library_store_try_open(struct library_store *place);
bool library_store_try_close(struct library_store *place);
/* The test fails with the sentence when that does not work. */
void library_store_open(struct library_store *place);
void library_store_close(struct library_store *place);

/* "key00000007" */
struct bytes library_key(uint32_t number, char text[LIBRARY_KEY_SIZE]);
/* As a string. */
void library_sentence(struct bytes sentence, char text[LIBRARY_PROBLEM_SIZE]);

#endif
