#pragma once

#include <optional>
#include <string>

#include "train/loss/loss_options.h"

namespace wishbone {

/// What is wrong with the options together, for people, and what to do about it.
struct LossConflict {
    std::string option;  ///< the one to change
    std::string what, advice;
};
/// Nothing when they fit.
std::optional<LossConflict> conflict_of(const LossOptions& options);

}  // namespace wishbone
