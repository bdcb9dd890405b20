#include "support/files.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace wishbone::test {

std::string read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + file.string());
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void write_file(const std::filesystem::path& file, std::string_view bytes) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::vector<nlohmann::json> read_events(const std::filesystem::path& file) {
    std::vector<nlohmann::json> events;
    std::istringstream in(read_file(file));
    for (std::string line; std::getline(in, line) && !in.eof();)
        if (auto event = nlohmann::json::parse(line, nullptr, false); event.is_object())
            events.push_back(std::move(event));
    return events;
}

std::vector<nlohmann::json> events_of_type(const std::filesystem::path& file, const std::string& type) {
    auto events = read_events(file);
    std::erase_if(events, [&](const auto& event) { return event["type"] != type; });
    return events;
}

std::vector<std::string> names_containing(const std::filesystem::path& folder, const std::string& part) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        if (entry.path().filename().string().find(part) != std::string::npos)
            found.push_back(entry.path().string());
    return found;
}

}  // namespace wishbone::test
