#include "server/repair_report.h"

#include "server/subcommand_store.h"

#include <inttypes.h>

void repair_report_init(struct repair_report *report, bool json) {
    *report = (struct repair_report){.json = json};
    if (json)
        fputs("{\"lost\":[", stdout);
}

static void print_text(const char *name, const struct damage *damage) {
    struct store_options options = {0};
    printf("may be lost: by %s at offset %" PRIu64 ", ", name, damage->offset);
    if (damage->from.size == 0 && damage->to.size == 0) {
        puts("all keys");
        return;
    }
    fputs(damage->after ? "keys behind " : "keys from ", stdout);
    store_print_key(buffer_bytes(&damage->from), &options);
    fputs(" to ", stdout);
    if (damage->to.size > 0)
        store_print_key(buffer_bytes(&damage->to), &options);
    else
        fputs("the end", stdout);
    putchar('\n');
}

void repair_report_lost(struct repair_report *report, const struct damage *damage) {
    struct store_options options = {.json = true};
    char name[FILE_NAME_SIZE];
    file_name(damage->file, name);
    bool first = report->lost++ == 0;
    if (!report->json) {
        print_text(name, damage);
        return;
    }
    printf("%s\n{\"file\":\"%s\",\"offset\":%" PRIu64 ",\"after\":%s,\"from\":", first ? "" : ",",
           name, damage->offset, damage->after ? "true" : "false");
    store_print_bytes(buffer_bytes(&damage->from), &options);
    fputs(",\"to\":", stdout);
    store_print_bytes(buffer_bytes(&damage->to), &options);
    putchar('}');
}

void repair_report_aside(struct repair_report *report, struct file_id file, struct file_id kept) {
    char name[FILE_NAME_SIZE], other[FILE_NAME_SIZE];
    file_name(file, name);
    file_name(kept, other);
    bool first = report->aside++ == 0;
    if (report->json)
        printf("%s\n{\"file\":\"%s\",\"kept\":\"%s\"}", first ? "],\"aside\":[" : ",", name, other);
    else
        printf("set aside: %s, kept as %s\n", name, other);
}

void repair_report_say(const struct repair_report *report, const char *sentence) {
    if (!report->json)
        puts(sentence);
}

void repair_report_finish(struct repair_report *report, bool done) {
    if (!report->json)
        return;
    if (report->aside == 0)
        fputs("],\"aside\":[", stdout);
    printf("\n],\"done\":%s}\n", done ? "true" : "false");
}
