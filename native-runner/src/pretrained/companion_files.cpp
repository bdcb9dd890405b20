#include "pretrained/companion_files.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/terminal.h"
#include "io/atomic_file.h"
#include "io/json.h"

namespace wishbone {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_bytes = std::size_t{1} << 30;
constexpr const char* template_folder = "additional_chat_templates";

/// What save_pretrained of transformers' tokenizers and processors writes, and the vocabularies of folders as they are published.
constexpr std::string_view exact_names[] = {"tokenizer.json",
                                            "tokenizer_config.json",
                                            "special_tokens_map.json",
                                            "added_tokens.json",
                                            "vocab.json",
                                            "vocab.txt",
                                            "merges.txt",
                                            "spiece.model",
                                            "spm.model",
                                            "sentencepiece.bpe.model",
                                            "tekken.json",
                                            "chat_template.jinja",
                                            "chat_template.json",
                                            "processor_config.json",
                                            "preprocessor_config.json",
                                            "image_processor_config.json",
                                            "video_preprocessor_config.json",
                                            "audio_tokenizer_config.json",
                                            "feature_extractor_config.json"};

bool is_chat_template(std::string_view name) { return name.starts_with("chat_template."); }

/// Licences and the notices that go with them, however they are spelt.
bool is_licence(std::string name) {
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto begins = [&](const char* word) { return name.starts_with(word); };
    const std::string kind = fs::path(name).extension().string();
    return std::ranges::any_of(
               std::initializer_list<const char*>{"license", "licence", "notice", "copying", "copyright",
                                                  "use_policy", "third_party", "thirdparty"},
               begins) &&
           (kind.empty() || kind == ".md" || kind == ".txt" || kind == ".rst" || kind == ".pdf" ||
            kind == ".html");
}

bool is_companion(const std::string& name) {
    return std::ranges::find(exact_names, name) != std::end(exact_names) ||
           name.starts_with("tokenizer.model") ||  // Mistral's are numbered: tokenizer.model.v3
           name.ends_with(".tiktoken") || is_licence(name);
}

bool is_within(const fs::path& path, const fs::path& folder) {
    const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
    return end == folder.end();
}

/// Where a file of the folder really is; empty, with a warning, when that is no file or outside.
fs::path place_of(const fs::path& file, const fs::path& folder) {
    std::error_code error;
    const fs::path real = fs::canonical(file, error), home = fs::canonical(folder, error);
    if (error || !fs::is_regular_file(real, error)) return {};
    // models--org--name/snapshots/revision/file is a link to models--org--name/blobs/hash.
    const bool snapshot = home.parent_path().filename() == "snapshots";
    const fs::path blobs = home.parent_path().parent_path() / "blobs";
    if (is_within(real, home) || (snapshot && is_within(real, blobs))) return real;
    warn(file.string() + " leads out of its folder and is not exported");
    return {};
}

void copy(const fs::path& to, const fs::path& from, const fs::path& folder) {
    const fs::path real = place_of(from, folder);
    if (!real.empty()) write_text(to, read_text(real, most_bytes));
}

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    fs::directory_iterator entry(folder, error), end;
    for (; !error && entry != end; entry.increment(error)) names.push_back(entry->path().filename().string());
    std::ranges::sort(names);
    return names;
}

}  // namespace

void copy_companion(const fs::path& folder, const fs::path& model, const char* name) {
    std::error_code error;
    if (fs::exists(model / name, error)) copy(folder / name, model / name, model);
}

void copy_companions(const fs::path& folder, const fs::path& model, const fs::path& own) {
    const std::vector<std::string> before = names_in(own);
    const bool own_template = std::ranges::any_of(before, is_chat_template);
    for (const std::string& name : names_in(model)) {
        if (!is_companion(name) || std::ranges::find(before, name) != before.end()) continue;
        if (own_template && is_chat_template(name)) continue;
        copy(folder / name, model / name, model);
    }
    std::error_code error;
    if (const fs::path templates = model / template_folder;
        !own_template && fs::is_directory(templates, error)) {
        fs::create_directory(folder / template_folder, error);
        for (const std::string& name : names_in(templates))
            if (name.ends_with(".jinja")) copy(folder / template_folder / name, templates / name, model);
        fs::remove(folder / template_folder, error);  // only when nothing is in it
    }
    for (const std::string& name : before) copy(folder / name, own / name, own);
}

}  // namespace wishbone
