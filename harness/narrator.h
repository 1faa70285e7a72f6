/* narrator: tells a run as sentences, one a line.
 *
 *     [    5.000000] harness > holds back what n1 n2 sends to n3 n4 n5
 *     [    6.250113] n3 > suspects n1
 *
 * Sentences come from the nodes' own notes and from the injector; with `verbose` every event and effect has its line. It
 * either writes to a stream or keeps the last lines, for whoever asks after a failure.
 *
 *     struct narrator narrator = {.stream = stdout};
 *     narrator_attach(&narrator, run);
 */
#ifndef DUNLIN_HARNESS_NARRATOR_H
#define DUNLIN_HARNESS_NARRATOR_H

#include "harness/run.h"

#include <stdio.h>

enum { NARRATOR_LINES_KEPT = 25, NARRATOR_LINE_MAX = 240 };

struct narrator {
    struct run *run;
    FILE *stream; /* null: the last lines are kept */
    bool verbose;
    char lines[NARRATOR_LINES_KEPT][NARRATOR_LINE_MAX];
    uint64_t line_count;
};

/* The narrator must outlive the run. */
void narrator_attach(struct narrator *narrator, struct run *run);
void narrator_append_kept(const struct narrator *narrator, struct buffer *to);
/* The state of each node, at the end. */
void narrator_tell_nodes(struct narrator *narrator);

const char *event_kind_name(enum event_kind kind);
const char *effect_kind_name(enum effect_kind kind);

#endif
