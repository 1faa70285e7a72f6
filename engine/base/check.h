/* check: assertions that stay on in release.
 *
 * A CHECK states what a programmer promised: an invariant, a precondition, an impossible branch. It
 * is never used on bytes that came from a wire or a disk before they have been decoded.
 *
 *     CHECK(buffer->size <= buffer->capacity);
 *
 * The engine cannot print or exit, so the host lends it this one function. It must not return.
 */
#ifndef DUNLIN_BASE_CHECK_H
#define DUNLIN_BASE_CHECK_H

_Noreturn void host_check_failed(const char *expression, const char *file, int line);

#define CHECK(condition) ((condition) ? (void)0 : host_check_failed(#condition, __FILE__, __LINE__))

#define CHECK_UNREACHABLE(sentence) host_check_failed(sentence, __FILE__, __LINE__)

/* Results of operating errors must be looked at. */
#define MUST_USE __attribute__((warn_unused_result))

#endif
