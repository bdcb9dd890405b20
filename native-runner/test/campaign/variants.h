#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace wishbone::campaign {

/// Random numbers that are the same for the same seed (SplitMix64).
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next();
    /// From 0 to below `limit`; 0 where that is 0.
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(next() % limit); }

  private:
    std::uint64_t state_;
};

/// Further changes of an input whose structure has been changed before: values of its JSON are others, or each other's,
/// and bytes are flipped, gone, doubled. A safetensors header that grows or shrinks keeps a length that is right.
class Variants {
  public:
    explicit Variants(std::string input);
    /// The input itself for `number` 0, else a changed one that depends on the input and `seed` alone.
    std::string make(std::uint64_t seed, std::size_t number) const;

  private:
    std::string with_other_values(Random& random) const;
    std::string with_other_bytes(Random& random) const;

    std::string input_;
    /// Begin and end of the JSON: all of a text, the header of a safetensors file, empty elsewhere.
    std::size_t json_begin_ = 0, json_end_ = 0;
    /// Begin and length of strings, numbers and literals in it.
    std::vector<std::pair<std::size_t, std::size_t>> values_;
};

}  // namespace wishbone::campaign
