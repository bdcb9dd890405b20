#include "backend/prefix_mask.h"

#include <vector>

#include "core/error.h"

namespace wishbone {

void check_prefix_mask(std::span<const std::int32_t> visible_until) {
    const auto tokens = static_cast<std::int32_t>(visible_until.size());
    std::vector<std::int32_t> open;  // ends of the ranges that the current token lies in, the innermost last
    for (std::int32_t k = 0; k < tokens; ++k) {
        const std::int32_t until = visible_until[static_cast<std::size_t>(k)];
        while (!open.empty() && open.back() <= k) open.pop_back();
        if (until <= k || until > tokens || (!open.empty() && until > open.back()))
            throw Error(ExitCode::internal, "visible_until is no mask of prefix trees", "attention mask",
                        "This is a fault of the runner, please report it.");
        open.push_back(until);
    }
}

}  // namespace wishbone
