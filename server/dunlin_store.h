/* dunlin_store: the one header that a program includes which uses the store as a library, in C or in C++.
 *
 *     cc program.c $(pkg-config --cflags --libs dunlin_store)
 *
 *     #include <dunlin_store.h>
 *
 * docs/library.md tells how to use it; blocking_store.h and shared_store.h say what each call does, store.h what its settings
 * mean.
 */
#ifndef DUNLIN_SERVER_DUNLIN_STORE_H
#define DUNLIN_SERVER_DUNLIN_STORE_H

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>
#include <cstring>
/* What C++ has other words for. */
#define _Noreturn [[noreturn]]
#define _Static_assert static_assert
extern "C" {
#endif

#include "engine/base/text.h"
#include "server/blocking_store.h"
#include "server/shared_store.h"

#ifdef __cplusplus
}
#undef _Noreturn
#undef _Static_assert
#endif

#endif
