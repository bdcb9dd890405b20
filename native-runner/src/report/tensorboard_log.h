#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/file_descriptor.h"

namespace wishbone {

/// A TensorBoard event file: scalars of steps and evaluations under the tags of transformers' TensorBoardCallback
/// (`train/loss`, `eval/rewards/margins`). The format is that of TensorFlow's record writer (lib/io/record_writer.h) with
/// messages of tensorflow/core/util/event.proto. A process writes a file of its own, made with its first scalar.
class TensorBoardLog {
  public:
    /// `resumed_after`: steps that earlier files hold and that count; later ones of theirs are taken back.
    TensorBoardLog(std::filesystem::path folder, std::optional<std::int64_t> resumed_after)
        : folder_(std::move(folder)), resumed_after_(resumed_after) {}

    /// The numbers among the fields of a `step` or `eval` event; those of an evaluation begin with `eval_`. Throws
    /// Error(cannot_write).
    void add(const nlohmann::ordered_json& fields);

  private:
    void open();
    void record(const std::string& message);

    std::filesystem::path folder_, file_;
    std::optional<std::int64_t> resumed_after_;
    FileDescriptor fd_;
};

}  // namespace wishbone
