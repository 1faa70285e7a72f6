/* scripted_network: several memberships, and between them a network that does what a test says.
 *
 * Messages travel as frames, in order on each directed path, late by a base and a random part, and a
 * path may be cut, lose messages, or lose its link. What members come to think of each other is
 * written down as a transcript:
 *
 *     [ 5200 ms] 0 > 3 is suspect
 *     [ 5200 ms] 0 > 3 is unusable
 *
 *     struct network *network = network_create(&(struct network_options){.members = 3, .seed = 1});
 *     network_run(network, 10000);             // milliseconds
 *     network->cut[0][1] = true;               // what 0 sends to 1 is lost from now on
 *     network_destroy(network);
 */
#ifndef DUNLIN_TESTS_SCRIPTED_NETWORK_H
#define DUNLIN_TESTS_SCRIPTED_NETWORK_H

#include "engine/base/prng.h"
#include "engine/cluster/membership.h"

enum { NETWORK_MEMBERS_MAX = 16, NETWORK_FLIGHTS_MAX = 4096 };

struct network_options {
    uint32_t members;
    uint64_t seed;
    /* Milliseconds; 0: 1000, 5000 and 5000. */
    uint64_t gossip_interval, suspect_after, dead_after;
    uint64_t delay, jitter; /* milliseconds: delay + up to jitter */
    uint32_t loss_percent;
};

struct flight {
    uint64_t arrives; /* nanoseconds */
    uint64_t order;
    uint32_t from, to;
    struct buffer frame;
};

struct network {
    struct network_options options;
    uint64_t now; /* nanoseconds */
    struct membership *members[NETWORK_MEMBERS_MAX];
    uint64_t incarnations[NETWORK_MEMBERS_MAX];
    uint64_t paused_until[NETWORK_MEMBERS_MAX]; /* nanoseconds */
    bool crashed[NETWORK_MEMBERS_MAX];
    bool cut[NETWORK_MEMBERS_MAX][NETWORK_MEMBERS_MAX]; /* from, to */
    bool usable[NETWORK_MEMBERS_MAX][NETWORK_MEMBERS_MAX];
    enum member_status status[NETWORK_MEMBERS_MAX][NETWORK_MEMBERS_MAX];
    uint64_t last_arrival[NETWORK_MEMBERS_MAX][NETWORK_MEMBERS_MAX];
    struct flight flights[NETWORK_FLIGHTS_MAX];
    uint32_t flight_count;
    uint64_t orders, sent, sent_bytes, suspicions;
    struct prng prng;
    struct buffer transcript;
};

/* All start within the first gossip interval. */
struct network *network_create(const struct network_options *options);
void network_destroy(struct network *network);
void network_run(struct network *network, uint64_t milliseconds);
void network_crash(struct network *network, uint32_t member);
/* With the next incarnation, and nothing remembered. */
void network_restart(struct network *network, uint32_t member);
/* Cuts (or joins) every path between a member of the set and one that is not. */
void network_split(struct network *network, uint32_t set_of_bits, bool cut);
void network_lose_link(struct network *network, uint32_t of, uint32_t to);
/* True when every live member thinks that of `about`. */
bool network_all_think(const struct network *network, uint32_t about, enum member_status status);
/* True when every live member finds every other live one usable. */
bool network_is_whole(const struct network *network);
uint64_t network_milliseconds(const struct network *network);
/* The transcript as text, for a failing test. */
const char *network_transcript(struct network *network);

#endif
