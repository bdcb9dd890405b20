#pragma once

#include <cstddef>
#include <filesystem>
#include <thread>
#include <vector>

namespace wishbone {

/// Has the system read files into its page cache while the caller does other things, until the object goes. What cannot be read
/// is left to whoever needs it.
class ReadAhead {
  public:
    /// No more than `most_bytes`, so that what was read first is not pushed out again by what is read last.
    ReadAhead(std::vector<std::filesystem::path> files, std::size_t most_bytes);

  private:
    std::jthread thread_;
};

}  // namespace wishbone
