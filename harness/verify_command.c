#include "harness/narrator.h"
#include "harness/run_report.h"
#include "harness/sim_command.h"

#include "engine/base/hash.h"
#include "engine/base/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

static const char HELP[] =
    "Usage: dunlin-sim verify FILE [--seed N | --seeds A..B] [--expect HASH]\n\n"
    "Runs the scenario twice and compares the rolling hash over every event and effect. When they "
    "differ, it\n"
    "names the first event that does.\n\n"
    "  --seed N         the seed (default 1)\n"
    "  --seeds A..B     every seed from A to B\n"
    "  --expect HASH    what another build or machine got for this seed\n\n"
    "Examples:\n"
    "  dunlin-sim verify scenarios/crash_restart.yaml --seed 42\n"
    "  dunlin-sim verify scenarios/crash_restart.yaml --seed 42 --expect 5b1c0d6f2a9e8173\n";

enum { DESCRIPTION_MAX = 200 };

/* A hash after every event and effect: what the second run is held against. */
struct trace {
    struct run *run;
    uint64_t *hashes;
    size_t count, capacity;
    uint64_t state;
    const struct trace *first; /* of the second run: the one to compare with */
    bool differs;
    char difference[DESCRIPTION_MAX];
};

static void note(struct trace *trace, struct instant at, uint32_t host, const char *what,
                 uint64_t digest) {
    trace->state = hash_mix(trace->state, hash_mix(digest, at.nanoseconds ^ (uint64_t)host << 56));
    if (trace->first != NULL) {
        bool same = trace->count < trace->first->count &&
                    trace->first->hashes[trace->count] == trace->state;
        if (!same && !trace->differs) {
            trace->differs = true;
            snprintf(trace->difference, sizeof trace->difference,
                     "event or effect %zu, at %.9f s: %s %s", trace->count,
                     (double)at.nanoseconds / 1e9, world_host_name(run_world(trace->run), host),
                     what);
        }
        trace->count++;
        return;
    }
    if (trace->count == trace->capacity) {
        trace->capacity = trace->capacity == 0 ? 1 << 16 : 2 * trace->capacity;
        trace->hashes = realloc(trace->hashes, trace->capacity * sizeof *trace->hashes);
        CHECK(trace->hashes != NULL);
    }
    trace->hashes[trace->count++] = trace->state;
}

static void on_event(void *context, struct instant at, uint32_t host, const struct event *event) {
    uint64_t digest = hash_mix((uint64_t)event->kind, event->link.value);
    digest = hash_mix(digest, event->wall.milliseconds ^ event->now.nanoseconds);
    if (event->kind == EVENT_LINK_BYTES)
        digest = hash_mix(digest, hash64(event->bytes));
    if (event->kind == EVENT_DISK_DONE)
        digest = hash_mix(digest, hash_mix(event->disk.ticket, hash64(event->disk.bytes)));
    note(context, at, host, event_kind_name(event->kind), digest);
}

static void on_effect(void *context, struct instant at, uint32_t host,
                      const struct effect *effect) {
    uint64_t digest = hash_mix((uint64_t)effect->kind, effect->link.value ^ effect->ticket);
    digest = hash_mix(digest, hash_mix(effect->offset, hash64(effect->bytes)));
    note(context, at, host, effect_kind_name(effect->kind), digest);
}

static uint64_t run_traced(const struct scenario *scenario, uint64_t seed, struct trace *trace) {
    struct run_result result;
    struct world_observer observer = {.context = trace, .event = on_event, .effect = on_effect};
    trace->run = run_create(scenario, seed);
    world_observe(run_world(trace->run), &observer);
    run_execute(trace->run, INSTANT_NEVER, &result);
    run_destroy(trace->run);
    return result.hash;
}

static int verify_seed(const struct scenario *scenario, uint64_t seed, const char *expected) {
    struct trace first = {0}, second = {.first = &first};
    uint64_t once = run_traced(scenario, seed, &first);
    uint64_t twice = run_traced(scenario, seed, &second);
    char shown[17];
    snprintf(shown, sizeof shown, "%016" PRIx64, once);
    bool same = once == twice && !second.differs && first.count == second.count;
    bool as_expected = expected == NULL || strcmp(shown, expected) == 0;
    printf("%s  %-28s seed %-6" PRIu64 "  %s", same && as_expected ? "same" : "DIFFERS",
           scenario->name, seed, shown);
    if (!same)
        printf(" and %016" PRIx64 "\n      the first difference: %s\n", twice,
               second.differs ? second.difference : "the second run ended earlier");
    else if (!as_expected)
        printf("\n      expected was %s\n", expected);
    else
        printf("\n");
    free(first.hashes);
    free(second.hashes);
    return same && as_expected ? EXIT_PASSED : EXIT_PROPERTY_FAILED;
}

static int usage(const char *why) {
    fprintf(stderr, "dunlin-sim verify: %s; see dunlin-sim verify --help\n", why);
    return EXIT_USAGE;
}

static int verify_file(const char *path, uint64_t first, uint64_t last, const char *expected) {
    struct buffer problem = {0};
    int code = EXIT_PASSED;
    struct scenario *scenario = scenario_load(path, &problem);
    if (scenario == NULL) {
        fprintf(stderr, "%.*s\n", (int)problem.size, (const char *)problem.data);
        code = EXIT_USAGE;
    }
    for (uint64_t seed = first; scenario != NULL && seed <= last; seed++) {
        int one = verify_seed(scenario, seed, expected);
        code = one != EXIT_PASSED ? one : code;
    }
    buffer_deinit(&problem);
    scenario_destroy(scenario);
    return code;
}

int command_verify(int count, char **arguments) {
    static const struct option OPTIONS[] = {{"seed", required_argument, NULL, 's'},
                                            {"seeds", required_argument, NULL, 's'},
                                            {"expect", required_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    uint64_t first = 1, last = 1;
    const char *expected = NULL;
    int option;
    while ((option = getopt_long(count, arguments, "s:e:h", OPTIONS, NULL)) != -1) {
        if (option == 'h') {
            fputs(HELP, stdout);
            return EXIT_PASSED;
        }
        if (option == 's' && !command_parse_seeds(optarg, &first, &last))
            return usage("--seed takes a number and --seeds a range, for instance 1..10");
        if (option == 'e')
            expected = optarg;
        if (option == '?')
            return usage("that option is not known or lacks its value");
    }
    if (optind == count)
        return usage("which scenario file?");
    int code = EXIT_PASSED;
    for (int i = optind; i < count; i++) {
        int one = verify_file(arguments[i], first, last, expected);
        code = one != EXIT_PASSED ? one : code;
    }
    return code;
}
