#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace wishbone {

/// Parses JSON from outside, keeping the order of keys. Throws Error(bad_input) naming `where` for anything
/// that is not one JSON value, has a key twice or more than 10,000 keys in one object, or is nested deeper
/// than 64.
nlohmann::ordered_json parse_json(std::string_view text, const std::string& where);
/// The same with sorted keys and any number of them: for tables (ordered_json looks keys up one by one).
nlohmann::json parse_json_table(std::string_view text, const std::string& where);

/// Reads a whole small file; throws Error(bad_input) when it is missing, not a regular file, or above
/// `most_bytes`.
std::string read_text(const std::filesystem::path& file, std::size_t most_bytes = std::size_t{64} << 20);

/// What a number may be: from `least` to `most`, themselves included unless they are open.
struct NumberBounds {
    double least, most;
    bool above_least = false, below_most = false;
};
constexpr NumberBounds above(double least, double most) { return {least, most, true, false}; }
constexpr NumberBounds below(double least, double most) { return {least, most, false, true}; }

/// Typed access to one object of a parsed file. Every getter throws Error(bad_input) naming file and field
/// when the field has another type or is out of range; those without a default also when it is missing.
class JsonFields {
  public:
    /// `path` is the object's place in the file, e.g. `training`, or empty for the top.
    JsonFields(const nlohmann::ordered_json& object, std::string file, std::string path);

    JsonFields object(const std::string& name);
    /// Absent and null are the same.
    bool has(const std::string& name);
    /// Whether the field is there at all, if only as null.
    bool present(const std::string& name);
    /// Of all fields, in their order.
    std::vector<std::string> names() const;
    /// Throws Error(bad_input) for one of these that is there as null.
    void not_null(std::initializer_list<const char*> names);
    std::string text(const std::string& name, std::optional<std::string> otherwise = {});
    std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most,
                         std::optional<std::int64_t> otherwise = {});
    double number(const std::string& name, NumberBounds bounds, std::optional<double> otherwise = {});
    double number(const std::string& name, double least, double most, std::optional<double> otherwise = {}) {
        return number(name, NumberBounds{least, most}, otherwise);
    }
    bool boolean(const std::string& name, std::optional<bool> otherwise = {});
    /// One of some words, as what it stands for.
    template <typename Choice>
    Choice choice(const std::string& name, const std::vector<std::pair<std::string, Choice>>& choices) {
        const std::string word = text(name);
        std::string known;
        for (const auto& [candidate, meaning] : choices) {
            if (candidate == word) return meaning;
            known += (known.empty() ? "\"" : ", \"") + candidate + "\"";
        }
        throw bad_input("\"" + word + "\" is not supported", where(name), "Use one of " + known + ".");
    }
    /// The same, where the field may be absent.
    template <typename Choice>
    Choice choice(const std::string& name, const std::vector<std::pair<std::string, Choice>>& choices,
                  Choice otherwise) {
        return has(name) ? choice(name, choices) : otherwise;
    }
    /// A field of any type; null when absent.
    const nlohmann::ordered_json& any(const std::string& name);

    /// Throws for a field that no getter has asked for, and names the nearest one that was.
    void no_others() const;
    /// `file: path.name`, for messages.
    std::string where(const std::string& name) const;

  private:
    const nlohmann::ordered_json* find(const std::string& name);
    [[noreturn]] void missing(const std::string& name) const;

    const nlohmann::ordered_json* object_;
    std::string file_, path_;
    std::set<std::string> asked_;
};

}  // namespace wishbone
