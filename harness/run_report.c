#include "harness/run_report.h"

#include "engine/base/text.h"
#include "harness/sim_command.h"

#include <inttypes.h>
#include <stdarg.h>

void append_format(struct buffer *to, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    CHECK(size >= 0);
    vsnprintf((char *)buffer_reserve(to, (size_t)size + 1), (size_t)size + 1, format, again);
    to->size += (size_t)size;
    va_end(again);
    va_end(arguments);
}

void append_json_text(struct buffer *to, const char *text) {
    text_append(to, "\"");
    for (; *text != 0; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            append_format(to, "\\%c", byte);
        else if (byte < ' ')
            append_format(to, "\\u%04x", byte);
        else
            buffer_put_u8(to, byte);
    }
    text_append(to, "\"");
}

const char *run_report_verdict(const struct run_report *report) {
    if (report->crashed)
        return "crashed";
    switch (report->result.status) {
    case RUN_PASSED:
        return "passed";
    case RUN_FAILED:
        return "failed";
    case RUN_NOT_CONVERGED:
        return "not_converged";
    case RUN_CUT_SHORT:
        return "cut_short";
    }
    CHECK_UNREACHABLE("a run ended in a known way");
}

static const char *crash_sentence(const struct run_report *report) {
    return report->engine_checked ? "the engine broke a check of its own"
                                  : "the program itself failed";
}

int run_report_exit_code(const struct run_report *report) {
    if (report->crashed)
        return report->engine_checked ? EXIT_PROPERTY_FAILED : EXIT_PROGRAM_FAILED;
    if (report->result.status == RUN_FAILED)
        return EXIT_PROPERTY_FAILED;
    return report->result.status == RUN_NOT_CONVERGED ? EXIT_NOT_CONVERGED : EXIT_PASSED;
}

void run_report_append_line(const struct run_report *report, struct buffer *to) {
    const struct run_result *result = &report->result;
    bool passed = run_report_exit_code(report) == EXIT_PASSED;
    append_format(to, "%s  %-28s seed %-6" PRIu64, passed ? "pass" : "FAIL", report->scenario,
                  report->seed);
    if (report->crashed)
        append_format(to, "  %s\n", crash_sentence(report));
    else if (!passed)
        append_format(to, "  %s at %.6f s\n", oracle_name(result->oracle),
                      (double)result->violated_at / 1e9);
    else
        append_format(to,
                      "  %8" PRIu64 " events  %6" PRIu64
                      " operations  %7.2f s virtual  %6.3f s cpu  %016" PRIx64 "\n",
                      result->events, result->figures[FIGURE_OPERATIONS],
                      (double)result->ended.nanoseconds / 1e9,
                      (double)report->cpu_nanoseconds / 1e9, result->hash);
}

void run_report_append_failure(const struct run_report *report, struct buffer *to) {
    if (run_report_exit_code(report) == EXIT_PASSED)
        return;
    if (report->crashed) {
        append_format(to, "      %s:\n", crash_sentence(report));
        buffer_append(to, report->crash);
        if (report->crash.size > 0 && report->crash.data[report->crash.size - 1] != '\n')
            text_append(to, "\n");
    } else {
        append_format(to, "      seed      %" PRIu64 "\n      property  %s\n      because   %s\n",
                      report->seed, oracle_name(report->result.oracle), report->result.sentence);
    }
    if (report->last_events.size > 0) {
        text_append(to, "      the last events before it:\n");
        buffer_append(to, report->last_events);
    }
    append_format(to, "      replay    dunlin-sim replay %s --seed %" PRIu64 "\n", report->path,
                  report->seed);
}

void run_report_append_json(const struct run_report *report, struct buffer *to) {
    const struct run_result *result = &report->result;
    text_append(to, "{\"scenario\": ");
    append_json_text(to, report->scenario);
    append_format(to, ", \"seed\": %" PRIu64 ", \"result\": \"%s\"", report->seed,
                  run_report_verdict(report));
    append_format(
        to, ", \"hash\": \"%016" PRIx64 "\", \"events\": %" PRIu64 ", \"operations\": %" PRIu64,
        result->hash, result->events, result->figures[FIGURE_OPERATIONS]);
    append_format(to, ", \"virtual_seconds\": %.6f, \"cpu_seconds\": %.6f, \"wall_seconds\": %.6f",
                  (double)result->ended.nanoseconds / 1e9, (double)report->cpu_nanoseconds / 1e9,
                  (double)report->wall_nanoseconds / 1e9);
    if (!report->crashed && (result->status == RUN_FAILED || result->status == RUN_NOT_CONVERGED)) {
        append_format(to, ", \"property\": \"%s\", \"because\": ", oracle_name(result->oracle));
        append_json_text(to, result->sentence);
    }
    text_append(to, ", \"figures\": {");
    for (uint32_t i = 0; i < FIGURE_COUNT; i++)
        append_format(to, "%s\"%s\": %" PRIu64, i == 0 ? "" : ", ", figure_name((enum figure)i),
                      result->figures[i]);
    text_append(to, "}}\n");
}

static void append_xml_text(struct buffer *to, struct bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '<' || byte == '>' || byte == '&' || byte == '"')
            append_format(to, "&#%u;", byte);
        else if (byte >= ' ' || byte == '\n' || byte == '\t')
            buffer_put_u8(to, byte);
        else
            buffer_put_u8(to, '?');
    }
}

void run_report_append_junit_case(const struct run_report *report, struct buffer *to) {
    append_format(to, "  <testcase classname=\"%s\" name=\"seed %" PRIu64 "\" time=\"%.6f\"",
                  report->scenario, report->seed, (double)report->wall_nanoseconds / 1e9);
    if (run_report_exit_code(report) == EXIT_PASSED) {
        text_append(to, "/>\n");
        return;
    }
    struct buffer details = {0};
    run_report_append_failure(report, &details);
    append_format(to, ">\n    <%s message=\"", report->crashed ? "error" : "failure");
    append_xml_text(to, report->crashed ? bytes_of_text(crash_sentence(report))
                                        : bytes_of_text(report->result.sentence));
    text_append(to, "\">");
    append_xml_text(to, buffer_bytes(&details));
    append_format(to, "</%s>\n  </testcase>\n", report->crashed ? "error" : "failure");
    buffer_deinit(&details);
}
