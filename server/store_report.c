#include "server/store_report.h"

#include "engine/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TEXT_MAX = 400 };

void store_report_init(struct store_report *report, bool json, bool quiet, uint64_t file_count) {
    *report = (struct store_report){.json = json, .quiet = quiet, .file_count = file_count};
    clock_gettime(CLOCK_MONOTONIC, &report->begun);
    if (json && !quiet)
        fputs("{\"files\":[", stdout);
}

void store_report_deinit(struct store_report *report) {
    buffer_deinit(&report->line);
    free(report->damaged);
}

static void clear_progress(struct store_report *report) {
    if (report->shows_progress)
        fputs("\r\033[K", stderr);
    report->shows_progress = false;
}

/* On a terminal, for what takes longer than a second. */
static void show_progress(struct store_report *report, const char *name) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (report->quiet || now.tv_sec - report->begun.tv_sec < 2 || !isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[K%llu of %llu files, %s", (unsigned long long)report->files_done,
            (unsigned long long)report->file_count, name);
    report->shows_progress = true;
}

void store_report_begin(struct store_report *report, struct file_id file) {
    char name[FILE_NAME_SIZE];
    file_name(file, name);
    report->file = file;
    report->file_problems = 0;
    buffer_clear(&report->line);
    show_progress(report, name);
}

static void note_damaged(struct store_report *report) {
    if (report->file_problems++ > 0)
        return;
    report->damaged =
        realloc(report->damaged, (size_t)(report->damaged_files + 1) * sizeof *report->damaged);
    CHECK(report->damaged != NULL);
    report->damaged[report->damaged_files++] = report->file;
}

void store_report_problem(struct store_report *report, uint64_t offset, const char *what, ...) {
    char text[TEXT_MAX], name[FILE_NAME_SIZE];
    va_list arguments;
    va_start(arguments, what);
    vsnprintf(text, sizeof text, what, arguments);
    va_end(arguments);
    note_damaged(report);
    report->problems++;
    if (report->quiet || report->file_problems > STORE_REPORT_PROBLEMS_SHOWN)
        return;
    file_name(report->file, name);
    if (!report->json) {
        clear_progress(report);
        printf("%-24s DAMAGED   at offset %llu: %s\n", name, (unsigned long long)offset, text);
        return;
    }
    text_append(&report->line, report->line.size > 0 ? ",{\"offset\":" : "{\"offset\":");
    text_append_u64(&report->line, offset);
    text_append(&report->line, ",\"what\":\"");
    text_append(&report->line, text);
    text_append(&report->line, "\"}");
}

void store_report_end(struct store_report *report, const char *summary, ...) {
    char text[TEXT_MAX], name[FILE_NAME_SIZE];
    va_list arguments;
    va_start(arguments, summary);
    vsnprintf(text, sizeof text, summary, arguments);
    va_end(arguments);
    file_name(report->file, name);
    report->files_done++;
    if (report->quiet)
        return;
    clear_progress(report);
    if (report->json)
        printf("%s\n{\"file\":\"%s\",\"sound\":%s,\"summary\":\"%s\",\"problems\":[%.*s]}",
               report->files_done > 1 ? "," : "", name,
               report->file_problems == 0 ? "true" : "false", text, (int)report->line.size,
               report->line.size > 0 ? (const char *)report->line.data : "");
    else if (report->file_problems == 0)
        printf("%-24s ok        %s\n", name, text);
    else if (report->file_problems > STORE_REPORT_PROBLEMS_SHOWN)
        printf("%-24s           and %llu further problems\n", name,
               (unsigned long long)(report->file_problems - STORE_REPORT_PROBLEMS_SHOWN));
}

void store_report_finish(struct store_report *report) {
    if (report->quiet)
        return;
    clear_progress(report);
    if (report->json)
        printf("\n],\"sound\":%s,\"damaged_files\":%llu,\"problems\":%llu}\n",
               report->problems == 0 ? "true" : "false", (unsigned long long)report->damaged_files,
               (unsigned long long)report->problems);
    else if (report->problems == 0)
        printf("sound: %llu files\n", (unsigned long long)report->files_done);
    else
        printf("damaged: %llu of %llu files; `dunlin store repair` sets them aside\n",
               (unsigned long long)report->damaged_files, (unsigned long long)report->files_done);
}

bool store_report_has_damaged(const struct store_report *report, struct file_id file) {
    for (uint64_t i = 0; i < report->damaged_files; i++) {
        if (file_equal(report->damaged[i], file))
            return true;
    }
    return false;
}
