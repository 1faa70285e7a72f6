#include "reports/plot_scripts.h"

#include <stdio.h>
#include <string.h>

/* Both kinds of picture from one script; colours that also differ in brightness. */
#define PLOT_BEGIN                                                                                 \
    "set datafile separator ','\n"                                                                 \
    "set grid ytics back lt 1 lw 1 lc rgb '#cccccc'\n"                                             \
    "set border 3\n"                                                                               \
    "set tics nomirror\n"                                                                          \
    "set style line 1 lc rgb '#9ecae1'\n"                                                          \
    "set style line 2 lc rgb '#3182bd'\n"                                                          \
    "set style line 3 lc rgb '#08306b'\n"                                                          \
    "set style line 4 lc rgb '#e6550d'\n"                                                          \
    "do for [kind in 'svg png'] {\n"                                                               \
    "  if (kind eq 'svg') { set terminal svg size 1000,640 font 'Sans,14' background '#ffffff' "   \
    "}\n"                                                                                          \
    "  else { set terminal pngcairo size 1000,640 font 'Sans,12' background '#ffffff' }\n"

const char PLOT_LATENCY[] =
    "# Latency percentiles of reads and writes per configuration.\n" PLOT_BEGIN
    "  set output 'latency.'.kind\n"
    "  set multiplot layout 2,1 title \"Latency by N, R and W: @TITLE@\"\n"
    "  set style data histograms\n"
    "  set style histogram clustered gap 1\n"
    "  set style fill solid 0.9 noborder\n"
    "  set logscale y\n"
    "  set ylabel 'reads (ms)'\n"
    "  set key outside right top vertical title 'percentile'\n"
    "  set xtics rotate by -35\n"
    "  plot 'latency.csv' skip 1 using 5:xtic(1) ls 1 title '50 %', '' skip 1 using 6 ls 2 title "
    "'90 %', \\\n"
    "       '' skip 1 using 7 ls 3 title '99 %', '' skip 1 using 8 ls 4 title '99.9 %'\n"
    "  set ylabel 'writes (ms)'\n"
    "  plot 'latency.csv' skip 1 using 9:xtic(1) ls 1 title '50 %', '' skip 1 using 10 ls 2 title "
    "'90 %', \\\n"
    "       '' skip 1 using 11 ls 3 title '99 %', '' skip 1 using 12 ls 4 title '99.9 %'\n"
    "  unset multiplot\n"
    "}\n";

const char PLOT_STALENESS[] =
    "# Probability that a read misses the newest acknowledged write, over the time since that "
    "write.\n" PLOT_BEGIN "  set output 'staleness.'.kind\n"
    "  set title \"Probability of a stale read: @TITLE@\"\n"
    "  set logscale x\n"
    "  set xrange [0.2:*]\n"
    "  set grid xtics ytics back lt 1 lw 1 lc rgb '#cccccc'\n"
    "  colours = '#e6550d #3182bd #31a354 #756bb1 #b8860b #08306b #de2d26 #636363 #17becf #e377c2 "
    "#8c564b #bcbd22'\n"
    "  set format x '%g'\n"
    "  set xlabel 'time since the newest acknowledged write of the key (ms)'\n"
    "  set ylabel 'stale reads (%)'\n"
    "  set yrange [0:*]\n"
    "  set key outside right top vertical title 'configuration'\n"
    "  configurations = '@CONFIGURATIONS@'\n"
    "  plot for [i=1:@COUNT@] 'staleness.csv' skip 1 \\\n"
    "       using (strcol(1) eq word(configurations, i) ? column(5) : NaN):(100 * column(8)) \\\n"
    "       with linespoints lw 2 lc rgb word(colours, (i - 1) % 12 + 1) pt (i - 1) % 12 + 4 ps 1 "
    "title word(configurations, i)\n"
    "}\n";

const char PLOT_AVAILABILITY[] =
    "# Share of requests that were answered while the scenario's faults lasted.\n" PLOT_BEGIN
    "  set output 'availability.'.kind\n"
    "  set title \"Requests answered during the faults: @TITLE@\"\n"
    "  set style data histograms\n"
    "  set style histogram clustered gap 1\n"
    "  set style fill solid 0.9 noborder\n"
    "  set yrange [0:105]\n"
    "  set ylabel 'answered (%)'\n"
    "  set xtics rotate by -35\n"
    "  set key outside right top vertical\n"
    "  plot 'availability.csv' skip 1 using (100 * column(7)):xtic(1) ls 1 title 'reads', \\\n"
    "       '' skip 1 using (100 * column(10)) ls 3 title 'writes'\n"
    "}\n";

static const struct plot_value *find_value(const char *from, const struct plot_value *values,
                                           uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        size_t size = strlen(values[i].name);
        if (strncmp(from + 1, values[i].name, size) == 0 && from[size + 1] == '@')
            return &values[i];
    }
    return NULL;
}

bool plot_script_write(const char *path, const char *script, const struct plot_value *values,
                       uint32_t count) {
    FILE *stream = fopen(path, "w");
    if (stream == NULL) {
        perror(path);
        return false;
    }
    for (const char *at = script; *at != 0;) {
        const struct plot_value *value = *at == '@' ? find_value(at, values, count) : NULL;
        if (value == NULL) {
            fputc(*at++, stream);
            continue;
        }
        fputs(value->value, stream);
        at += strlen(value->name) + 2;
    }
    return fclose(stream) == 0;
}
