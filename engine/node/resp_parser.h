/* resp_parser: requests out of a byte stream that may be cut anywhere.
 *
 *     *3\r\n $3\r\nSET\r\n $1\r\nk\r\n $5\r\nvalue\r\n         an array of bulk strings
 *     SET k "a value"\r\n                                      or one line, as a person types it
 * (inline)
 *
 *     START --"*n"--> BULK_HEADER --"$size"--> BULK --payload--> BULK_HEADER ... --n-th--> START
 *        \--other byte--> one inline line --> START
 *
 * The parser keeps no bytes. It is given everything from the start of a request on, and says how
 * much of it is done with; what is not, the caller gives again with more behind. It remembers how
 * far it has looked, so a value that arrives in thousands of pieces is looked at once. Arguments
 * point into the input: nothing is copied (but for inline words).
 *
 * A request that exceeds a limit is not buffered: from then on the parser lets its bytes go
 * (`consumed`) and answers RESP_REFUSED at its end, so the stream stays in step. For each bulk
 * string above `ask_bytes` it stops with RESP_LARGE_ARGUMENT, before the payload: the caller knows
 * what the argument means, and calls resp_refuse() or simply goes on.
 *
 *     struct resp_parser parser = {0};
 *     size_t consumed;
 *     while ((status = resp_parse(&parser, &limits, input, &consumed)) != RESP_PARTIAL) {
 *         if (status == RESP_COMPLETE) ... parser.arguments[0 .. parser.argument_count)
 *         input = bytes_slice(input, consumed, input.size - consumed);
 *     }
 *     resp_parser_deinit(&parser);
 */
#ifndef DUNLIN_NODE_RESP_PARSER_H
#define DUNLIN_NODE_RESP_PARSER_H

#include "engine/base/bytes.h"

enum {
    RESP_INLINE_BYTES_MAX = 64 << 10,  /* an inline line */
    RESP_ARGUMENTS_LIMIT = 1 << 20,    /* more announced than this is not believed: malformed */
    RESP_BULK_BYTES_LIMIT = 512 << 20, /* likewise */
    RESP_ARGUMENTS_KEPT = 1024,        /* room for this many stays between requests */
};

enum resp_status {
    RESP_COMPLETE,       /* a request: its arguments, borrowed from the input until the next call */
    RESP_PARTIAL,        /* give the rest again with more behind it */
    RESP_EMPTY,          /* a request without words: it has no reply */
    RESP_LARGE_ARGUMENT, /* argument number `argument_count` has `bulk_size` bytes: refuse it or go
                            on */
    RESP_REFUSED,        /* a request that exceeded a limit has gone by: `refusal` */
    RESP_MALFORMED,      /* the stream cannot be understood any further: `problem` */
};

enum resp_refusal {
    RESP_NOT_REFUSED,
    RESP_TOO_MANY_ARGUMENTS,
    RESP_REQUEST_TOO_LARGE,
    RESP_KEY_TOO_LARGE,
    RESP_VALUE_TOO_LARGE,
    RESP_NOT_ALLOWED_YET, /* large, and the client has not given its password */
};

struct resp_limits {
    uint32_t arguments_max;
    uint64_t ask_bytes;         /* bulk strings larger than this are asked about */
    uint64_t request_bytes_max; /* of a whole request */
};

enum resp_phase { RESP_AT_START, RESP_AT_BULK_HEADER, RESP_IN_BULK };

struct resp_span {
    size_t from; /* bytes from the start of the request */
    size_t size;
};

/* The zero value is ready for the first byte. */
struct resp_parser {
    enum resp_phase phase;
    size_t at;         /* bytes of the request that were looked at */
    uint32_t expected; /* arguments */
    uint32_t argument_count;
    uint32_t capacity;
    struct bytes *arguments;
    struct resp_span *spans;
    size_t bulk_size;
    size_t bulk_left; /* of a refused bulk string and its line end: still to go by */
    bool bulk_asked;
    enum resp_refusal refusal;
    struct buffer words; /* unquoted words of an inline request */
    char problem[48];
};

void resp_parser_deinit(struct resp_parser *parser);
enum resp_status resp_parse(struct resp_parser *parser, const struct resp_limits *limits,
                            struct bytes input, size_t *consumed);
/* After RESP_LARGE_ARGUMENT: lets the whole request go by. */
void resp_refuse(struct resp_parser *parser, enum resp_refusal refusal);

/* --- between resp_parser.c and resp_inline.c
 * ----------------------------------------------------------------------- */

/* A request that is one line. */
enum resp_status resp_parse_inline(struct resp_parser *parser, struct bytes input,
                                   size_t *consumed);
/* Makes room for one more argument. */
void resp_parser_grow(struct resp_parser *parser);
enum resp_status resp_malformed(struct resp_parser *parser, const char *problem);

#endif
