#include "harness/sim_command.h"
#include "reports/tradeoff.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char HELP[] = "Usage: dunlin-sim tradeoff FILE -o DIR [OPTIONS]\n\n"
                           "Runs the scenario's workload for every N, R and W asked for (R, W <= N "
                           "<= nodes), without its faults for\n"
                           "latency and staleness and with them for availability. Writes latency, "
                           "staleness and availability into DIR as\n"
                           ".csv, .svg, .png, and the .gnuplot scripts that draw them.\n\n"
                           "  -o, --out DIR    where the files go\n"
                           "  --n, --r, --w    lists such as 1,3 or 1..3, in place of the file's "
                           "own (tradeoff: {n: [3], r: [1, 2], ...})\n"
                           "  --seeds A..B     the seeds to add up (default 1..5)\n\n"
                           "Examples:\n"
                           "  dunlin-sim tradeoff scenarios/tradeoff.yaml -o plots\n"
                           "  dunlin-sim tradeoff scenarios/tradeoff.yaml -o plots --n 3,5 --r "
                           "1..3 --w 1..3 --seeds 1..20\n";

enum { ROWS_MAX = SCENARIO_TRADEOFF_MAX * SCENARIO_TRADEOFF_MAX * SCENARIO_TRADEOFF_MAX };

struct list {
    uint32_t count;
    uint8_t numbers[SCENARIO_TRADEOFF_MAX];
};

struct tradeoff_options {
    const char *out;
    uint64_t first_seed, last_seed;
    struct list n, r, w;
};

static int usage(const char *why) {
    fprintf(stderr, "dunlin-sim tradeoff: %s; see dunlin-sim tradeoff --help\n", why);
    return EXIT_USAGE;
}

/* "1,3", "1..3", or both joined. */
static bool parse_list(const char *text, struct list *list) {
    list->count = 0;
    for (;;) {
        char *end;
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (end == text)
            return false;
        if (end[0] == '.' && end[1] == '.') {
            text = end + 2;
            last = strtoul(text, &end, 10);
            if (end == text)
                return false;
        }
        for (unsigned long number = first; number <= last; number++) {
            if (number < 1 || number > NODE_REPLICAS_MAX || list->count == SCENARIO_TRADEOFF_MAX)
                return false;
            list->numbers[list->count++] = (uint8_t)number;
        }
        if (*end == 0)
            return true;
        if (*end != ',')
            return false;
        text = end + 1;
    }
}

static void choose(struct list *list, uint32_t count, const uint8_t *numbers, uint8_t most) {
    if (list->count > 0)
        return;
    list->count = count;
    memcpy(list->numbers, numbers, count);
    for (uint8_t i = 1; count == 0 && i <= most && list->count < SCENARIO_TRADEOFF_MAX; i++)
        list->numbers[list->count++] = i;
}

static int measure(const struct scenario *scenario, struct tradeoff_options *options) {
    const struct scenario_tradeoff *asked = &scenario->tradeoff;
    const uint8_t own_n = scenario->cluster.keyspaces[0].n;
    struct tradeoff_row *rows = calloc(ROWS_MAX, sizeof *rows);
    CHECK(rows != NULL);
    uint32_t count = 0;
    choose(&options->n, asked->n_count > 0 ? asked->n_count : 1,
           asked->n_count > 0 ? asked->n : &own_n, 0);
    choose(&options->r, asked->r_count, asked->r, own_n);
    choose(&options->w, asked->w_count, asked->w, own_n);
    printf("%-10s %14s %14s %10s %18s %18s\n", "", "reads p99", "writes p99", "stale",
           "reads answered", "writes answered");
    for (uint32_t i = 0; i < options->n.count * options->r.count * options->w.count; i++) {
        uint8_t n = options->n.numbers[i / (options->r.count * options->w.count)];
        uint8_t r = options->r.numbers[i / options->w.count % options->r.count];
        uint8_t w = options->w.numbers[i % options->w.count];
        if (r > n || w > n || n > scenario->cluster.node_count)
            continue;
        struct tradeoff_row *row = &rows[count++];
        *row = (struct tradeoff_row){.n = n, .r = r, .w = w};
        tradeoff_measure(scenario, options->first_seed, options->last_seed, row);
        double reads = (double)row->reads_since_write.count;
        printf("N%u R%u W%u   %11.2f ms %11.2f ms %8.2f %% %16.1f %% %16.1f %%\n", n, r, w,
               (double)histogram_percentile(&row->reads, 990) / 1e6,
               (double)histogram_percentile(&row->writes, 990) / 1e6,
               reads > 0 ? 100.0 * (double)row->stale_since_write.count / reads : 0.0,
               row->attempts[0] > 0
                   ? 100.0 - 100.0 * (double)row->failures[0] / (double)row->attempts[0]
                   : 100.0,
               row->attempts[1] > 0
                   ? 100.0 - 100.0 * (double)row->failures[1] / (double)row->attempts[1]
                   : 100.0);
        fflush(stdout);
    }
    int code = EXIT_PASSED;
    if (count == 0)
        code = usage("no combination has R and W within N, and N within the cluster");
    else if (!tradeoff_write(options->out, scenario->name, rows, count) ||
             !tradeoff_draw(options->out))
        code = EXIT_PROGRAM_FAILED;
    else
        printf("\nWrote latency, staleness and availability (.csv .svg .png) into %s\n",
               options->out);
    free(rows);
    return code;
}

int command_tradeoff(int count, char **arguments) {
    static const struct option OPTIONS[] = {
        {"out", required_argument, NULL, 'o'},   {"n", required_argument, NULL, 'N'},
        {"r", required_argument, NULL, 'R'},     {"w", required_argument, NULL, 'W'},
        {"seeds", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    struct tradeoff_options options = {.first_seed = 1, .last_seed = 5};
    int option;
    while ((option = getopt_long(count, arguments, "o:s:h", OPTIONS, NULL)) != -1) {
        struct list *list = option == 'N' ? &options.n : option == 'R' ? &options.r : &options.w;
        if (option == 'h') {
            fputs(HELP, stdout);
            return EXIT_PASSED;
        }
        if (option == '?')
            return usage("that option is not known or lacks its value");
        if (option == 'o')
            options.out = optarg;
        else if (option == 's' &&
                 !command_parse_seeds(optarg, &options.first_seed, &options.last_seed))
            return usage("--seeds takes a range, for instance 1..10");
        else if (option != 's' && !parse_list(optarg, list))
            return usage("--n, --r and --w take lists such as 1,3 or 1..3");
    }
    if (optind + 1 != count)
        return usage("which one scenario file?");
    if (options.out == NULL)
        return usage("where to? give -o DIR");
    struct buffer problem = {0};
    struct scenario *scenario = scenario_load(arguments[optind], &problem);
    if (scenario == NULL)
        fprintf(stderr, "%.*s\n", (int)problem.size, (const char *)problem.data);
    int code = scenario == NULL ? EXIT_USAGE : measure(scenario, &options);
    buffer_deinit(&problem);
    scenario_destroy(scenario);
    return code;
}
