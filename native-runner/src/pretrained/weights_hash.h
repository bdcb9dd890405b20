#pragma once

#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include "model/config.h"

namespace wishbone {

/// ModelWeights::content_sha256 of a folder: remembered from an earlier process while the files are the same by path, size, times
/// and inode (docs/formats.md, "Findings"), else worked out, beside other things where it is begun early.
class WeightsHash {
  public:
    explicit WeightsHash(std::filesystem::path folder);
    /// Gives up what was begun.
    ~WeightsHash() = default;
    WeightsHash(const WeightsHash&) = delete;
    WeightsHash& operator=(const WeightsHash&) = delete;

    /// Begins in threads that give way to others, unless it has begun.
    void begin();
    /// Throws Error(bad_input) as ModelWeights does.
    const std::string& get();

  private:
    std::filesystem::path folder_;
    std::shared_future<std::string> hash_;
    std::jthread thread_;
};

}  // namespace wishbone
