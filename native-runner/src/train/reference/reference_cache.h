#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace wishbone {

/// Reference log-probabilities that runs share: one file for each content of plan and weights and each way of
/// computing, under $WISHBONE_CACHE, $XDG_CACHE_HOME/wishbone or ~/.cache/wishbone. A run does not fail
/// because its cache cannot be read or written: a warning goes to stderr.
class ReferenceCache {
  public:
    /// `made_for`: hashes of everything the numbers depend on.
    explicit ReferenceCache(std::string made_for);

    std::optional<std::vector<double>> find(std::size_t keys) const;
    void store(std::span<const double> logps) const;

  private:
    std::string made_for_;
    std::filesystem::path file_;  ///< empty: there is no place for a cache
};

}  // namespace wishbone
