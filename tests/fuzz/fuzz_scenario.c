/* Whatever stands in a scenario file: it loads, or it is refused with one sentence that names the file. What loads has a
 * schedule. */
#include "harness/schedule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buffer problem = {0};
    struct scenario *scenario = scenario_load_bytes(bytes_of(data, size), "fuzzed.yaml", &problem);
    CHECK((scenario == NULL) == (problem.size > 0));
    CHECK(scenario != NULL ||
          bytes_start_with(buffer_bytes(&problem), bytes_of_text("fuzzed.yaml:")));
    if (scenario != NULL) {
        struct schedule schedule = {0};
        struct prng prng;
        prng_init(&prng, 1, 1);
        schedule_make(&schedule, scenario, &prng);
        schedule_deinit(&schedule);
    }
    scenario_destroy(scenario);
    buffer_deinit(&problem);
    return 0;
}
