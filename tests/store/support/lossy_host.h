/* lossy_host: a store whose disk loses things, and what each answer must then be.
 *
 *     every key written --damage--> right value, or STORE_CORRUPT --heal--> right value, or absent
 *
 *     cmocka_unit_test_setup_teardown(claim, lossy_host_open, lossy_host_close);
 *     ...
 *     lossy_host_write_all();
 *     lossy_host_reopen();
 *     damage(&lossy_disk);
 *     assert_true(lossy_host_corrupt() > 0);        // and all the others are right
 */
#ifndef DUNLIN_TESTS_LOSSY_HOST_H
#define DUNLIN_TESTS_LOSSY_HOST_H

#include "tests/store/support/store_host.h"

enum { LOSSY_KEYS = 60 };

extern struct memory_disk lossy_disk;
extern struct store_host lossy_host;

/* With a state that is not null the store salvages what it can at its start. */
int lossy_host_open(void **state);
int lossy_host_close(void **state);
void lossy_host_write(uint32_t key);
void lossy_host_write_all(void);
/* Everything lies in tables, and nothing in memory or in the cache. */
void lossy_host_reopen(void);
/* Without a close before it. */
bool lossy_host_restart(void);
/* Whether this is the value that was written last. */
bool lossy_host_is_right(uint32_t key, struct bytes value);
/* Every answer is right or STORE_CORRUPT; how many are the latter. */
uint32_t lossy_host_corrupt(void);
/* The only damage, which must be of this kind. */
struct store_damage lossy_host_damage(enum store_damage_kind kind);
/* All that is known to be lost is declared healed. */
void lossy_host_heal(void);

#endif
