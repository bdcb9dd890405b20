#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/backend.h"
#include "backend/backend_choice.h"

namespace wishbone {

/// A device as its backend describes it. What a backend has no word for stays empty.
struct BackendDevice {
    std::string name;
    int threads = 0;
    std::string capability;
    std::size_t memory = 0;  ///< bytes
};

/// What a backend could work on now. `problem` says, for people, why there is nothing; it is empty otherwise.
struct BackendStatus {
    std::vector<BackendDevice> devices;
    std::string problem;
};

/// What a backend holds beside the tensors it is asked for; CountingBackend counts by it.
struct BackendMemory {
    DType activations;
    std::size_t driver = 0;         ///< that a device shows as used and the backend does not count
    std::size_t library = 0;        ///< from the start
    std::size_t communication = 0;  ///< of several devices, each: also beside what it counts
    std::size_t kept_logits = 0;    ///< Backend::kept_logits_budget
    std::size_t logits_chunk = 0;   ///< most bytes of logits that are worked on at once
    /// Most bytes of gradients of attention's scores that are kept from one pass to the next; bins with more keep none. Null: none are.
    std::size_t (*score_gradients)(std::int64_t head_dim) = nullptr;
    bool has_workspaces = false;                ///< operations take memory of their own
    bool is_of_host = false;                    ///< its memory is the host's
    std::size_t (*rounded)(std::size_t bytes);  ///< what an allocation really takes
};

/// All that the runner knows of a backend beyond the interface. A new one is a row in registry.cpp.
struct RegisteredBackend {
    std::string_view name;
    BackendStatus (*status)();
    /// Throws Error(bad_input), saying what is missing.
    std::unique_ptr<Backend> (*make)(const BackendChoice& choice);
    BackendMemory memory;
    bool threads_decide_bits = false;  ///< of sums: a run must go on with as many as it began with
    bool has_bf16_moments = false;
    bool is_slow_at_first =
        false;  ///< kernels are loaded and algorithms tried out when they are first needed
};

/// The one that always works first; later ones are faster.
std::span<const RegisteredBackend> backends();
/// For a name out of `backend_choices` other than "auto".
const RegisteredBackend& backend_named(std::string_view name);
/// "auto", and the names of all.
std::vector<std::string> backend_choices();

}  // namespace wishbone
