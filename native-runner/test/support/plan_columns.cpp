#include "support/plan_columns.h"

#include <random>
#include <span>

#include "io/safetensors.h"

namespace wishbone::test {

namespace {

std::int32_t size_of(const std::vector<std::int32_t>& x) { return static_cast<std::int32_t>(x.size()); }

class PlanMaker {
  public:
    PlanMaker(int capacity, Packing packing) : capacity_(capacity), packing_(packing) {}

    void add_pair(const TokenPair& pair, std::int32_t row) {
        const std::int32_t id = size_of(plan.pair_chosen);
        const std::int32_t chosen = 2 * id, rejected = 2 * id + 1;
        plan.pair_chosen.push_back(chosen);
        plan.pair_rejected.push_back(rejected);
        plan.pair_row.push_back(row);
        plan.sequence_reference.push_back(2 * row);
        plan.sequence_reference.push_back(2 * row + 1);
        if (packing_ == Packing::shared) {
            open_bin(size_of(pair.prompt) + size_of(pair.chosen) + size_of(pair.rejected));
            const std::int32_t root = add_segment(pair.prompt, -1, 0, 0, id);
            plan_until(root, rows() + size_of(pair.chosen) + size_of(pair.rejected));
            add_response(pair, pair.chosen, rows() - 1, root, 1, id, chosen);
            add_response(pair, pair.rejected, segment_last(root), root, 2, id, rejected);
            return;
        }
        if (packing_ == Packing::naive)
            open_bin(2 * size_of(pair.prompt) + size_of(pair.chosen) + size_of(pair.rejected));
        for (const bool is_chosen : {true, false}) {
            const auto& response = is_chosen ? pair.chosen : pair.rejected;
            if (packing_ == Packing::split) {
                close_bin();
                open_bin(size_of(pair.prompt) + size_of(response));
            }
            const std::int32_t root = add_segment(pair.prompt, -1, 0, 0, id);
            plan_until(root, rows() + size_of(response));
            add_response(pair, response, rows() - 1, root, is_chosen ? 1 : 2, id,
                         is_chosen ? chosen : rejected);
        }
    }

    void close_step() {
        close_bin();
        plan.step_bin_start.push_back(size_of(plan.bin_start) - 1);
        plan.step_pair_start.push_back(size_of(plan.pair_chosen));
    }

    PlanColumns plan;

  private:
    std::int32_t base() const { return plan.bin_start.back(); }
    std::int32_t rows() const { return size_of(plan.tokens) - base(); }

    void open_bin(std::int32_t needed) {
        if (rows() > 0 && rows() + needed > capacity_) close_bin();
    }

    void close_bin() {
        if (rows() == 0) return;
        plan.bin_flops.push_back(1e6 * rows());
        plan.bin_start.push_back(size_of(plan.tokens));
        plan.target_start.push_back(size_of(plan.target_row));
        plan.segment_start.push_back(size_of(plan.segment_begin));
    }

    /// Index of the segment among all.
    std::int32_t add_segment(const std::vector<std::int32_t>& tokens, std::int32_t parent, std::int32_t depth,
                             int role, std::int32_t pair) {
        plan.segment_begin.push_back(rows());
        plan.segment_parent.push_back(parent < 0 ? -1 : parent - plan.segment_start.back());
        plan.segment_role.push_back(role);
        plan.segment_pair.push_back(pair);
        for (const std::int32_t token : tokens) {
            plan.tokens.push_back(token);
            plan.position.push_back(depth++);
            plan.visible_until.push_back(0);
        }
        plan.segment_end.push_back(rows());
        plan_until(size_of(plan.segment_begin) - 1, rows());
        return size_of(plan.segment_begin) - 1;
    }

    std::int32_t segment_last(std::int32_t segment) const {
        return plan.segment_end[static_cast<std::size_t>(segment)] - 1;
    }

    void plan_until(std::int32_t segment, std::int32_t until) {
        const auto g = static_cast<std::size_t>(segment);
        for (std::int32_t k = plan.segment_begin[g]; k < plan.segment_end[g]; ++k)
            plan.visible_until[static_cast<std::size_t>(base() + k)] = until;
    }

    void add_response(const TokenPair& pair, const std::vector<std::int32_t>& response,
                      std::int32_t prompt_last, std::int32_t root, int role, std::int32_t id,
                      std::int32_t sequence) {
        const std::int32_t segment = add_segment(response, root, size_of(pair.prompt), role, id);
        const std::int32_t first = plan.segment_begin[static_cast<std::size_t>(segment)];
        for (std::int32_t i = 0; i < size_of(response); ++i) {
            plan.target_row.push_back(i == 0 ? prompt_last : first + i - 1);
            plan.target_token.push_back(response[static_cast<std::size_t>(i)]);
            plan.target_sequence.push_back(sequence);
        }
    }

    std::int32_t capacity_;
    Packing packing_;
};

template <typename T>
OutTensor column(const char* name, FileDType dtype, const std::vector<T>& values) {
    return {name, dtype, {static_cast<std::int64_t>(values.size())}, std::as_bytes(std::span(values))};
}

}  // namespace

std::vector<TokenPair> random_pairs(int count, std::int32_t vocab_size, std::uint32_t seed) {
    std::mt19937 random(seed);
    const auto draw = [&](std::uint32_t least, std::uint32_t most) {
        std::vector<std::int32_t> tokens(least + random() % (most - least + 1));
        for (auto& token : tokens)
            token = static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(vocab_size));
        return tokens;
    };
    std::vector<TokenPair> pairs(static_cast<std::size_t>(count));
    for (auto& pair : pairs) pair = {draw(2, 14), draw(1, 9), draw(1, 9)};
    return pairs;
}

PlanColumns make_plan(const std::vector<TokenPair>& pairs, int batch_size, int epochs, int capacity,
                      Packing packing, std::int32_t vocab_size) {
    PlanMaker maker(capacity, packing);
    for (int epoch = 0; epoch < epochs; ++epoch) {
        for (std::size_t p = 0; p < pairs.size(); ++p) {
            maker.add_pair(pairs[p], static_cast<std::int32_t>(p));
            if ((p + 1) % static_cast<std::size_t>(batch_size) == 0 || p + 1 == pairs.size())
                maker.close_step();
        }
    }
    maker.plan.metadata = {
        {"format", "wishbone-plan"}, {"version", 1},     {"sharing", "pair"},       {"capacity", capacity},
        {"batch_size", batch_size},  {"epochs", epochs}, {"vocab_size", vocab_size}};
    return maker.plan;
}

void PlanColumns::write(const std::filesystem::path& file) const {
    const FileDType i32 = FileDType::i32;
    std::vector<OutTensor> tensors = {column("step_bin_start", i32, step_bin_start),
                                      column("step_pair_start", i32, step_pair_start),
                                      column("bin_start", i32, bin_start),
                                      column("bin_flops", FileDType::f64, bin_flops),
                                      column("tokens", i32, tokens),
                                      column("position", i32, position),
                                      column("visible_until", i32, visible_until),
                                      column("target_start", i32, target_start),
                                      column("target_row", i32, target_row),
                                      column("target_token", i32, target_token),
                                      column("target_sequence", i32, target_sequence),
                                      column("pair_chosen", i32, pair_chosen),
                                      column("pair_rejected", i32, pair_rejected),
                                      column("pair_row", i32, pair_row),
                                      column("sequence_reference", i32, sequence_reference),
                                      column("segment_start", i32, segment_start),
                                      column("segment_begin", i32, segment_begin),
                                      column("segment_end", i32, segment_end),
                                      column("segment_parent", i32, segment_parent),
                                      column("segment_role", i32, segment_role),
                                      column("segment_pair", i32, segment_pair)};
    if (metadata.contains("sources")) tensors.push_back(column("pair_source", i32, pair_source));
    write_safetensors(file, tensors, {{"wishbone", metadata.dump()}});
}

}  // namespace wishbone::test
