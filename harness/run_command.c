#include "harness/output_directory.h"
#include "harness/sim_command.h"
#include "harness/worker.h"

#include "engine/base/text.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FILES_MAX = 1024,
    JOBS_MAX = 256,
    SECONDS_DEFAULT = 600,
    BAR_WIDTH = 30,
    RUNS_MAX = 10000000
};

static const char HELP[] =
    "Usage: dunlin-sim run FILE... [OPTIONS]\n\n"
    "Runs each scenario on each seed, in parallel, and judges it.\n\n"
    "  --seed N         one seed (default 1)\n"
    "  --seeds A..B     every seed from A to B\n"
    "  --jobs J         so many runs at once (default: the processors)\n"
    "  --json           print one JSON object per run instead of a line\n"
    "  --junit FILE     also write the results as JUnit XML\n"
    "  --out DIR        what failed runs leave (scenario, story, report), and results.json\n"
    "  --timeout S      seconds of real time for one run (default 600; 0: none)\n"
    "  --quiet          lines for failures only\n\n"
    "Examples:\n"
    "  dunlin-sim run scenarios/*.yaml --seeds 1..200\n"
    "  dunlin-sim run scenarios/flapping_link.yaml --seed 7 --json\n"
    "  dunlin-sim run scenarios/*.yaml --seeds 1..1000 --jobs 8 --junit results.xml --out "
    "failures\n\n"
    "Exit: 0 all passed, 1 a safety property failed, 2 usage or bad file, 3 did not converge,\n"
    "      4 the program itself failed\n";

struct run_options {
    uint64_t first_seed, last_seed, jobs, seconds;
    bool json, quiet;
    const char *junit, *out;
    struct scenario *scenarios[FILES_MAX];
    uint32_t scenario_count;
};

/* A finished run that waits for its turn to be printed. */
struct finished {
    struct run_report report;
    struct buffer memory;
    bool done;
};

struct pool {
    struct run_options *options;
    uint64_t total, started, printed, passed, failed;
    int worst; /* exit code */
    struct worker *workers;
    struct finished *finished; /* ring over the runs that are not printed yet */
    uint64_t ring;
    struct buffer junit;
    FILE *results;
    bool bar;
};

static struct worker_task task_of(const struct pool *pool, uint64_t index) {
    const struct run_options *options = pool->options;
    uint64_t seeds = options->last_seed - options->first_seed + 1;
    return (struct worker_task){.scenario = options->scenarios[index / seeds],
                                .seed = options->first_seed + index % seeds,
                                .out = options->out,
                                .seconds_max = (unsigned)options->seconds};
}

static void draw_bar(const struct pool *pool) {
    if (!pool->bar)
        return;
    uint64_t done = pool->total == 0 ? BAR_WIDTH : pool->printed * BAR_WIDTH / pool->total;
    fprintf(stderr, "\r\033[K[");
    for (uint64_t i = 0; i < BAR_WIDTH; i++)
        fputc(i < done ? '#' : '.', stderr);
    fprintf(stderr, "] %" PRIu64 "/%" PRIu64 "  %" PRIu64 " failed", pool->printed, pool->total,
            pool->failed);
    fflush(stderr);
}

static void clear_bar(const struct pool *pool) {
    if (pool->bar)
        fprintf(stderr, "\r\033[K");
}

static int worse(int left, int right) {
    /* A program that fails says nothing about the rest; a violated property weighs more than slowness. */
    static const int WEIGHTS[] = {[EXIT_PASSED] = 0,
                                  [EXIT_NOT_CONVERGED] = 1,
                                  [EXIT_PROPERTY_FAILED] = 2,
                                  [EXIT_PROGRAM_FAILED] = 3,
                                  [EXIT_USAGE] = 4};
    return WEIGHTS[left] >= WEIGHTS[right] ? left : right;
}

static void print_report(struct pool *pool, const struct run_report *report) {
    int code = run_report_exit_code(report);
    struct buffer text = {0}, json = {0};
    pool->passed += code == EXIT_PASSED;
    pool->failed += code != EXIT_PASSED;
    pool->worst = worse(pool->worst, code);
    run_report_append_json(report, &json);
    if (pool->options->json) {
        buffer_append(&text, buffer_bytes(&json));
    } else if (code != EXIT_PASSED || !pool->options->quiet) {
        run_report_append_line(report, &text);
        run_report_append_failure(report, &text);
    }
    if (text.size > 0) {
        clear_bar(pool);
        fwrite(text.data, 1, text.size, stdout);
        fflush(stdout);
    }
    if (pool->results != NULL)
        fwrite(json.data, 1, json.size, pool->results);
    if (pool->options->junit != NULL)
        run_report_append_junit_case(report, &pool->junit);
    buffer_deinit(&text);
    buffer_deinit(&json);
}

static void print_due(struct pool *pool) {
    while (pool->printed < pool->started) {
        struct finished *next = &pool->finished[pool->printed % pool->ring];
        if (!next->done)
            break;
        pool->printed++;
        print_report(pool, &next->report);
        next->done = false;
    }
    draw_bar(pool);
}

static bool start_more(struct pool *pool) {
    for (uint64_t i = 0; i < pool->options->jobs && pool->started < pool->total; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->process != 0 || pool->started - pool->printed >= pool->ring)
            continue;
        struct worker_task task = task_of(pool, pool->started);
        if (!worker_start(worker, &task)) {
            perror("dunlin-sim: cannot start a run");
            return false;
        }
        worker->index = pool->started++;
    }
    return true;
}

static void collect_one(struct pool *pool) {
    int status;
    pid_t process = waitpid(-1, &status, 0);
    for (uint64_t i = 0; process > 0 && i < pool->options->jobs; i++) {
        struct worker *worker = &pool->workers[i];
        if (worker->process != process)
            continue;
        struct finished *finished = &pool->finished[worker->index % pool->ring];
        worker_collect(worker, status, &finished->report, &finished->memory);
        finished->done = true;
    }
}

static bool write_junit(const struct pool *pool) {
    FILE *stream = fopen(pool->options->junit, "w");
    if (stream == NULL) {
        perror(pool->options->junit);
        return false;
    }
    fprintf(stream,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"dunlin-sim\" "
            "tests=\"%" PRIu64 "\" failures=\"%" PRIu64 "\">\n",
            pool->total, pool->failed);
    if (pool->junit.size > 0)
        fwrite(pool->junit.data, 1, pool->junit.size, stream);
    fprintf(stream, "</testsuite>\n");
    return fclose(stream) == 0;
}

static int run_all(struct run_options *options) {
    struct pool pool = {.options = options, .ring = 4 * options->jobs};
    pool.total = (options->last_seed - options->first_seed + 1) * options->scenario_count;
    pool.workers = calloc(options->jobs, sizeof *pool.workers);
    pool.finished = calloc(pool.ring, sizeof *pool.finished);
    CHECK(pool.workers != NULL && pool.finished != NULL);
    pool.bar = isatty(STDERR_FILENO) != 0;
    if (options->out != NULL) {
        char path[1024];
        snprintf(path, sizeof path, "%s/results.json", options->out);
        pool.results = output_directory_make(options->out) ? fopen(path, "w") : NULL;
        if (pool.results == NULL)
            perror(path);
    }
    bool going = options->out == NULL || pool.results != NULL;
    while (going && pool.printed < pool.total) {
        going = start_more(&pool);
        if (going)
            collect_one(&pool);
        print_due(&pool);
    }
    clear_bar(&pool);
    fprintf(options->json ? stderr : stdout, "%" PRIu64 " passed, %" PRIu64 " failed\n",
            pool.passed, pool.failed);
    if (pool.results != NULL)
        fclose(pool.results);
    if (options->junit != NULL && !write_junit(&pool))
        going = false;
    for (uint64_t i = 0; i < pool.ring; i++)
        buffer_deinit(&pool.finished[i].memory);
    buffer_deinit(&pool.junit);
    free(pool.workers);
    free(pool.finished);
    return going ? pool.worst : EXIT_PROGRAM_FAILED;
}

static bool load_files(struct run_options *options, int count, char **files) {
    bool good = true;
    for (int i = 0; i < count; i++) {
        struct buffer problem = {0};
        if (options->scenario_count == FILES_MAX) {
            fprintf(stderr, "dunlin-sim: more than %d files\n", FILES_MAX);
            return false;
        }
        struct scenario *scenario = scenario_load(files[i], &problem);
        if (scenario != NULL)
            options->scenarios[options->scenario_count++] = scenario;
        else
            fprintf(stderr, "%.*s\n", (int)problem.size, (const char *)problem.data);
        good &= scenario != NULL;
        buffer_deinit(&problem);
    }
    return good;
}

static int usage(const char *why) {
    fprintf(stderr, "dunlin-sim run: %s; see dunlin-sim run --help\n", why);
    return EXIT_USAGE;
}

static const struct option OPTIONS[] = {
    {"seed", required_argument, NULL, 's'},    {"seeds", required_argument, NULL, 's'},
    {"jobs", required_argument, NULL, 'j'},    {"json", no_argument, NULL, 'J'},
    {"junit", required_argument, NULL, 'x'},   {"out", required_argument, NULL, 'o'},
    {"timeout", required_argument, NULL, 't'}, {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};

/* -1: go on; otherwise the exit code. */
static int take_options(struct run_options *options, int count, char **arguments) {
    int option;
    while ((option = getopt_long(count, arguments, "s:j:o:qh", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 's':
            if (!command_parse_seeds(optarg, &options->first_seed, &options->last_seed))
                return usage("--seed takes a number and --seeds a range, for instance 1..200");
            break;
        case 'j':
            if (!command_parse_number(optarg, &options->jobs) || options->jobs == 0 ||
                options->jobs > JOBS_MAX)
                return usage("--jobs takes a number from 1 to 256");
            break;
        case 't':
            if (!command_parse_number(optarg, &options->seconds) || options->seconds > 1000000)
                return usage("--timeout takes seconds");
            break;
        case 'J':
            options->json = true;
            break;
        case 'x':
            options->junit = optarg;
            break;
        case 'o':
            options->out = optarg;
            break;
        case 'q':
            options->quiet = true;
            break;
        case 'h':
            fputs(HELP, stdout);
            return EXIT_PASSED;
        default:
            return usage("that option is not known or lacks its value");
        }
    }
    if (optind == count)
        return usage("which scenario file?");
    if (options->last_seed - options->first_seed >= RUNS_MAX)
        return usage("that are too many seeds");
    return -1;
}

int command_run_scenarios(int count, char **arguments) {
    struct run_options *options = calloc(1, sizeof *options);
    CHECK(options != NULL);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    options->first_seed = options->last_seed = 1;
    options->jobs = processors > 0 && processors <= JOBS_MAX ? (uint64_t)processors : 1;
    options->seconds = SECONDS_DEFAULT;
    int code = take_options(options, count, arguments);
    if (code == -1)
        code =
            load_files(options, count - optind, arguments + optind) ? run_all(options) : EXIT_USAGE;
    for (uint32_t i = 0; i < options->scenario_count; i++)
        scenario_destroy(options->scenarios[i]);
    free(options);
    return code;
}
