#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace wishbone::test {

/// A preference pair in token space.
struct TokenPair {
    std::vector<std::int32_t> prompt, chosen, rejected;
};

/// Pairs with random tokens; prompts of 2 to 14, responses of 1 to 9 tokens.
std::vector<TokenPair> random_pairs(int count, std::int32_t vocab_size, std::uint32_t seed);

/// The tensors of a plan file as plain vectors, so that tests can spoil them one by one.
struct PlanColumns {
    std::vector<std::int32_t> step_bin_start{0}, step_pair_start{0}, bin_start{0}, tokens, position,
        visible_until, target_start{0}, target_row, target_token, target_sequence, pair_chosen, pair_rejected,
        pair_row, sequence_reference, segment_start{0}, segment_begin, segment_end, segment_parent,
        segment_role, segment_pair;
    std::vector<std::int32_t> pair_source;  ///< written when the metadata name sources
    std::vector<double> bin_flops;
    nlohmann::ordered_json metadata;

    void write(const std::filesystem::path& file) const;
};

enum class Packing {
    shared,  ///< sharing "pair", as many pairs a bin as fit
    naive,   ///< sharing "none", both responses of a pair in one bin
    split,   ///< sharing "none", every response in a bin of its own: a general plan that the two-pass step is
             ///< for
};

/// Plan over `epochs` passes in the pairs' order. Sequence ids: chosen 2·p, rejected 2·p + 1; reference keys
/// by row.
PlanColumns make_plan(const std::vector<TokenPair>& pairs, int batch_size, int epochs, int capacity,
                      Packing packing, std::int32_t vocab_size);

}  // namespace wishbone::test
