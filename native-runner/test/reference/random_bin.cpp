#include "reference/random_bin.h"

#include <algorithm>

namespace wishbone::reference {
namespace {

int pick(std::mt19937& random, int least, int greatest) {
    return std::uniform_int_distribution<int>(least, greatest)(random);
}

void add_targets(OwnedBin& bin, const std::vector<Sequence>& sequences) {
    for (std::size_t s = 0; s < sequences.size(); ++s)
        for (std::size_t i = sequences[s].start; i < sequences[s].tokens.size(); ++i) {
            bin.target_row.push_back(sequences[s].rows[i - 1]);
            bin.target_token.push_back(sequences[s].tokens[i]);
            bin.target_sequence.push_back(static_cast<std::int32_t>(s));
        }
}

}  // namespace

BinView OwnedBin::view() const {
    BinView view;
    view.tokens = tokens;
    view.position = position;
    view.visible_until = visible_until;
    view.target_row = target_row;
    view.target_token = target_token;
    view.target_sequence = target_sequence;
    return view;
}

RandomBin::RandomBin(std::mt19937& random, const RandomTrees& options) {
    for (int i = 0; i < options.trees; ++i) grow(random, options, 1, Sequence{{}, {}, 0});
    add_targets(shared, sequences);
}

void RandomBin::grow(std::mt19937& random, const RandomTrees& options, int depth, const Sequence& above) {
    Sequence path = above;
    const std::size_t begin = shared.tokens.size();
    // A root has two tokens at least, so that every path has something to score.
    const int length = pick(random, depth == 1 ? 2 : 1, std::max(2, options.longest_segment));
    for (int i = 0; i < length; ++i) {
        path.rows.push_back(static_cast<std::int32_t>(shared.tokens.size()));
        path.tokens.push_back(pick(random, 0, options.vocabulary - 1));
        shared.tokens.push_back(path.tokens.back());
        shared.position.push_back(static_cast<std::int32_t>(path.tokens.size()) - 1);
    }
    if (depth == 1) path.start = static_cast<std::size_t>(pick(random, 1, length));
    shared.visible_until.resize(shared.tokens.size());
    const int children =
        depth < options.deepest ? pick(random, depth == 1 ? 1 : 0, options.most_children) : 0;
    for (int child = 0; child < children; ++child) grow(random, options, depth + 1, path);
    for (std::size_t i = begin; i < begin + static_cast<std::size_t>(length); ++i)
        shared.visible_until[i] = static_cast<std::int32_t>(shared.tokens.size());
    if (children > 0) return;
    if (path.start >= path.tokens.size()) path.start = path.tokens.size() - 1;
    sequences.push_back(path);
}

OwnedBin RandomBin::naive() const {
    OwnedBin bin;
    std::vector<Sequence> moved = sequences;
    for (Sequence& sequence : moved) {
        const std::size_t begin = bin.tokens.size(), end = begin + sequence.tokens.size();
        for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
            sequence.rows[i] = static_cast<std::int32_t>(begin + i);
            bin.tokens.push_back(sequence.tokens[i]);
            bin.position.push_back(static_cast<std::int32_t>(i));
            bin.visible_until.push_back(static_cast<std::int32_t>(end));
        }
    }
    add_targets(bin, moved);
    return bin;
}

}  // namespace wishbone::reference
