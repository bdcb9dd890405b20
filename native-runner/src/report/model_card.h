#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace wishbone {

/// What a card says beyond run.json and the log.
struct ModelCardFacts {
    std::string device;       ///< name of what computed
    bool is_adapter = false;  ///< the folder holds a PEFT adapter, not a model
    std::int64_t step = 0;    ///< steps that led to the exported weights
};

/// The README.md of an export, in the form of Hugging Face's model cards: what was trained from what, on which data (with
/// hashes), the settings, and the figures of the last step and evaluations.
///
/// @param run run.json
/// @param state see trainer_state.h
std::string model_card(const nlohmann::ordered_json& run, const nlohmann::ordered_json& state,
                       const ModelCardFacts& facts);

}  // namespace wishbone
