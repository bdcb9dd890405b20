#include "io/model_export.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json.h"
#include "io/model_weights.h"

namespace wishbone {

namespace {

/// What belongs to a model beside its weights and config.json; each is copied when the source has it.
constexpr const char* companions[] = {"generation_config.json",
                                      "tokenizer.json",
                                      "tokenizer_config.json",
                                      "special_tokens_map.json",
                                      "added_tokens.json",
                                      "vocab.json",
                                      "merges.txt",
                                      "tokenizer.model",
                                      "chat_template.jinja",
                                      "chat_template.json"};

std::vector<std::int64_t> shape_of(const Tensor& tensor) {
    return {tensor.shape.begin(), tensor.shape.begin() + tensor.rank};
}

void write_tensors(const std::filesystem::path& file, Backend& backend,
                   std::span<const NamedTensor> parameters) {
    std::vector<OutTensor> tensors;
    for (const NamedTensor& parameter : parameters)
        tensors.push_back({parameter.name, FileDType::f32, shape_of(parameter.tensor), {}});
    std::vector<float> values;
    // transformers refuses weight files without this entry.
    write_safetensors(file, tensors, {{"format", "pt"}}, [&](std::size_t i) {
        values.resize(static_cast<std::size_t>(parameters[i].tensor.size()));
        download_floats(backend, values, parameters[i].tensor);
        return std::as_bytes(std::span<const float>(values));
    });
}

void write_config(const std::filesystem::path& folder, const std::filesystem::path& source) {
    const std::filesystem::path file = source / "config.json";
    auto config = parse_json(read_text(file), file.string());
    for (const char* name : {"torch_dtype", "dtype"})
        if (config.contains(name)) config[name] = "float32";
    write_text(folder / "config.json", config.dump(2) + "\n");
}

std::string shard_name(std::size_t index, std::size_t count) {
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
    return name;
}

void write_weights(const std::filesystem::path& folder, Backend& backend, const Parameters& parameters,
                   std::uint64_t shard_bytes) {
    const std::span<const NamedTensor> all = parameters.named();
    const auto bytes_of = [](const NamedTensor& p) {
        return static_cast<std::uint64_t>(p.tensor.size()) * 4;
    };
    std::vector<std::size_t> shard_begin = {0};
    std::uint64_t total = 0, in_shard = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (in_shard > 0 && in_shard + bytes_of(all[i]) > shard_bytes) {
            shard_begin.push_back(i);
            in_shard = 0;
        }
        in_shard += bytes_of(all[i]);
        total += bytes_of(all[i]);
    }
    const std::size_t shards = shard_begin.size();
    if (shards == 1) return write_tensors(folder / "model.safetensors", backend, all);

    nlohmann::ordered_json index = {{"metadata", {{"total_size", total}}},
                                    {"weight_map", nlohmann::json::object()}};
    shard_begin.push_back(all.size());
    for (std::size_t s = 0; s < shards; ++s) {
        const auto part = all.subspan(shard_begin[s], shard_begin[s + 1] - shard_begin[s]);
        write_tensors(folder / shard_name(s, shards), backend, part);
        for (const NamedTensor& parameter : part) index["weight_map"][parameter.name] = shard_name(s, shards);
    }
    write_text(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

}  // namespace

void write_parameters(const std::filesystem::path& file, Backend& backend,
                      const std::vector<Prefixed<const Parameters>>& sets) {
    std::vector<NamedTensor> all;
    for (const auto& [prefix, parameters] : sets)
        for (const NamedTensor& parameter : parameters->named())
            all.push_back({prefix + parameter.name, parameter.tensor, parameter.decays});
    write_tensors(file, backend, all);
}

void read_parameters(const std::filesystem::path& file, Backend& backend,
                     const std::vector<Prefixed<Parameters>>& sets) {
    const SafetensorsFile tensors(file);
    std::vector<float> values;
    for (const auto& [prefix, parameters] : sets) {
        for (const NamedTensor& parameter : parameters->named()) {
            const std::string name = prefix + parameter.name;
            const FileTensor& tensor = tensors.at(name);
            if (tensor.dtype != FileDType::f32 || tensor.shape != shape_of(parameter.tensor))
                throw bad_input("A tensor has another shape or dtype than the run's model",
                                file.string() + ": " + name,
                                "Use the files of this run, or start a new run.");
            values.resize(static_cast<std::size_t>(parameter.tensor.size()));
            to_float(tensor, values);
            upload_floats(backend, parameter.tensor, values);
        }
    }
}

void export_model(const std::filesystem::path& folder, const std::filesystem::path& source, Backend& backend,
                  const Parameters& parameters, std::uint64_t shard_bytes) {
    AtomicFolder out(folder);
    write_config(out.path(), source);
    for (const char* name : companions) {
        std::error_code error;
        if (std::filesystem::is_regular_file(source / name, error))
            write_text(out.path() / name, read_text(source / name, std::size_t{1} << 30));
    }
    write_weights(out.path(), backend, parameters, shard_bytes);
    out.commit();
}

}  // namespace wishbone
