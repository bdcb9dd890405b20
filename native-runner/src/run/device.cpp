#include "run/device.h"

#include <cstdio>

#include "backend/registry.h"
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "io/kept_findings.h"

namespace wishbone {

namespace {

void keep_threads(const RunInputs& inputs, const RunLock& lock, const Backend& backend) {
    if (!backend_named(backend.name()).threads_decide_bits) return;
    const int asked = inputs.config.backend.threads;
    if (asked == 0) {
        nlohmann::ordered_json run = parse_json(read_text(inputs.run_json()), inputs.run_json());
        run["runner"]["threads"] = backend.threads();
        lock.check();
        write_text(inputs.run_json(), run.dump(2) + "\n");
    } else if (const int cores = usable_cores(); asked > cores) {
        std::fprintf(
            stderr,
            "warning: the run has %d threads, this machine %d cores: slower here, but the same numbers\n",
            asked, cores);
    }
}

}  // namespace

std::unique_ptr<Backend> open_device(const RunInputs& inputs, const RunLock& lock) {
    BackendChoice choice = inputs.config.backend;
    choice.cuda.findings = [](const std::string& circumstances) {
        return cached_findings("matmul", circumstances);
    };
    std::unique_ptr<Backend> backend = make_backend(choice);
    keep_threads(inputs, lock, *backend);
    if (inputs.options().moments != Moments::f32 && backend->activation_dtype() == DType::f32)
        throw bad_input("bfloat16 moments need the CUDA backend; this run works on the CPU",
                        inputs.run_json() + ": training.adam_moments", "Use \"float32\".");
    return backend;
}

}  // namespace wishbone
