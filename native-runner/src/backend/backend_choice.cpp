#include "backend/backend_choice.h"

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

}  // namespace wishbone
