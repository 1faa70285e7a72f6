/* world: hosts, links, disks and clocks on one virtual time line.
 *
 *      program (a node, or a client)      one per host; steps on events, answers with effects
 *            |  ^
 *     effects|  |events                   world_step.c performs them: the network carries bytes, a
 *                                   simulated disk keeps pages, a host clock tells time
 *            v  |
 *      queue of what happens next, ordered by (virtual time, order of scheduling) --> rolling hash
 *
 * Everything that is random is drawn from streams keyed by (seed, host, purpose), so that turning
 * one fault on does not shift another. The same configuration, programs and seed give the same
 * rolling hash on every machine and compiler.
 *
 *     struct world *world = world_create(seed, &defaults);
 *     host_index a = world_add_host(world, "n1", &program);
 *     world_start_host(world, a);
 *     world_run_until(world, instant);
 *     world_partition(world, ...);
 *     world_destroy(world);
 */
#ifndef DUNLIN_SIM_WORLD_H
#define DUNLIN_SIM_WORLD_H

#include "engine/base/effect.h"
#include "engine/base/prng.h"
#include "sim/distribution.h"

struct world;

enum { WORLD_HOSTS_MAX = 256 };

/* What runs on a host. The world creates it anew at every start of the host's process and destroys
 * it at a kill. */
struct program {
    void *context; /* given to create */
    void *(*create)(void *context, uint32_t host);
    void (*destroy)(void *instance);
    void (*step)(void *instance, const struct event *event, struct effects *effects);
    /* On the program's own monotonic clock; asked after each step. One that has passed comes as
     * soon as possible: a microsecond of virtual time after the step, so that time always goes
     * on. */
    struct instant (*deadline)(const void *instance);
};

/* --- network: per directed pair of hosts ------------------------------------------------------ */

struct link_settings {
    struct distribution latency; /* nanoseconds */
    uint64_t bandwidth;          /* bytes per second; 0 is unlimited */
    /* Bytes are cut into segments of 1 .. this size; 0: delivered as sent. */
    uint32_t segment_bytes_max;
    /* Per segment: the connection dies (both ends see it closed after a timeout). */
    uint32_t loss_per_million;
    uint32_t flip_per_million;  /* per segment: one bit is flipped */
    uint32_t stall_per_million; /* per segment: the link stalls for `stall` */
    struct distribution stall;  /* nanoseconds */
    /* Nothing passes in this direction: bytes wait, as in a partition, until it heals or the
     * connection times out. */
    bool blocked;
};

/* --- disk: per host --------------------------------------------------------------------------- */

/* What programs read of a file whose sync has failed. The disk has some of its unsynced sectors and
 * not others, and no later sync brings those back; kernels differ in what their page cache does. */
enum sync_error_aftermath {
    AFTERMATH_FORGETS, /* it shows what the disk has */
    AFTERMATH_SHOWS,   /* it goes on showing what was written, until the power is lost */
};

struct disk_settings {
    struct distribution read_latency, write_latency, sync_latency; /* nanoseconds */
    /* Now and then everything takes `slow_factor` times as long (0 or 1: never): from the end of
     * one such spell to the next, and of one spell. */
    struct distribution slow_every, slow_lasting; /* nanoseconds */
    uint32_t slow_factor;
    uint64_t capacity; /* bytes; what would go beyond it answers DISK_FULL; 0 is unlimited */
    uint32_t read_error_per_million, write_error_per_million, sync_error_per_million;
    enum sync_error_aftermath sync_error_aftermath;
    /* One bit of what was stored has flipped for good: found by a read, or by nobody yet (a flip
     * every so many nanoseconds, anywhere on the disk; never when rot_every cannot be but 0). */
    uint32_t bit_rot_per_million;
    struct distribution rot_every;
    /* Per write: it is acknowledged and synced and yet never comes to the disk, or comes to another
     * place in this file or another. The page cache may show it as it should be for a while. */
    uint32_t lost_write_per_million, misdirected_write_per_million;
    uint32_t sector_bytes; /* what tears at a crash; 512 */
};

/* At a loss of power, each sector that was not synced is lost, kept or torn by chance; names that
 * were not synced with the directory are lost or kept. A killed process loses nothing that it
 * wrote. */
enum crash_kind { CRASH_KILL, CRASH_POWER };

/* --- clock: per host -------------------------------------------------------------------------- */

struct clock_settings {
    int64_t offset_milliseconds; /* of the wall clock against virtual time */
    int32_t drift_per_million;   /* of both clocks: positive runs fast */
};

struct world_defaults {
    struct link_settings link;
    struct disk_settings disk;
    struct clock_settings clock;
    /* How long bytes may wait unacknowledged before a connection dies. */
    struct duration connection_timeout;
    /* Nanoseconds of a host's CPU that each event takes; a busy host's events wait. */
    struct distribution step_cost;
    struct wall_time epoch; /* wall time at virtual time zero */
};

void world_defaults_fill(struct world_defaults *defaults);

struct world *world_create(uint64_t seed, const struct world_defaults *defaults);
void world_destroy(struct world *world);

/* The name is also the host part of its address: EFFECT_CONNECT to "n1:7001" reaches host "n1" by
 * the link role of that port (port 7000: LINK_CLIENT, every other: LINK_PEER). Returns the host's
 * index, counted from 0. */
uint32_t world_add_host(struct world *world, const char *name, const struct program *program);
uint32_t world_host_count(const struct world *world);
const char *world_host_name(const struct world *world, uint32_t host);

/* The host must be down to be started, and up to be crashed or stopped. */
void world_start_host(struct world *world, uint32_t host);
void world_crash_host(struct world *world, uint32_t host, enum crash_kind kind);
/* EVENT_STOP; the host counts as down when its program halts. */
void world_stop_host(struct world *world, uint32_t host);
bool world_host_is_up(const struct world *world, uint32_t host);
/* The reason of the last EFFECT_HALT, or empty. */
struct bytes world_host_halt_reason(const struct world *world, uint32_t host);
/* Events for the host wait (a stopped process, a long pause) until world_resume_host(). */
void world_pause_host(struct world *world, uint32_t host);
void world_resume_host(struct world *world, uint32_t host);
void world_wipe_disk(struct world *world, uint32_t host); /* the host must be down */
/* The disk goes back to what it was at the last world_snapshot_disk(). The host must be down. */
void world_snapshot_disk(struct world *world, uint32_t host);
void world_rollback_disk(struct world *world, uint32_t host);
/* Each gets what the other had, copies included. Both hosts must be down. */
void world_swap_disks(struct world *world, uint32_t left, uint32_t right);
/* Flips so many bits of files whose kind is in `kinds` (bits: 1 << FILE_LOG ...). */
void world_rot_disk(struct world *world, uint32_t host, uint32_t kinds, uint32_t bits);
/* The running program, or null when down. For oracles: they may look, never touch. */
void *world_program(const struct world *world, uint32_t host);

struct link_settings *world_link(struct world *world, uint32_t from, uint32_t to);
struct disk_settings *world_disk(struct world *world, uint32_t host);
void world_set_step_cost(struct world *world, uint32_t host, const struct distribution *cost);
void world_set_clock(struct world *world, uint32_t host, const struct clock_settings *settings);
void world_step_wall_clock(struct world *world, uint32_t host, int64_t milliseconds);
/* A wall clock that thaws shows at once what it would have shown without the frost. */
void world_freeze_wall_clock(struct world *world, uint32_t host, bool frozen);
/* Call after changing `blocked`, so that waiting bytes move on. */
void world_links_changed(struct world *world);
/* Every open connection between the two dies now; both ends see EVENT_LINK_CLOSED (when
 * reachable). */
void world_cut_links(struct world *world, uint32_t left, uint32_t right);

struct instant world_now(const struct world *world);
/* Performs one event; false when nothing is scheduled. */
bool world_step(struct world *world);
/* Performs everything due up to and including `until`; virtual time then stands at `until`. */
void world_run_until(struct world *world, struct instant until);

/* Covers every event and every effect but notes, with time and host. */
uint64_t world_hash(const struct world *world);
/* Events that programs have taken. */
uint64_t world_event_count(const struct world *world);

/* What a disk did that no program was told. */
enum disk_accident_kind {
    ACCIDENT_SLOW,       /* a slow spell has begun */
    ACCIDENT_ROT,        /* a bit of `file` has flipped at `offset` */
    ACCIDENT_LOST,       /* a write to `file` at `offset` never comes to the disk */
    ACCIDENT_MISDIRECTED /* and came to `other` instead, at `other_offset` */
};
struct disk_accident {
    enum disk_accident_kind kind;
    struct file_id file, other;
    uint64_t offset, other_offset;
    uint64_t size; /* bytes */
};

/* What an observer sees, if one is set: every event and effect in order, for narration, traces and
 * comparison; and the disks' accidents. */
struct world_observer {
    void *context;
    void (*event)(void *context, struct instant at, uint32_t host, const struct event *event);
    void (*effect)(void *context, struct instant at, uint32_t host, const struct effect *effect);
    void (*accident)(void *context, struct instant at, uint32_t host,
                     const struct disk_accident *accident);
};
void world_observe(struct world *world, const struct world_observer *observer);

/* A stream of its own for whoever drives the world (fault schedules, workloads): keyed by (seed,
 * host, purpose). */
void world_stream(const struct world *world, uint32_t host, const char *purpose, struct prng *prng);

#endif
