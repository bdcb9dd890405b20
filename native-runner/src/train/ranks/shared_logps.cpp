#include "train/ranks/shared_logps.h"

#include <algorithm>

namespace wishbone {

namespace {

constexpr double ResponseLogps::* fields[] = {&ResponseLogps::logp, &ResponseLogps::plain,
                                              &ResponseLogps::reference, &ResponseLogps::alignment};

}  // namespace

void share_logps(Communicator& ranks, const Plan& plan, Plan::Range bins, std::span<const std::int64_t> own,
                 std::vector<SequenceState>& sequences) {
    if (ranks.size() == 1) return;
    // Each of them once: a sequence lies in one bin, whose targets are ordered by sequence.
    std::vector<ResponseLogps*> all;
    std::vector<double> numbers;
    for (std::int64_t b = bins.begin; b < bins.end; ++b) {
        const bool is_own = std::ranges::binary_search(own, b);
        std::int32_t last = -1;
        for (const std::int32_t sequence : plan.bin(b).target_sequence) {
            if (sequence == last) continue;
            last = sequence;
            all.push_back(&sequences[static_cast<std::size_t>(sequence)].logps);
            for (const auto field : fields) numbers.push_back(is_own ? all.back()->*field : 0.0);
        }
    }
    ranks.sum(numbers);
    auto number = numbers.begin();
    for (ResponseLogps* const logps : all)
        for (const auto field : fields) logps->*field = *number++;
}

bool any_rank(Communicator& ranks, bool says) {
    double count = says ? 1 : 0;
    ranks.sum({&count, 1});
    return count > 0;
}

}  // namespace wishbone
