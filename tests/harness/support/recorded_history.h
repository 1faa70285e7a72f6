/* recorded_history: histories told by hand, for tests that plant one fault and see which oracle notices.
 *
 *     struct recorded recorded;
 *     recorded_begin(&recorded, SCENARIO_TEXT);
 *     uint32_t first = recorded_put(&recorded, 0, 0, NULL, 0, 10, 20);          // client 0, key 0, 10 .. 20 ms
 *     recorded_read(&recorded, 1, 0, (uint32_t[]){first}, 1, 30, 40);
 *     assert_oracle_silent(&recorded);
 *     recorded_end(&recorded);
 */
#ifndef DUNLIN_TESTS_HARNESS_RECORDED_HISTORY_H
#define DUNLIN_TESTS_HARNESS_RECORDED_HISTORY_H

#include "harness/oracle.h"

struct recorded {
    struct scenario *scenario;
    struct history *history;
};

/* Two clients and four keys, every oracle on that the text does not turn off. */
extern const char RECORDED_PLAIN[];
/* R + W > N, strict, not sloppy. */
extern const char RECORDED_STRICT[];

void recorded_begin(struct recorded *recorded, const char *scenario);
void recorded_end(struct recorded *recorded);

/* Times are milliseconds. */
uint32_t recorded_write(struct recorded *recorded, struct write_request request,
                        const uint32_t *seen, uint32_t seen_count, uint64_t begun, uint64_t ended,
                        enum write_outcome outcome);
uint32_t recorded_put(struct recorded *recorded, uint32_t client, uint32_t key,
                      const uint32_t *seen, uint32_t seen_count, uint64_t begun, uint64_t ended);
uint32_t recorded_delete(struct recorded *recorded, uint32_t client, uint32_t key,
                         const uint32_t *seen, uint32_t seen_count, uint64_t begun, uint64_t ended);
uint32_t recorded_set(struct recorded *recorded, uint32_t client, uint32_t key, uint64_t begun,
                      uint64_t ended);
void recorded_read(struct recorded *recorded, uint32_t client, uint32_t key, const uint32_t *ids,
                   uint32_t count, uint64_t begun, uint64_t ended);
/* What all owners hold in the end. */
void recorded_finish(struct recorded *recorded, uint32_t key, const uint32_t *ids, uint32_t count);

void assert_oracle_speaks(const struct recorded *recorded, enum oracle oracle);
void assert_oracle_silent(const struct recorded *recorded);

#endif
