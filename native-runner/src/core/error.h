#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace wishbone {

/// Process exit codes, documented in docs/formats.md.
enum class ExitCode : int {
    ok = 0,
    usage = 2,
    bad_input = 3,
    out_of_memory = 4,
    cannot_write = 5,
    internal = 70,
    interrupted = 130,
};

/// An error a person can act on: what is wrong, where (file, tensor, field), and what to do about it.
class Error : public std::runtime_error {
  public:
    Error(ExitCode code, std::string what, std::string where, std::string advice)
        : std::runtime_error(what), code_(code), where_(std::move(where)), advice_(std::move(advice)) {}

    ExitCode code() const noexcept { return code_; }
    const std::string& where() const noexcept { return where_; }
    const std::string& advice() const noexcept { return advice_; }

  private:
    ExitCode code_;
    std::string where_;
    std::string advice_;
};

/// Shorthand for the commonest kind: something outside the runner is not as it must be.
inline Error bad_input(std::string what, std::string where, std::string advice) {
    return Error(ExitCode::bad_input, std::move(what), std::move(where), std::move(advice));
}

}  // namespace wishbone
