#include "model/transformer/pending_logps.h"

#include <cstdint>
#include <cstring>

namespace wishbone {

namespace {

template <typename T>
std::vector<T> values_of(const std::unique_ptr<PendingDownload>& download) {
    if (download == nullptr) return {};
    const std::span<const std::byte> bytes = download->wait();
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

}  // namespace

bool PendingLogps::is_there() const {
    // The rows come last.
    const auto& last = row != nullptr ? row : of_targets;
    return last == nullptr || last->is_there();
}

std::vector<float> PendingLogps::logps() const { return values_of<float>(of_targets); }

std::vector<float> PendingLogps::log_sum_squares() const {
    const std::vector<float> rows = values_of<float>(of_rows);
    std::vector<float> targets;
    for (const std::int32_t place : values_of<std::int32_t>(row))
        targets.push_back(rows[static_cast<std::size_t>(place)]);
    return targets;
}

}  // namespace wishbone
