/* plot_scripts: gnuplot scripts as templates, with @NAMES@ for what a report fills in.
 *
 *     @TITLE@           the scenario
 *     @CONFIGURATIONS@  names without blanks, joined by blanks: "N3R1W1 N3R2W2"
 *     @COUNT@           how many there are
 *
 *     plot_script_write("out/latency.gnuplot", PLOT_LATENCY, values, count);
 */
#ifndef DUNLIN_REPORTS_PLOT_SCRIPTS_H
#define DUNLIN_REPORTS_PLOT_SCRIPTS_H

#include <stdbool.h>
#include <stdint.h>

extern const char PLOT_LATENCY[];
extern const char PLOT_STALENESS[];
extern const char PLOT_AVAILABILITY[];

struct plot_value {
    const char *name, *value;
};

/* Writes the template with every @NAME@ replaced by its value. */
bool plot_script_write(const char *path, const char *script, const struct plot_value *values,
                       uint32_t count);

#endif
