/* dunlin store: check, dump, stats, repair and restore the files of a store that no node runs on. */
#include "server/subcommand_store.h"

#include "server/store_check.h"
#include "server/subcommand.h"

#include <getopt.h>
#include <string.h>

static const char USAGE[] =
    "usage: dunlin store check DIRECTORY [--json]\n"
    "       dunlin store stats DIRECTORY [--json]\n"
    "       dunlin store dump DIRECTORY [--prefix KEYS] [--raw | --json] [--file NAME]\n"
    "       dunlin store repair DIRECTORY [--yes] [--give-up] [--json]\n"
    "       dunlin store restore CHECKPOINT DIRECTORY\n"
    "\n"
    "For the directory of a node that is stopped, or of a checkpoint. Only repair and restore\n"
    "write.\n"
    "\n"
    "  check    reads every byte and says what is damaged, one line a file\n"
    "  stats    levels, tables, sizes, entries, compression, checkpoints\n"
    "  dump     every live entry; with --file one table, log or manifest as it lies there\n"
    "  repair   makes a store that starts again out of a damaged one, and says which keys may be\n"
    "           lost: those of damaged blocks, which go into quarantine and come back from the\n"
    "           replicas. Files that are of no use any more are set aside as NNNNNN.quarantined,\n"
    "           never deleted\n"
    "  restore  makes a node's directory of a checkpoint, after verifying every byte of it\n"
    "\n"
    "  --json          for programs\n"
    "  --prefix KEYS   only entries of clients' keys that begin so\n"
    "  --raw           bytes as they are instead of escaped\n"
    "  --file NAME     such as 000012.table, 000003.log, 000001.manifest\n"
    "  --yes           do not ask\n"
    "  --give-up       of a store that needs no other repair: what is in quarantine is given up. "
    "Keys\n"
    "                  that are lost count as absent from then on; only where no replica has them\n"
    "\n"
    "exit code: 0 done, and sound; 1 damaged, or it failed; 2 wrong usage\n"
    "\n"
    "examples:\n"
    "  dunlin store check /var/lib/dunlin/n1\n"
    "  dunlin store check --json /backup/n1/checkpoint-000004 | jq .sound\n"
    "  dunlin store stats /var/lib/dunlin/n1\n"
    "  dunlin store dump /var/lib/dunlin/n1 --prefix cart: --json\n"
    "  dunlin store dump /var/lib/dunlin/n1 --file 000012.table\n"
    "  dunlin store repair /var/lib/dunlin/n1 --yes\n"
    "  dunlin store repair /var/lib/dunlin/n1 --give-up --yes --json\n"
    "  dunlin store restore /backup/n1/checkpoint-000004 /var/lib/dunlin/n1\n";

enum option_name {
    OPTION_JSON = 256,
    OPTION_RAW,
    OPTION_YES,
    OPTION_GIVE_UP,
    OPTION_PREFIX,
    OPTION_FILE,
    OPTION_HELP
};

static const struct option OPTIONS[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"raw", no_argument, NULL, OPTION_RAW},
    {"yes", no_argument, NULL, OPTION_YES},
    {"give-up", no_argument, NULL, OPTION_GIVE_UP},
    {"prefix", required_argument, NULL, OPTION_PREFIX},
    {"file", required_argument, NULL, OPTION_FILE},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static int fail(struct buffer *problem) {
    fprintf(stderr, "dunlin: %.*s\n", (int)problem->size, (const char *)problem->data);
    buffer_deinit(problem);
    return EXIT_FAILED;
}

static int check(const struct stopped_store *stopped, const struct store_options *options) {
    struct found_manifest found;
    struct store_report report;
    stopped_store_manifest(stopped, &found);
    store_report_init(&report, options->json, false, stopped->file_count);
    store_check(stopped, &found, &report);
    store_report_finish(&report);
    int code = report.problems == 0 ? EXIT_DONE : EXIT_FAILED;
    store_report_deinit(&report);
    manifest_state_deinit(&found.state);
    return code;
}

static int look(const char *what, const char *path, const struct store_options *options) {
    struct stopped_store stopped;
    struct buffer problem = {0};
    if (!stopped_store_open(&stopped, path, false, &problem))
        return fail(&problem);
    int code = EXIT_FAILED;
    if (stopped.file_count == 0)
        fprintf(stderr, "dunlin: %s: there is no store in this directory\n", path);
    else if (strcmp(what, "check") == 0)
        code = check(&stopped, options);
    else if (strcmp(what, "stats") == 0)
        code = store_stats(&stopped, options);
    else if (options->file != NULL)
        code = store_dump_file(&stopped, options);
    else
        code = store_dump(&stopped, options);
    stopped_store_close(&stopped);
    return code;
}

static int run(int count, char **words, const struct store_options *options) {
    const char *what = count > 0 ? words[0] : "";
    bool looks =
        strcmp(what, "check") == 0 || strcmp(what, "stats") == 0 || strcmp(what, "dump") == 0;
    if (looks && count == 2)
        return look(what, words[1], options);
    if (strcmp(what, "repair") == 0 && count == 2)
        return store_repair(words[1], options);
    if (strcmp(what, "restore") == 0 && count == 3)
        return store_restore(words[1], words[2], options);
    fputs("dunlin: say `dunlin store check|stats|dump|repair DIRECTORY` or `dunlin store restore "
          "CHECKPOINT DIRECTORY`; `dunlin store --help` tells more\n",
          stderr);
    return EXIT_USAGE;
}

int subcommand_store(int argc, char **argv) {
    struct store_options options = {0};
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case OPTION_JSON:
            options.json = true;
            break;
        case OPTION_RAW:
            options.raw = true;
            break;
        case OPTION_YES:
            options.yes = true;
            break;
        case OPTION_GIVE_UP:
            options.give_up = true;
            break;
        case OPTION_PREFIX:
            options.prefix = optarg;
            break;
        case OPTION_FILE:
            options.file = optarg;
            break;
        case OPTION_HELP:
            fputs(USAGE, stdout);
            return EXIT_DONE;
        default:
            fputs("dunlin: `dunlin store --help` tells the options\n", stderr);
            return EXIT_USAGE;
        }
    }
    return run(argc - optind, argv + optind, &options);
}
