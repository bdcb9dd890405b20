#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "plan/plan.h"

namespace wishbone::reference {

/// A bin that owns its arrays.
struct OwnedBin {
    std::vector<std::int32_t> tokens, position, visible_until, target_row, target_token, target_sequence;

    BinView view() const;
};

/// One complete sequence: a root-to-leaf path. Tokens from `start` on are scored.
struct Sequence {
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> rows;  ///< where each of them lies in the bin
    std::size_t start;
};

struct RandomTrees {
    int trees = 3;
    int deepest = 4;  ///< segments on the longest path
    int most_children = 3;
    int longest_segment = 12;  ///< tokens; the shortest has one
    std::int32_t vocabulary = 32;
};

/// Random prefix trees laid out depth-first. Paths of one tree score their tokens from the end of a random
/// common ancestor on, so segments shared by several sequences are often scored for each of them.
struct RandomBin {
    RandomBin(std::mt19937& random, const RandomTrees& options);

    OwnedBin shared;
    std::vector<Sequence> sequences;

    /// The same sequences and targets in the same order, every sequence a tree of its own.
    OwnedBin naive() const;

  private:
    void grow(std::mt19937& random, const RandomTrees& options, int depth, const Sequence& above);
};

}  // namespace wishbone::reference
