/* store_check: everything that a stopped store consists of: its manifest, the logs that count, every byte of every table,
 * that the tables of a level do not overlap, and that the store's running totals fit its entries.
 *
 *     store_report_init(&report, false, false, stopped.file_count);
 *     store_check(&stopped, &found, &report);            // found: stopped_store_manifest()
 *     store_report_finish(&report);
 */
#ifndef DUNLIN_SERVER_STORE_CHECK_H
#define DUNLIN_SERVER_STORE_CHECK_H

#include "server/stopped_store.h"
#include "server/store_report.h"

void store_check(const struct stopped_store *stopped, const struct found_manifest *found,
                 struct store_report *report);
/* The logs that count, and whether their records follow one another. *first is the number of the first batch that is not
 * in the tables and is in a log, *last that of the last one; both 0 when there is none. */
void store_check_logs(const struct stopped_store *stopped, const struct manifest_facts *facts,
                      struct store_report *report, uint64_t *first, uint64_t *last);

#endif
