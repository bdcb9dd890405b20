#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace wishbone {

/// One bin of a plan: views into the plan's arrays (docs/formats.md). Rows are bin-local.
struct BinView {
    std::span<const std::int32_t> tokens, position, visible_until;            ///< [T]
    std::span<const std::int32_t> target_row, target_token, target_sequence;  ///< [R]
    double flops = 0;                                                         ///< required, one forward pass
};

/// The whole plan in host memory, checked against every invariant of docs/formats.md when read.
class Plan {
  public:
    /// Throws Error(bad_input) naming the file and the tensor.
    static Plan read(const std::filesystem::path& file);

    std::int64_t steps() const;
    std::int64_t bins() const;
    std::int64_t sequences() const;
    std::int64_t pairs() const;
    std::int64_t tokens() const;
    std::int32_t vocab_size() const;
    std::int32_t longest_position() const;  ///< largest `position` + 1
    double epochs() const;

    BinView bin(std::int64_t index) const;
    struct Range {
        std::int64_t begin, end;
    };
    Range bins_of_step(std::int64_t step) const;
    Range pairs_of_step(std::int64_t step) const;
    std::int32_t bin_of_sequence(std::int32_t sequence) const;

    std::vector<std::int32_t> step_bin_start, step_pair_start, bin_start, token, position, visible_until,
        target_start, target_row, target_token, target_sequence, pair_chosen, pair_rejected, pair_row,
        sequence_reference;
    std::vector<std::int32_t> pair_source;  ///< index into `sources`; empty when the plan names none
    std::vector<std::string> sources;       ///< what the pairs come from, for metrics
    std::vector<double> bin_flops;
    std::string metadata;  ///< the JSON text under the key `wishbone`

  private:
    void check_contents(const std::filesystem::path& file);
    void check_segments(const std::filesystem::path& file, const std::vector<std::int32_t>& start,
                        const std::vector<std::int32_t>& begin, const std::vector<std::int32_t>& end,
                        const std::vector<std::int32_t>& parent, const std::vector<std::int32_t>& role,
                        const std::vector<std::int32_t>& pair) const;

    std::int32_t vocab_size_ = 0;
    double epochs_ = 0;
    std::vector<std::int32_t> sequence_bin_;
};

}  // namespace wishbone
