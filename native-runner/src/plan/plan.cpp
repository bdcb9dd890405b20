#include "plan/plan.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/error.h"
#include "io/json.h"
#include "io/safetensors.h"

namespace wishbone {

namespace {

constexpr const char* remake = "Make the plan again with this version of Wishbone.";

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& tensor,
                       const std::string& what) {
    throw bad_input(what, file.string() + ": " + tensor, remake);
}

template <typename T>
std::vector<T> read_column(const SafetensorsFile& file, const std::string& name, FileDType dtype) {
    const FileTensor& tensor = file.at(name);
    if (tensor.dtype != dtype || tensor.shape.size() != 1)
        fail(file.path(), name,
             "Expected " + std::string(dtype == FileDType::f64 ? "F64" : "I32") + " of rank 1, found " +
                 tensor.dtype_name + " of rank " + std::to_string(tensor.shape.size()));
    // Indices are I32, so nothing a plan describes can be larger.
    if (tensor.shape[0] > std::numeric_limits<std::int32_t>::max())
        fail(file.path(), name, "The tensor has more than 2^31 - 1 elements");
    std::vector<T> values(static_cast<std::size_t>(tensor.shape[0]));
    if (!values.empty()) std::memcpy(values.data(), tensor.data, tensor.bytes);
    return values;
}

std::vector<std::int32_t> read_i32(const SafetensorsFile& file, const std::string& name) {
    return read_column<std::int32_t>(file, name, FileDType::i32);
}

/// Begins at 0, never falls, ends at `size`; has `count` + 1 elements.
void check_starts(const std::filesystem::path& file, const std::string& name,
                  const std::vector<std::int32_t>& starts, std::size_t count, std::size_t size) {
    if (starts.size() != count + 1)
        fail(file, name,
             "Expected " + std::to_string(count + 1) + " elements, found " + std::to_string(starts.size()));
    if (starts.front() != 0) fail(file, name, "The first element is not 0");
    if (!std::ranges::is_sorted(starts)) fail(file, name, "The elements fall");
    if (static_cast<std::size_t>(starts.back()) != size)
        fail(file, name,
             "The last element is " + std::to_string(starts.back()) + ", expected " + std::to_string(size));
}

void check_size(const std::filesystem::path& file, const std::string& name, std::size_t found,
                std::size_t expected) {
    if (found != expected)
        fail(file, name,
             "Expected " + std::to_string(expected) + " elements, found " + std::to_string(found));
}

std::string at(std::size_t index) { return "element " + std::to_string(index) + ": "; }

std::size_t index(std::int32_t value) { return static_cast<std::size_t>(value); }

/// Tokens, positions and the mask of one bin.
void check_rows(const std::filesystem::path& file, const Plan& plan, std::size_t begin, std::size_t end,
                std::int32_t vocab_size, std::vector<std::int32_t>& open_ends) {
    const auto length = static_cast<std::int32_t>(end - begin);
    open_ends.clear();
    for (std::int32_t k = 0; k < length; ++k) {
        const std::size_t i = begin + index(k);
        if (plan.token[i] < 0 || plan.token[i] >= vocab_size)
            fail(file, "tokens",
                 at(i) + "token id " + std::to_string(plan.token[i]) + " is outside the vocabulary of " +
                     std::to_string(vocab_size));
        if (plan.position[i] < 0 || plan.position[i] > k)
            fail(file, "position",
                 at(i) + std::to_string(plan.position[i]) + " is not between 0 and the row " +
                     std::to_string(k));
        const std::int32_t until = plan.visible_until[i];
        if (until <= k || until > length)
            fail(file, "visible_until",
                 at(i) + std::to_string(until) + " is not after the row " + std::to_string(k) +
                     " and inside the bin of " + std::to_string(length));
        while (!open_ends.empty() && open_ends.back() <= k) open_ends.pop_back();
        // The innermost range still open ends first when all before nest, so it alone need be compared.
        if (!open_ends.empty() && until > open_ends.back())
            fail(file, "visible_until", at(i) + "ranges do not nest");
        open_ends.push_back(until);
    }
}

}  // namespace

Plan Plan::read(const std::filesystem::path& file) {
    const SafetensorsFile tensors(file);
    const auto metadata = tensors.metadata().find("wishbone");
    if (metadata == tensors.metadata().end())
        throw bad_input("Not a Wishbone plan: the metadata has no key \"wishbone\"", file.string(),
                        "Give a file written by `wishbone plan`.");

    Plan plan;
    plan.metadata = metadata->second;
    const auto json = parse_json(plan.metadata, file.string() + ": metadata");
    JsonFields fields(json, file.string() + ": metadata", "");
    if (fields.text("format") != "wishbone-plan")
        throw bad_input("Not a Wishbone plan", fields.where("format"),
                        "Give a file written by `wishbone plan`.");
    if (fields.integer("version", 0, std::numeric_limits<std::int32_t>::max()) != 1)
        throw bad_input("This version of the plan format is not known", fields.where("version"), remake);
    plan.vocab_size_ =
        static_cast<std::int32_t>(fields.integer("vocab_size", 1, std::numeric_limits<std::int32_t>::max()));
    plan.epochs_ = fields.number("epochs", 0, 1e9);
    if (plan.epochs_ <= 0)
        throw bad_input("The number of epochs is not above 0", fields.where("epochs"), remake);

    if (fields.has("sources")) {
        if (!fields.any("sources").is_array())
            throw bad_input("Expected a list of texts", fields.where("sources"), remake);
        for (const auto& name : fields.any("sources")) {
            if (!name.is_string())
                throw bad_input("Expected a list of texts", fields.where("sources"), remake);
            plan.sources.push_back(name.get<std::string>());
        }
    }

    plan.step_bin_start = read_i32(tensors, "step_bin_start");
    plan.step_pair_start = read_i32(tensors, "step_pair_start");
    plan.bin_start = read_i32(tensors, "bin_start");
    plan.bin_flops = read_column<double>(tensors, "bin_flops", FileDType::f64);
    plan.token = read_i32(tensors, "tokens");
    plan.position = read_i32(tensors, "position");
    plan.visible_until = read_i32(tensors, "visible_until");
    plan.target_start = read_i32(tensors, "target_start");
    plan.target_row = read_i32(tensors, "target_row");
    plan.target_token = read_i32(tensors, "target_token");
    plan.target_sequence = read_i32(tensors, "target_sequence");
    plan.pair_chosen = read_i32(tensors, "pair_chosen");
    plan.pair_rejected = read_i32(tensors, "pair_rejected");
    plan.pair_row = read_i32(tensors, "pair_row");
    plan.sequence_reference = read_i32(tensors, "sequence_reference");
    if (!plan.sources.empty()) plan.pair_source = read_i32(tensors, "pair_source");

    const std::size_t bins = plan.bin_flops.size(), length = plan.token.size(),
                      targets = plan.target_row.size(), pairs = plan.pair_chosen.size();
    if (plan.step_bin_start.empty()) fail(file, "step_bin_start", "The tensor is empty");
    const std::size_t steps = plan.step_bin_start.size() - 1;
    if (steps == 0) fail(file, "step_bin_start", "The plan has no steps");

    check_starts(file, "step_bin_start", plan.step_bin_start, steps, bins);
    check_starts(file, "step_pair_start", plan.step_pair_start, steps, pairs);
    check_starts(file, "bin_start", plan.bin_start, bins, length);
    if (std::ranges::adjacent_find(plan.bin_start) != plan.bin_start.end())
        fail(file, "bin_start", "A bin has no tokens");
    check_starts(file, "target_start", plan.target_start, bins, targets);
    check_size(file, "position", plan.position.size(), length);
    check_size(file, "visible_until", plan.visible_until.size(), length);
    check_size(file, "target_token", plan.target_token.size(), targets);
    check_size(file, "target_sequence", plan.target_sequence.size(), targets);
    check_size(file, "pair_rejected", plan.pair_rejected.size(), pairs);
    check_size(file, "pair_row", plan.pair_row.size(), pairs);
    check_size(file, "pair_source", plan.pair_source.size(), plan.sources.empty() ? 0 : pairs);
    plan.check_contents(file);
    plan.check_segments(file, read_i32(tensors, "segment_start"), read_i32(tensors, "segment_begin"),
                        read_i32(tensors, "segment_end"), read_i32(tensors, "segment_parent"),
                        read_i32(tensors, "segment_role"), read_i32(tensors, "segment_pair"));
    return plan;
}

void Plan::check_contents(const std::filesystem::path& file) {
    std::vector<std::int32_t> open_ends;
    sequence_bin_.assign(sequence_reference.size(), -1);
    const auto sequence_count = static_cast<std::int32_t>(sequence_reference.size());
    for (std::size_t b = 0; b < bin_flops.size(); ++b) {
        check_rows(file, *this, index(bin_start[b]), index(bin_start[b + 1]), vocab_size_, open_ends);
        if (!std::isfinite(bin_flops[b]) || bin_flops[b] < 0)
            fail(file, "bin_flops", at(b) + "not a finite number of at least 0");
        const std::int32_t length = bin_start[b + 1] - bin_start[b];
        for (std::size_t r = index(target_start[b]); r < index(target_start[b + 1]); ++r) {
            if (target_row[r] < 0 || target_row[r] >= length)
                fail(file, "target_row",
                     at(r) + "row " + std::to_string(target_row[r]) + " is outside its bin of " +
                         std::to_string(length));
            if (target_token[r] < 0 || target_token[r] >= vocab_size_)
                fail(file, "target_token",
                     at(r) + "token id " + std::to_string(target_token[r]) +
                         " is outside the vocabulary of " + std::to_string(vocab_size_));
            const std::int32_t sequence = target_sequence[r];
            if (sequence < 0 || sequence >= sequence_count)
                fail(file, "target_sequence", at(r) + "there is no sequence " + std::to_string(sequence));
            std::int32_t& bin = sequence_bin_[index(sequence)];
            if (bin >= 0 && bin != static_cast<std::int32_t>(b))
                fail(file, "target_sequence",
                     at(r) + "sequence " + std::to_string(sequence) + " lies in two bins");
            bin = static_cast<std::int32_t>(b);
            if (r == index(target_start[b])) continue;
            const std::int32_t before = target_sequence[r - 1];
            if (sequence < before ||
                (sequence == before && position[index(bin_start[b] + target_row[r])] <=
                                           position[index(bin_start[b] + target_row[r - 1])]))
                fail(file, "target_sequence",
                     at(r) + "targets are not ordered by sequence, then by position");
        }
    }
    for (std::size_t q = 0; q < sequence_bin_.size(); ++q) {
        if (sequence_bin_[q] < 0)
            fail(file, "target_sequence", "Sequence " + std::to_string(q) + " has no target");
        if (sequence_reference[q] < 0 || sequence_reference[q] >= sequence_count)
            fail(file, "sequence_reference",
                 at(q) + "key " + std::to_string(sequence_reference[q]) +
                     " is not between 0 and the number of sequences");
    }
    for (std::int64_t s = 0; s < steps(); ++s) {
        const Range bins = bins_of_step(s), step_pairs = pairs_of_step(s);
        if (step_pairs.begin == step_pairs.end)
            fail(file, "step_pair_start", "Step " + std::to_string(s) + " has no pairs");
        for (std::int64_t p = step_pairs.begin; p < step_pairs.end; ++p) {
            const auto pair = static_cast<std::size_t>(p);
            if (pair_row[pair] < 0) fail(file, "pair_row", at(pair) + "negative");
            if (!sources.empty() && (pair_source[pair] < 0 || index(pair_source[pair]) >= sources.size()))
                fail(file, "pair_source",
                     at(pair) + "there is no source " + std::to_string(pair_source[pair]));
            for (const auto& [name, sequence] : {std::pair("pair_chosen", pair_chosen[pair]),
                                                 std::pair("pair_rejected", pair_rejected[pair])}) {
                if (sequence < 0 || sequence >= sequence_count)
                    fail(file, name, at(pair) + "there is no sequence " + std::to_string(sequence));
                const std::int32_t bin = sequence_bin_[index(sequence)];
                if (bin < bins.begin || bin >= bins.end)
                    fail(file, name,
                         at(pair) + "sequence " + std::to_string(sequence) + " is not in the pair's step");
            }
        }
    }
}

void Plan::check_segments(const std::filesystem::path& file, const std::vector<std::int32_t>& start,
                          const std::vector<std::int32_t>& begin, const std::vector<std::int32_t>& end,
                          const std::vector<std::int32_t>& parent, const std::vector<std::int32_t>& role,
                          const std::vector<std::int32_t>& pair) const {
    check_starts(file, "segment_start", start, bin_flops.size(), begin.size());
    check_size(file, "segment_end", end.size(), begin.size());
    check_size(file, "segment_parent", parent.size(), begin.size());
    check_size(file, "segment_role", role.size(), begin.size());
    check_size(file, "segment_pair", pair.size(), begin.size());
    for (std::size_t b = 0; b < bin_flops.size(); ++b) {
        const std::int32_t length = bin_start[b + 1] - bin_start[b];
        for (std::size_t g = index(start[b]); g < index(start[b + 1]); ++g) {
            if (begin[g] < 0 || end[g] < begin[g] || end[g] > length)
                fail(file, "segment_begin",
                     at(g) + "the range is not inside its bin of " + std::to_string(length));
            if (parent[g] < -1 || parent[g] >= static_cast<std::int32_t>(g - index(start[b])))
                fail(file, "segment_parent", at(g) + "the parent is not an earlier segment of the bin");
            if (role[g] < 0 || role[g] > 3) fail(file, "segment_role", at(g) + "the role is not 0 to 3");
            if (pair[g] < -1 || pair[g] >= static_cast<std::int32_t>(pair_chosen.size()))
                fail(file, "segment_pair", at(g) + "there is no pair " + std::to_string(pair[g]));
        }
    }
}

std::int64_t Plan::steps() const { return static_cast<std::int64_t>(step_bin_start.size()) - 1; }
std::int64_t Plan::bins() const { return static_cast<std::int64_t>(bin_flops.size()); }
std::int64_t Plan::sequences() const { return static_cast<std::int64_t>(sequence_reference.size()); }
std::int64_t Plan::pairs() const { return static_cast<std::int64_t>(pair_chosen.size()); }
std::int64_t Plan::tokens() const { return static_cast<std::int64_t>(token.size()); }
std::int32_t Plan::vocab_size() const { return vocab_size_; }
double Plan::epochs() const { return epochs_; }

std::int32_t Plan::longest_position() const {
    return position.empty() ? 0 : *std::ranges::max_element(position) + 1;
}

BinView Plan::bin(std::int64_t bin) const {
    const auto b = static_cast<std::size_t>(bin);
    const std::size_t row = index(bin_start[b]), rows = index(bin_start[b + 1]) - row;
    const std::size_t target = index(target_start[b]), targets = index(target_start[b + 1]) - target;
    const auto part = [](const std::vector<std::int32_t>& all, std::size_t begin, std::size_t count) {
        return std::span<const std::int32_t>(all).subspan(begin, count);
    };
    return {part(token, row, rows),
            part(position, row, rows),
            part(visible_until, row, rows),
            part(target_row, target, targets),
            part(target_token, target, targets),
            part(target_sequence, target, targets),
            bin_flops[b]};
}

Plan::Range Plan::bins_of_step(std::int64_t step) const {
    const auto s = static_cast<std::size_t>(step);
    return {step_bin_start[s], step_bin_start[s + 1]};
}

Plan::Range Plan::pairs_of_step(std::int64_t step) const {
    const auto s = static_cast<std::size_t>(step);
    return {step_pair_start[s], step_pair_start[s + 1]};
}

std::int32_t Plan::bin_of_sequence(std::int32_t sequence) const { return sequence_bin_[index(sequence)]; }

}  // namespace wishbone
