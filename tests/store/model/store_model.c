/* store_model: random operations on a store against a plain model, until told to stop; what fails is shrunk.
 *
 *     store_model --operations 10000000 --seed 1      histories of 1500 operations each, from this seed on
 *     store_model --replay FILE                       one history, from a file
 *
 * Each lot of histories runs in a process of its own, so that a check that fails in the engine is a failure like any
 * other. Exits 0 when all agree, 1 after writing the smallest failing history to model-SEED.history.
 */
#include "engine/base/memory.h"
#include "engine/base/text.h"
#include "tests/store/support/shrink.h"
#include "tests/store/support/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    OPERATIONS = 1500,
    LOT = 64,
    SECONDS_OF_ONE_MAX = 60,
    EXIT_DISAGREES = 3,
    EXIT_USAGE = 2,
};

/* Shared with the processes that run histories. */
struct progress {
    uint64_t seed; /* that is running */
    char failure[TRIAL_FAILURE_SIZE];
};

static struct progress *progress;

static bool run(const struct trial_history *history) {
    alarm(SECONDS_OF_ONE_MAX);
    bool sound = trial_run(history, progress->failure);
    alarm(0);
    return sound;
}

/* What the child's end means, as a sentence in progress->failure. True when all was well. */
static bool judge(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DISAGREES)
        return false;
    bool by_signal = WIFSIGNALED(status);
    snprintf(progress->failure, sizeof progress->failure, "the process ends with %s %d",
             by_signal ? "signal" : "code", by_signal ? WTERMSIG(status) : WEXITSTATUS(status));
    return false;
}

static bool run_apart(const struct trial_history *history) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(run(history) ? 0 : EXIT_DISAGREES);
    return judge(child);
}

/* False at the first seed whose history fails; it is left in progress->seed. */
static bool run_lot(uint64_t first, uint64_t count) {
    fflush(stdout);
    pid_t child = fork();
    if (child != 0)
        return judge(child);
    struct trial_history history = {.count = 0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        progress->seed = seed;
        trial_history_random(&history, seed, OPERATIONS);
        if (!run(&history))
            _exit(EXIT_DISAGREES);
    }
    trial_history_deinit(&history);
    _exit(0);
}

/* What a process says while a history fails again and again is of no use. */
static bool fails_quietly(const struct trial_history *history, void *context) {
    (void)context;
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    int nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, STDERR_FILENO);
    bool sound = run_apart(history);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(nothing);
    return !sound;
}

static void save(const char *name, struct bytes text) {
    FILE *file = fopen(name, "w");
    if (file == NULL)
        return;
    fprintf(file, "# %s\n", progress->failure);
    fwrite(text.data, 1, text.size, file);
    fclose(file);
}

static int report(uint64_t seed) {
    struct trial_history history = {.count = 0};
    trial_history_random(&history, seed, OPERATIONS);
    printf("FAIL seed %llu: %s\nshrinking ...\n", (unsigned long long)seed, progress->failure);
    shrink(&history, fails_quietly, NULL);
    (void)run_apart(&history);
    struct buffer text = {0};
    trial_history_print(&history, &text);
    char name[64];
    snprintf(name, sizeof name, "model-%llu.history", (unsigned long long)seed);
    save(name, buffer_bytes(&text));
    printf("%zu operations are left: %s\n%.*sagain: store_model --replay %s\n", history.count,
           progress->failure, (int)text.size, (const char *)text.data, name);
    buffer_deinit(&text);
    trial_history_deinit(&history);
    return EXIT_FAILURE;
}

static int replay(const char *name) {
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        fprintf(stderr, "store_model: %s: %s\n", name, strerror(errno));
        return EXIT_USAGE;
    }
    struct buffer text = {0};
    for (int byte = fgetc(file); byte != EOF; byte = fgetc(file))
        buffer_put_u8(&text, (uint8_t)byte);
    fclose(file);
    struct trial_history history = {.count = 0};
    size_t line;
    int code = EXIT_USAGE;
    if (!trial_history_parse(buffer_bytes(&text), &history, &line)) {
        fprintf(stderr, "store_model: %s:%zu: not understood\n", name, line);
    } else {
        code = run_apart(&history) ? 0 : EXIT_FAILURE;
        printf("%s: %zu operations: %s\n", name, history.count,
               code == 0 ? "store and model agree" : progress->failure);
    }
    buffer_deinit(&text);
    trial_history_deinit(&history);
    return code;
}

static int run_many(uint64_t operations, uint64_t first) {
    time_t began = time(NULL);
    uint64_t histories = (operations + OPERATIONS - 1) / OPERATIONS;
    for (uint64_t done = 0; done < histories;) {
        uint64_t count = histories - done < LOT ? histories - done : LOT;
        if (!run_lot(first + done, count))
            return report(progress->seed);
        done += count;
        if (done == histories || done / LOT % 10 == 0)
            printf("%llu operations, %lld seconds, seeds %llu to %llu: all agree\n",
                   (unsigned long long)(done * OPERATIONS), (long long)(time(NULL) - began),
                   (unsigned long long)first, (unsigned long long)(first + done - 1));
    }
    return 0;
}

int main(int count, char **arguments) {
    uint64_t operations = 1000000;
    uint64_t seed = 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    progress =
        mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 1; i < count; i += 2) {
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (value != NULL && strcmp(arguments[i], "--replay") == 0)
            return replay(value);
        if (value != NULL && strcmp(arguments[i], "--operations") == 0) {
            operations = strtoull(value, NULL, 10);
        } else if (value != NULL && strcmp(arguments[i], "--seed") == 0) {
            seed = strtoull(value, NULL, 10);
        } else {
            fprintf(stderr, "usage: store_model [--operations N] [--seed N] | --replay FILE\n");
            return EXIT_USAGE;
        }
    }
    return run_many(operations, seed);
}
