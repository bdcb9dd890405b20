#include "run/device.h"

#include <cstdio>
#include <utility>

#include "backend/registry.h"
#include "comm/nccl/nccl_ranks.h"
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "io/kept_findings.h"

namespace wishbone {

namespace {

void keep_threads(const RunInputs& inputs, const RunLock& lock, const Backend& backend, int devices) {
    if (!backend_named(backend.name()).threads_decide_bits) return;
    const int asked = inputs.config.backend.threads;
    if (asked == 0) {
        nlohmann::ordered_json run = parse_json(read_text(inputs.run_json()), inputs.run_json());
        run["runner"]["threads"] = backend.threads();
        lock.check();
        write_text(inputs.run_json(), run.dump(2) + "\n");
    } else if (const int cores = usable_cores(), all = asked * devices; all > cores) {
        std::fprintf(
            stderr,
            "warning: the run has %d threads, this machine %d cores: slower here, but the same numbers\n",
            all, cores);
    }
}

BackendChoice choice_of(const RunInputs& inputs) {
    BackendChoice choice = inputs.config.backend;
    choice.cuda.findings = [](const std::string& circumstances) {
        return cached_findings("matmul", circumstances);
    };
    return choice;
}

}  // namespace

Devices::Devices(const RunInputs& inputs, const RunLock& lock) : backends_(make_backends(choice_of(inputs))) {
    const auto count = static_cast<int>(backends_.size());
    keep_threads(inputs, lock, first(), count);
    if (inputs.options().moments != Moments::f32 && first().activation_dtype() == DType::f32)
        throw bad_input("bfloat16 moments need the CUDA backend; this run works on the CPU",
                        inputs.run_json() + ": training.adam_moments", "Use \"float32\".");
    if (count == 1) return;
    std::vector<Backend*> backends;
    for (const auto& backend : backends_) backends.push_back(backend.get());
    if (first().name() == "cpu")
        for (auto& rank : make_thread_ranks(count)) communicators_.push_back(std::move(rank));
    else
        communicators_ = make_nccl_ranks(backends);
    std::vector<Communicator*> ranks;
    for (const auto& rank : communicators_) ranks.push_back(rank.get());
    threads_ = std::make_unique<RankThreads>(std::move(ranks));
    each([&](std::size_t rank) { backend(rank).make_current(); });
}

void Devices::each(const std::function<void(std::size_t)>& work) {
    if (threads_)
        threads_->run(work);
    else
        work(0);
}

}  // namespace wishbone
