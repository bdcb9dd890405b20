#include "backend/backend_choice.h"

#include <algorithm>
#include <cstdio>
#include <ranges>
#include <string>

#include "backend/registry.h"
#include "core/error.h"
#include "core/terminal.h"

namespace wishbone {

std::unique_ptr<Backend> make_backend(const BackendChoice& choice) {
    if (choice.name != "auto") return backend_named(choice.name).make(choice);
    std::string problem;
    for (const RegisteredBackend& backend : backends().subspan(1) | std::views::reverse) {
        const BackendStatus status = backend.status();
        problem = status.problem;
        if (status.devices.empty()) continue;
        try {
            return backend.make(choice);
        } catch (const Error& error) {
            problem = error.what();
        }
    }
    std::fprintf(stderr, "no GPU: %s; working on the CPU\n", printable(problem).c_str());
    return backends().front().make(choice);
}

std::vector<std::unique_ptr<Backend>> make_backends(const BackendChoice& choice) {
    const bool are_named = !choice.cuda_devices.empty();
    const int count = are_named ? static_cast<int>(choice.cuda_devices.size()) : choice.devices;
    BackendChoice one = choice;
    // Cores are shared out; a number of threads is meant for each.
    if (count > 1 && choice.threads == 0) one.threads = std::max(1, usable_cores() / count);
    if (are_named) one.cuda.device = choice.cuda_devices.front();
    std::vector<std::unique_ptr<Backend>> backends;
    backends.push_back(make_backend(one));
    one.name = backends.front()->name();
    if (are_named && one.name == "cpu")
        throw bad_input("GPUs are named, and there is none that can be used", "runner.devices",
                        "Give a number of devices, or run where the GPUs are.");
    for (int i = 1; i < count; ++i) {
        one.cuda.device =
            are_named ? choice.cuda_devices[static_cast<std::size_t>(i)] : choice.cuda.device + i;
        backends.push_back(make_backend(one));
    }
    if (count > 1) backends.front()->make_current();
    return backends;
}

}  // namespace wishbone
