#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace wishbone {

/// What the first process of a run has all do together. The others do one after the other.
struct Command {
    enum class What : int {
        step,                 ///< number `number`, at learning rate `value`
        evaluate,             ///< with the reference `numbers`
        compute_reference,    ///< by model `number`, of the eval plan where `value` is not 0
        set_reference,        ///< of the plan trained on: `numbers`
        take_reference,       ///< the policy as it is now
        use_reference_model,  ///< the one that the options name
        load_checkpoint,      ///< of step `number`
    };

    What what = What::step;
    std::int64_t number = 0;
    double value = 0;
    std::vector<double> numbers = {};
};

/// As bytes, the same on all machines that this runs on (x86-64).
std::string encoded(const Command& command);
/// Throws Error(internal) for what is none.
Command decoded(const std::string& bytes);

}  // namespace wishbone
