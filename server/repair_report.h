/* repair_report: what a repair says: which keys may be lost, which files were set aside, and how it ended. For people a line
 * each; for programs one object:
 *
 *     {"lost":[{"file":"000012.table","offset":4096,"after":true,"from":"...","to":"..."}],
 *      "aside":[{"file":"000013.table","kept":"000013.quarantined"}], "done":true}
 *
 * A range reaches from `from` (which itself is sound when `after`) to `to`, both included. An empty `to` is the end of all
 * keys.
 *
 *     repair_report_init(&report, options->json);
 *     repair_report_lost(&report, &damage);
 *     repair_report_finish(&report, true);
 */
#ifndef DUNLIN_SERVER_REPAIR_REPORT_H
#define DUNLIN_SERVER_REPAIR_REPORT_H

#include "engine/store/damage.h"

struct repair_report {
    bool json;
    uint32_t lost, aside; /* said so far */
};

void repair_report_init(struct repair_report *report, bool json);
/* Before any file is set aside. */
void repair_report_lost(struct repair_report *report, const struct damage *damage);
void repair_report_aside(struct repair_report *report, struct file_id file, struct file_id kept);
/* A sentence for people. */
void repair_report_say(const struct repair_report *report, const char *sentence);
void repair_report_finish(struct repair_report *report, bool done);

#endif
