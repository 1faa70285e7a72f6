#include "harness/narrator.h"
#include "harness/run_report.h"
#include "harness/sim_command.h"

#include "engine/base/quantity.h"
#include "engine/base/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

static const char HELP[] =
    "Usage: dunlin-sim replay FILE --seed N [OPTIONS]\n\n"
    "Runs one scenario with one seed and tells what happens, a line each: [seconds] who > what.\n"
    "At the end it says what each node holds, and the verdict.\n\n"
    "  --seed N         the seed (default 1)\n"
    "  --until TIME     stop at this virtual time, for instance 12.5s\n"
    "  --verbose        every event and effect of every host\n\n"
    "Examples:\n"
    "  dunlin-sim replay scenarios/partition_heals.yaml --seed 42\n"
    "  dunlin-sim replay scenarios/crash_restart.yaml --seed 3 --until 4s --verbose\n";

struct replay_options {
    uint64_t seed;
    struct instant until;
    bool verbose;
};

static int usage(const char *why) {
    fprintf(stderr, "dunlin-sim replay: %s; see dunlin-sim replay --help\n", why);
    return EXIT_USAGE;
}

/* The run that is being told; null when there is none. */
static struct run_report *under_way;

void command_replay_broken(bool engine_checked) {
    if (under_way == NULL)
        return;
    under_way->crashed = true;
    under_way->engine_checked = engine_checked;
    struct buffer text = {0};
    run_report_append_line(under_way, &text);
    fwrite(text.data, 1, text.size, stdout);
    fflush(stdout);
}

static int replay(const struct scenario *scenario, const struct replay_options *options) {
    struct narrator *narrator = calloc(1, sizeof *narrator);
    CHECK(narrator != NULL);
    struct run_report report = {
        .scenario = scenario->name, .path = scenario->path, .seed = options->seed};
    struct run *run = run_create(scenario, options->seed);
    narrator->stream = stdout;
    narrator->verbose = options->verbose;
    narrator_attach(narrator, run);
    under_way = &report;
    run_execute(run, options->until, &report.result);
    under_way = NULL;
    printf("\nAt the end:\n");
    narrator_tell_nodes(narrator);
    struct buffer text = {0};
    text_append(&text, "\n");
    run_report_append_line(&report, &text);
    if (report.result.status != RUN_PASSED && report.result.status != RUN_CUT_SHORT)
        append_format(&text, "      %s\n", report.result.sentence);
    for (uint32_t i = 0; i < FIGURE_COUNT; i++)
        append_format(&text, "      %-34s %" PRIu64 "\n", figure_name((enum figure)i),
                      report.result.figures[i]);
    fwrite(text.data, 1, text.size, stdout);
    buffer_deinit(&text);
    run_destroy(run);
    free(narrator);
    return run_report_exit_code(&report);
}

int command_replay(int count, char **arguments) {
    static const struct option OPTIONS[] = {{"seed", required_argument, NULL, 's'},
                                            {"until", required_argument, NULL, 'u'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct replay_options options = {.seed = 1, .until = INSTANT_NEVER};
    struct duration until;
    int option;
    while ((option = getopt_long(count, arguments, "s:u:vh", OPTIONS, NULL)) != -1) {
        if (option == 'h') {
            fputs(HELP, stdout);
            return EXIT_PASSED;
        }
        if (option == 's' && !command_parse_number(optarg, &options.seed))
            return usage("--seed takes a number");
        if (option == 'u') {
            if (!quantity_parse_duration(bytes_of_text(optarg), &until))
                return usage("--until takes a time, for instance 12.5s");
            options.until = (struct instant){until.nanoseconds};
        }
        options.verbose |= option == 'v';
        if (option == '?')
            return usage("that option is not known or lacks its value");
    }
    if (optind + 1 != count)
        return usage("which one scenario file?");
    struct buffer problem = {0};
    struct scenario *scenario = scenario_load(arguments[optind], &problem);
    if (scenario == NULL)
        fprintf(stderr, "%.*s\n", (int)problem.size, (const char *)problem.data);
    int code = scenario == NULL ? EXIT_USAGE : replay(scenario, &options);
    buffer_deinit(&problem);
    scenario_destroy(scenario);
    return code;
}
