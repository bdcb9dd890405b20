#include "io/json.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <sstream>
#include <utility>
#include <vector>

#include "core/file_descriptor.h"
#include "core/nearest_name.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

constexpr int deepest = 64;

std::string shown(double value) {
    std::ostringstream text;
    text << value;
    return text.str();
}

/// A value in a message.
std::string found(const Json& value) {
    const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 57) + "…" : text;
}

template <typename AnyJson>
AnyJson parse_checked(std::string_view text, const std::string& where, std::size_t most_keys) {
    using Event = typename AnyJson::parse_event_t;
    std::vector<std::set<std::string>> keys;
    const typename AnyJson::parser_callback_t check = [&](int depth, Event event, AnyJson& value) {
        if (depth > deepest)
            throw bad_input("JSON is nested too deeply", where, "Check that this is the right file.");
        if (event == Event::object_start) {
            keys.emplace_back();
        } else if (event == Event::object_end) {
            keys.pop_back();
        } else if (event == Event::key) {
            const std::string& key = value.template get_ref<const std::string&>();
            if (!keys.back().insert(key).second)
                throw bad_input("The key \"" + key + "\" appears twice in one JSON object", where,
                                "Write the file again with each key once.");
            if (keys.back().size() > most_keys)
                throw bad_input("A JSON object has more than " + std::to_string(most_keys) + " keys", where,
                                "Check that this is the right file.");
        }
        return true;
    };
    try {
        return AnyJson::parse(text.begin(), text.end(), check);
    } catch (const typename AnyJson::exception& error) {
        // The library's messages begin with its own exception id in brackets.
        std::string what = error.what();
        if (const auto end = what.find("] "); end != std::string::npos) what.erase(0, end + 2);
        throw bad_input("Not valid JSON: " + what, where, "Correct or replace the file.");
    }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
    return parse_checked<Json>(text, where, 10000);
}

nlohmann::json parse_json_table(std::string_view text, const std::string& where) {
    return parse_checked<nlohmann::json>(text, where, std::numeric_limits<std::size_t>::max());
}

std::string read_text(const std::filesystem::path& file, std::size_t most_bytes) {
    const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd)
        throw bad_input(std::string("Cannot open the file: ") + std::strerror(errno), file.string(),
                        "Check the path and that you may read it.");
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
        throw bad_input("Not a regular file", file.string(), "Check the path.");
    if (static_cast<std::size_t>(status.st_size) > most_bytes)
        throw bad_input(
            "The file has " + std::to_string(status.st_size) + " bytes, more than such a file can have",
            file.string(), "Check that this is the right file.");
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t got = ::read(fd.get(), text.data() + done, text.size() - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            throw bad_input(std::string("Cannot read the file: ") + std::strerror(errno), file.string(),
                            "Check the disk.");
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
}

JsonFields::JsonFields(const Json& object, std::string file, std::string path)
    : object_(&object), file_(std::move(file)), path_(std::move(path)) {
    if (!object.is_object())
        throw bad_input("Expected a JSON object, found " + found(object),
                        path_.empty() ? file_ : file_ + ": " + path_,
                        "Write it as { … }, see docs/formats.md.");
}

std::string JsonFields::where(const std::string& name) const {
    return file_ + ": " + (path_.empty() ? name : path_ + "." + name);
}

const Json* JsonFields::find(const std::string& name) {
    asked_.insert(name);
    const auto found = object_->find(name);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
}

void JsonFields::missing(const std::string& name) const {
    throw bad_input("The field \"" + name + "\" is missing", where(name), "Add it.");
}

JsonFields JsonFields::object(const std::string& name) {
    const Json* value = find(name);
    if (!value) missing(name);
    return JsonFields(*value, file_, path_.empty() ? name : path_ + "." + name);
}

bool JsonFields::has(const std::string& name) { return find(name) != nullptr; }

bool JsonFields::present(const std::string& name) {
    asked_.insert(name);
    return object_->contains(name);
}

std::vector<std::string> JsonFields::names() const {
    std::vector<std::string> all;
    for (const auto& [name, value] : object_->items()) all.push_back(name);
    return all;
}

void JsonFields::not_null(std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (present(name) && !has(name))
            throw bad_input(std::string("The field \"") + name + "\" must not be null", where(name),
                            "Give it a value, or leave it out.");
}

std::string JsonFields::text(const std::string& name, std::optional<std::string> otherwise) {
    const Json* value = find(name);
    if (!value && otherwise) return *otherwise;
    if (!value) missing(name);
    if (!value->is_string())
        throw bad_input("Expected a string, found " + found(*value), where(name),
                        "Put it in quotation marks.");
    return value->get<std::string>();
}

std::int64_t JsonFields::integer(const std::string& name, std::int64_t least, std::int64_t most,
                                 std::optional<std::int64_t> otherwise) {
    const Json* value = find(name);
    if (!value && otherwise) return *otherwise;
    if (!value) missing(name);
    const std::string range = "from " + std::to_string(least) + " to " + std::to_string(most);
    // An unsigned number above the signed range would wrap in get<int64_t>.
    const bool fits =
        value->is_number_integer() &&
        !(value->is_number_unsigned() &&
          value->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
    if (!fits || value->get<std::int64_t>() < least || value->get<std::int64_t>() > most)
        throw bad_input("Expected a whole number " + range + ", found " + found(*value), where(name),
                        "Set it within that range.");
    return value->get<std::int64_t>();
}

double JsonFields::number(const std::string& name, NumberBounds bounds, std::optional<double> otherwise) {
    const Json* value = find(name);
    if (!value && otherwise) return *otherwise;
    if (!value) missing(name);
    const auto& [least, most, above_least, below_most] = bounds;
    const auto fits = [&](double number) {
        return (above_least ? number > least : number >= least) &&
               (below_most ? number < most : number <= most);
    };
    if (!value->is_number() || !fits(value->get<double>())) {
        const std::string range = (above_least ? "above " : "from ") + shown(least) +
                                  (below_most    ? " and below "
                                   : above_least ? " up to "
                                                 : " to ") +
                                  shown(most);
        throw bad_input("Expected a number " + range + ", found " + found(*value), where(name),
                        "Set it within that range.");
    }
    return value->get<double>();
}

bool JsonFields::boolean(const std::string& name, std::optional<bool> otherwise) {
    const Json* value = find(name);
    if (!value && otherwise) return *otherwise;
    if (!value) missing(name);
    if (!value->is_boolean())
        throw bad_input("Expected true or false, found " + found(*value), where(name), "Correct the value.");
    return value->get<bool>();
}

const Json& JsonFields::any(const std::string& name) {
    static const Json null;
    const Json* value = find(name);
    return value ? *value : null;
}

void JsonFields::no_others() const {
    for (const auto& [name, value] : object_->items())
        if (!asked_.contains(name)) {
            const std::string near = nearest_name(name, asked_);
            throw bad_input("The field \"" + name + "\" is not known", where(name),
                            near.empty() ? "Remove it, or check its spelling against docs/formats.md."
                                         : "Did you mean \"" + near + "\"?");
        }
}

}  // namespace wishbone
