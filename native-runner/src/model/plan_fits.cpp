#include "model/plan_fits.h"

#include "core/error.h"

namespace wishbone {

void check_plan_fits(const Plan& plan, const std::string& plan_file, const ModelConfig& config) {
    if (plan.vocab_size() > config.vocab_size)
        throw bad_input("The plan was made for a vocabulary of " + std::to_string(plan.vocab_size()) +
                            " tokens, the model has " + std::to_string(config.vocab_size),
                        plan_file, "Make the plan with this model's own tokenizer.");
    if (plan.longest_position() > config.longest_sequence())
        throw bad_input("The longest sequence has " + std::to_string(plan.longest_position()) +
                            " tokens, the model takes at most " + std::to_string(config.longest_sequence()) +
                            " (max_position_embeddings)",
                        plan_file, "Make the plan with a smaller max_length.");
}

}  // namespace wishbone
