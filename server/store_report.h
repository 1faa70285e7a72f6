/* store_report: what was found in the files of a store, one line a file, for people or for programs.
 *
 *     store_report_begin(&report, file, size);
 *     store_report_problem(&report, 4096, "the block fails its checksum");
 *     store_report_end(&report, "level %u, %llu entries", level, count);
 *
 *     000012.table          ok        level 1, 900 entries in 12 blocks
 *     000013.table          DAMAGED   at offset 4096: the block fails its checksum
 */
#ifndef DUNLIN_SERVER_STORE_REPORT_H
#define DUNLIN_SERVER_STORE_REPORT_H

#include "engine/base/file.h"

#include <time.h>

enum { STORE_REPORT_PROBLEMS_SHOWN = 20 }; /* of one file */

struct store_report {
    bool json, quiet; /* quiet: nothing is printed, only counted */
    uint64_t file_count, files_done, damaged_files, problems;
    struct file_id file;     /* the present one */
    uint64_t file_problems;  /* of it */
    struct buffer line;      /* of JSON, about the present one */
    struct file_id *damaged; /* files with problems */
    struct timespec begun;
    bool shows_progress;
};

void store_report_init(struct store_report *report, bool json, bool quiet, uint64_t file_count);
void store_report_deinit(struct store_report *report);
void store_report_begin(struct store_report *report, struct file_id file);
void store_report_problem(struct store_report *report, uint64_t offset, const char *what, ...)
    __attribute__((format(printf, 3, 4)));
void store_report_end(struct store_report *report, const char *summary, ...)
    __attribute__((format(printf, 2, 3)));
/* The last line. */
void store_report_finish(struct store_report *report);
bool store_report_has_damaged(const struct store_report *report, struct file_id file);

#endif
