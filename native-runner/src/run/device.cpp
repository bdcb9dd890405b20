#include "run/device.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <utility>

#include "backend/registry.h"
#include "comm/nccl/nccl_ranks.h"
#include "comm/processes/messages.h"
#include "comm/processes/process_ranks.h"
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json.h"

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

/// Of several processes on one machine each takes one of its devices.
void take_own_part(BackendChoice& choice, const ProcessPlace& place, const std::string& run_json) {
    if (place.locals == 1) return;
    const auto local = static_cast<std::size_t>(place.local);
    const bool are_named = !choice.cuda_devices.empty();
    const int asked = are_named ? static_cast<int>(choice.cuda_devices.size()) : choice.devices;
    if (asked != place.locals && (are_named || asked != 1))
        throw bad_input("The run is for " + std::to_string(asked) + " devices a machine, and " +
                            std::to_string(place.locals) + " processes are on this one, for a device each",
                        run_json + ": runner.devices",
                        "Start one process a machine, or as many as there are devices.");
    // Where each process is shown a GPU of its own, that one is number 0 to all.
    if (are_named)
        choice.cuda_devices = {choice.cuda_devices[local]};
    else if (choice.name != "cpu" && backend_named("cuda").status().devices.size() > 1)
        choice.cuda.device += place.local;
    choice.devices = 1;
    if (choice.threads == 0) choice.threads = std::max(1, usable_cores() / place.locals);
}

BackendChoice choice_of(const RunInputs& inputs, ProcessGroup* processes) {
    BackendChoice choice = inputs.config.backend;
    if (processes != nullptr) {
        take_own_part(choice, processes->place(), inputs.run_json());
        if (!processes->is_first()) {
            const Message of_first = parsed(processes->told(""));
            choice.name = text_of(of_first, "backend");
            // Bits may depend on how many there are: a resume elsewhere is to have as many.
            if (choice.name == "cpu")
                choice.threads = static_cast<int>(number_of(of_first, "threads", choice.threads));
        }
    }
    return with_findings(std::move(choice));
}

std::vector<std::unique_ptr<Backend>> opened(const RunInputs& inputs, ProcessGroup* processes, Ahead* ahead) {
    if (ahead != nullptr && processes == nullptr) {
        std::vector<std::unique_ptr<Backend>> one;
        one.push_back(ahead->take_backend(inputs.config.backend));
        if (one.front()) return one;
    }
    return make_backends(choice_of(inputs, processes));
}

}  // namespace

Devices::Devices(const RunInputs& inputs, const RunLock* lock, ProcessGroup* processes, Ahead* ahead)
    : processes_(processes), backends_(opened(inputs, processes, ahead)) {
    const auto count = static_cast<int>(backends_.size());
    if (lock != nullptr) keep_threads(inputs, *lock, first(), static_cast<int>(sharing_memory()));
    if (processes != nullptr && processes->is_first())
        processes->told(Message{{"backend", first().name()}, {"threads", first().threads()}}.dump());
    if (inputs.options().moments != Moments::f32 && first().activation_dtype() == DType::f32)
        throw bad_input("bfloat16 moments need the CUDA backend; this run works on the CPU",
                        inputs.run_json() + ": training.adam_moments", "Use \"float32\".");
    if (count == 1 && processes == nullptr) return;
    std::vector<Backend*> backends;
    for (const auto& backend : backends_) backends.push_back(backend.get());
    if (first().name() == "cpu")
        for (auto& rank :
             processes != nullptr ? make_process_ranks(*processes, count) : make_thread_ranks(count))
            communicators_.push_back(std::move(rank));
    else
        communicators_ = make_nccl_ranks(backends, "", rank_time_limit, processes);
    std::vector<Communicator*> ranks;
    for (const auto& rank : communicators_) ranks.push_back(rank.get());
    threads_ = std::make_unique<RankThreads>(std::move(ranks));
    each([&](std::size_t rank) { backend(rank).make_current(); });
}

std::size_t Devices::sharing_memory() const {
    return backends_.front()->name() == "cpu" ? on_this_machine() : 1;
}

std::size_t Devices::on_this_machine() const {
    return count() * static_cast<std::size_t>(processes_ != nullptr ? processes_->place().locals : 1);
}

int Devices::most(int own) {
    if (processes_ == nullptr) return own;
    int most = own;
    for (const std::string& text : processes_->exchange(std::to_string(own))) {
        int one = 0;
        std::from_chars(text.data(), text.data() + text.size(), one);
        most = std::max(most, one);
    }
    return most;
}

void Devices::tell(const Command& command) {
    if (processes_ != nullptr && processes_->is_first()) processes_->told(encoded(command));
}

std::optional<Command> Devices::next_command() {
    const std::string told = processes_->told("");
    return told.empty() ? std::nullopt : std::optional(decoded(told));
}

void Devices::each(const std::function<void(std::size_t)>& work) {
    if (threads_)
        threads_->run(work);
    else
        work(0);
}

}  // namespace wishbone
