#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace wishbone {

/// What took time to find out and is the same the next time, as texts by name: where it is kept is the maker's affair.
class Findings {
  public:
    Findings() = default;
    virtual ~Findings() = default;
    Findings(const Findings&) = delete;
    Findings& operator=(const Findings&) = delete;

    virtual std::optional<std::string> find(const std::string& name) const = 0;
    /// Takes the place of an earlier one of that name.
    virtual void add(const std::string& name, std::string value) = 0;
    /// Keeps what was added since. What cannot be kept is found out again.
    virtual void keep() noexcept = 0;
};

/// Findings that hold under these circumstances, a text that names all they depend on.
using FindingsUnder = std::function<std::unique_ptr<Findings>(const std::string& circumstances)>;

}  // namespace wishbone
