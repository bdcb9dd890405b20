#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "core/file_descriptor.h"
#include "run/inputs.h"
#include "train/pair_metrics.h"

namespace wishbone {

/// `pairs.bin` of a run (docs/formats.md): the values of each pair as it was trained, and of each pair of an evaluation.
/// Append-only, a block a step or evaluation, one write a block, each with a checksum.
class PairRecord {
  public:
    /// The plans whose pairs are meant.
    struct Plans {
        std::string train_sha256, eval_sha256;  ///< in hexadecimal; the second is empty without evaluations
        std::int64_t train_pairs = 0, eval_pairs = 0;
    };
    /// What a run that goes on has done already.
    struct Place {
        std::int64_t steps = 0;
        std::int64_t last_evaluation = -1;  ///< steps done then; -1 before the first
    };
    enum class Kind : std::uint32_t { step = 1, evaluation = 2, warm_up = 3 };

    /// Keeps of a record that is there what lies before `resumed` and is whole; all else is cut off, so that what is done
    /// again is there once. Without `resumed`, or where the record is of other plans, it begins anew. Throws
    /// Error(cannot_write), and Error(bad_input) where something is in the way that is no regular file.
    PairRecord(std::filesystem::path file, const Plans& plans, std::optional<Place> resumed);

    /// `done`: steps, this one among them. `first`: the plan's number of the first pair. Throws Error(cannot_write).
    void add(Kind kind, std::int64_t done, std::int64_t first, std::span<const PairValues> values);
    /// Makes what was added durable. Throws Error(cannot_write).
    void sync();

  private:
    std::int64_t end_of_whole_blocks(const Plans& plans, const Place& resumed) const;

    std::filesystem::path file_;
    FileDescriptor fd_;
};

PairRecord::Plans pair_record_of(const RunInputs& inputs);

/// Whether the evaluation after `done` steps is recorded: each, as long as all of a run take no more than 256 MiB; otherwise
/// every second, fourth, … and the one after the last step. Depends on nothing else, so that a resumed run records the same.
bool records_evaluation(std::int64_t done, std::int64_t steps, std::int64_t eval_steps, std::int64_t pairs);

}  // namespace wishbone
