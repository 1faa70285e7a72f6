/* stage: a small world whose programs do what a test tells them and remember what they hear.
 *
 *     struct stage stage;
 *     stage_open(&stage, 1, 2, NULL);            // hosts n0 and n1, a millisecond apart, started
 *     effects_connect(stage_asks(&stage, 0), (struct link_id){1}, bytes_of_text("n1:7001"));
 *     stage_act(&stage, 0);                                  // host 0 does what was asked, now
 *     stage_run(&stage, 2000);                               // microseconds
 *     assert_int_equal(stage_count(&stage, 0, EVENT_LINK_OPENED), 1);
 *     stage_close(&stage);
 *
 * An actor is told to act by EVENT_STOP, which it takes for nothing else.
 */
#ifndef DUNLIN_TESTS_SIM_STAGE_H
#define DUNLIN_TESTS_SIM_STAGE_H

#include "sim/world.h"

enum { STAGE_ACTORS_MAX = 8, STAGE_HEARD_MAX = 32768, STAGE_DATA_MAX = 64 };

/* One event as it was heard. Of bytes the first few are kept. */
struct heard {
    enum event_kind kind;
    uint64_t at_microseconds; /* virtual */
    struct instant now;
    struct wall_time wall;
    uint64_t link;
    enum link_role role;
    uint64_t ticket;
    enum disk_status status;
    size_t size;
    char data[STAGE_DATA_MAX + 1]; /* ends in a zero */
    size_t file_count;
    uint8_t entropy[32];
};

struct actor {
    struct stage *stage;
    uint32_t host;
    struct effects asks; /* performed at the next act */
    struct instant deadline;
    struct duration
        ticks;      /* when not 0, each start and timeout sets the deadline this much later */
    bool echoes;    /* sends back what it hears */
    uint32_t lives; /* how often it was created */
    struct heard *heard;
    size_t heard_count;
    struct buffer stream; /* every byte from every link, one after another */
    struct buffer listed; /* by the last list */
};

struct stage {
    struct world *world;
    uint32_t actor_count;
    struct actor actors[STAGE_ACTORS_MAX];
    struct program programs[STAGE_ACTORS_MAX];
};

/* Latency of links 1 ms, of reads and writes 100 us, of syncs 1 ms; no step cost; connections time
 * out after 1 s. */
void stage_defaults(struct world_defaults *defaults);
/* `defaults` may be null. All hosts are started and have heard EVENT_START. */
void stage_open(struct stage *stage, uint64_t seed, uint32_t count,
                const struct world_defaults *defaults);
void stage_close(struct stage *stage);

struct effects *stage_asks(struct stage *stage, uint32_t host);
void stage_act(struct stage *stage, uint32_t host);
void stage_run(struct stage *stage, uint64_t microseconds);
uint64_t stage_microseconds(const struct stage *stage);

/* From `from` to `to`, by link 1 of `from`; opened. Returns the link's number at `to`. */
uint64_t stage_connect(struct stage *stage, uint32_t from, uint32_t to);
void stage_send(struct stage *stage, uint32_t host, uint64_t link, const char *text);
void stage_block(struct stage *stage, uint32_t from, uint32_t to, bool blocked);

size_t stage_count(const struct stage *stage, uint32_t host, enum event_kind kind);
/* The newest event of this kind that the host heard; there must be one. */
const struct heard *stage_last(const struct stage *stage, uint32_t host, enum event_kind kind);
/* Forgets what the host heard. */
void stage_forget(struct stage *stage, uint32_t host);

/* --- disk: each asks, waits for the outcome and returns its status --- */

enum disk_status stage_write(struct stage *stage, uint32_t host, struct file_id file,
                             uint64_t offset, struct bytes bytes);
enum disk_status stage_sync(struct stage *stage, uint32_t host, struct file_id file);
enum disk_status stage_sync_directory(struct stage *stage, uint32_t host);
enum disk_status stage_sync_checkpoint(struct stage *stage, uint32_t host, uint32_t checkpoint);
enum disk_status stage_allocate(struct stage *stage, uint32_t host, struct file_id file,
                                uint64_t size);
enum disk_status stage_rename(struct stage *stage, uint32_t host, struct file_id file,
                              struct file_id to);
enum disk_status stage_link(struct stage *stage, uint32_t host, struct file_id file,
                            struct file_id to);
enum disk_status stage_remove(struct stage *stage, uint32_t host, struct file_id file);
/* What was read replaces what is in `to`. */
enum disk_status stage_read(struct stage *stage, uint32_t host, struct file_id file,
                            uint64_t offset, uint64_t size, struct buffer *to);
size_t stage_list(struct stage *stage, uint32_t host, uint32_t checkpoint);
const struct file_entry *stage_listed(const struct stage *stage, uint32_t host);
/* Crash, restart, and hear EVENT_START again. */
void stage_bounce(struct stage *stage, uint32_t host, enum crash_kind kind);

#endif
