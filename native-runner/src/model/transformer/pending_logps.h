#pragma once

#include <memory>
#include <vector>

#include "backend/pending_download.h"

namespace wishbone {

/// What a forward pass gives of each of a bin's targets, in the plan's order; the device may still be at it.
struct PendingLogps {
    // Empty for a bin without targets; the latter two also where they were not asked for.
    std::unique_ptr<PendingDownload> of_targets;  ///< f32 [R]
    std::unique_ptr<PendingDownload> of_rows;     ///< log sum p(.)² of each row that is read, f32 [U]
    std::unique_ptr<PendingDownload> row;         ///< of each target, i32 [R]

    /// Whether there is nothing to wait for.
    bool is_there() const;
    /// Log-probabilities. Waits for them.
    std::vector<float> logps() const;
    /// log sum p(.)² of each target's row. Waits for them.
    std::vector<float> log_sum_squares() const;
};

}  // namespace wishbone
