#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "core/error.h"
#include "core/half.h"
#include "io/safetensors.h"
#include "pretrained/model_config.h"
#include "pretrained/model_export.h"
#include "pretrained/model_weights.h"
#include "reference/fp8_backend.h"
#include "support/files.h"
#include "support/random_model.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

namespace {

std::vector<float> load(const std::filesystem::path& folder) {
    const ModelConfig config = read_model_config(folder);
    const auto backend = make_cpu_backend(1);
    Parameters parameters(*backend, config, DType::f32);
    ModelWeights(folder, config).load(*backend, parameters);
    std::vector<float> all;
    for (const auto& parameter : parameters.named()) {
        std::vector<float> values(static_cast<std::size_t>(parameter.tensor.size()));
        download_floats(*backend, values, parameter.tensor);
        all.insert(all.end(), values.begin(), values.end());
    }
    return all;
}

Error error_of(const std::function<void()>& act) {
    try {
        act();
    } catch (const Error& error) {
        return error;
    }
    FAIL("no error");
    std::abort();
}

}  // namespace

TEST_CASE("config.json: defaults and both spellings of RoPE") {
    const TemporaryFolder folder;
    Json json = {{"model_type", "llama"},    {"vocab_size", 100},      {"hidden_size", 64},
                 {"intermediate_size", 128}, {"num_hidden_layers", 2}, {"num_attention_heads", 4}};
    const auto read = [&] {
        write_file(folder / "config.json", json.dump());
        return read_model_config(folder.path());
    };
    ModelConfig config = read();
    CHECK(config.kv_heads == 4);
    CHECK(config.head_dim == 16);
    CHECK(config.max_position_embeddings == 2048);
    CHECK(config.rms_norm_eps == 1e-6);
    CHECK(config.ropes[0].theta == 10000);
    CHECK_FALSE(config.tie_word_embeddings);
    CHECK(std::holds_alternative<std::monostate>(config.ropes[0].scaling));

    json["head_dim"] = nullptr;
    json["rope_theta"] = 500000.0;
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 8.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 8192}};
    config = read();
    CHECK(config.head_dim == 16);
    CHECK(config.ropes[0].theta == 500000);
    REQUIRE(std::holds_alternative<Llama3RopeScaling>(config.ropes[0].scaling));
    CHECK(std::get<Llama3RopeScaling>(config.ropes[0].scaling).high_freq_factor == 4);

    Json parameters = json["rope_scaling"];
    parameters["rope_theta"] = 70000;
    json.erase("rope_theta");
    json.erase("rope_scaling");
    json["rope_parameters"] = parameters;
    config = read();
    CHECK(config.ropes[0].theta == 70000);
    CHECK(std::get<Llama3RopeScaling>(config.ropes[0].scaling).original_max_position_embeddings == 8192);

    json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 20000.0}};
    config = read();
    CHECK(config.ropes[0].theta == 20000);
    CHECK(std::holds_alternative<std::monostate>(config.ropes[0].scaling));
}

TEST_CASE("config.json: what the runner does not compute is refused, naming the field") {
    struct Case {
        const char* field;
        std::function<void(Json&)> spoil;
    };
    const std::vector<Case> cases = {
        {"architectures", [](Json& c) { c["architectures"] = {"GPTNeoXForCausalLM"}; }},
        {"model_type", [](Json& c) { c.erase("model_type"); }},
        {"model_type", [](Json& c) { c.erase("architectures"), c["model_type"] = "mamba"; }},
        {"architectures", [](Json& c) { c["architectures"] = "LlamaForCausalLM"; }},
        {"model_type", [](Json& c) { c["model_type"] = "qwen2"; }},
        {"hidden_act", [](Json& c) { c["hidden_act"] = "gelu"; }},
        {"mlp_bias", [](Json& c) { c["mlp_bias"] = 0; }},
        {"quantization_config", [](Json& c) { c["quantization_config"] = {{"bits", 4}}; }},
        {"rope_scaling.rope_type",
         [](Json& c) { c["rope_scaling"] = {{"type", "proportional"}, {"factor", 2}}; }},
        {"rope_scaling.factor", [](Json& c) { c["rope_scaling"] = {{"rope_type", "yarn"}}; }},
        {"rope_scaling.long_factor",
         [](Json& c) {
             c["rope_scaling"] = {
                 {"rope_type", "longrope"}, {"short_factor", {1, 1, 1, 1}}, {"long_factor", {1}}};
         }},
        {"rope_scaling.factor", [](Json& c) { c["rope_scaling"] = {{"rope_type", "llama3"}}; }},
        {"rope_scaling", [](Json& c) { c["rope_scaling"] = "llama3"; }},
        {"rope_parameters.partial_rotary_factor",
         [](Json& c) { c["rope_parameters"] = {{"partial_rotary_factor", 0.4}}; }},
        {"vocab_size", [](Json& c) { c.erase("vocab_size"); }},
        {"vocab_size", [](Json& c) { c["vocab_size"] = 0; }},
        {"vocab_size", [](Json& c) { c["vocab_size"] = 18446744073709551615ull; }},
        {"hidden_size", [](Json& c) { c["hidden_size"] = "32"; }},
        {"hidden_size", [](Json& c) { c["hidden_size"] = 30, c.erase("head_dim"); }},
        {"num_hidden_layers", [](Json& c) { c["num_hidden_layers"] = 2.5; }},
        {"num_key_value_heads", [](Json& c) { c["num_key_value_heads"] = 3; }},
        {"head_dim", [](Json& c) { c["head_dim"] = 7; }},
        {"rms_norm_eps", [](Json& c) { c["rms_norm_eps"] = -1; }},
        {"tie_word_embeddings", [](Json& c) { c["tie_word_embeddings"] = "yes"; }},
        {"hidden_size", [](Json& c) { c["vocab_size"] = c["hidden_size"] = 2147483646; }},
    };
    const TemporaryFolder folder;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        CAPTURE(i);
        Json json = config_json(tiny_config());
        cases[i].spoil(json);
        write_file(folder / "config.json", json.dump());
        const Error error = error_of([&] { read_model_config(folder.path()); });
        CHECK(error.code() == ExitCode::bad_input);
        CHECK(error.where().starts_with((folder / "config.json").string()));
        CHECK(error.where().ends_with(cases[i].field));
    }
    for (const char* text : {"", "[]", "{", "null", "{\"a\":1,\"a\":2}"}) {
        write_file(folder / "config.json", text);
        CHECK_THROWS_AS(read_model_config(folder.path()), Error);
    }
    CHECK_THROWS_AS(read_model_config(folder / "absent"), Error);
}

TEST_CASE("weights: dtypes, shards, heads") {
    const TemporaryFolder folder;
    for (const bool tied : {true, false}) {
        const ModelConfig config = tiny_config(tied);
        write_random_model(folder / "f32", config, 7);
        const std::vector<float> expected = load(folder / "f32");
        CHECK(static_cast<std::int64_t>(expected.size()) == parameter_count(config));

        write_random_model(folder / "shards", config, 7, FileDType::f32, 3);
        std::filesystem::remove(folder / "shards" / "model.safetensors");
        CHECK(load(folder / "shards") == expected);

        for (const FileDType dtype : {FileDType::f16, FileDType::bf16}) {
            write_random_model(folder / "half", config, 7, dtype);
            const std::vector<float> halves = load(folder / "half");
            REQUIRE(halves.size() == expected.size());
            const float tolerance = dtype == FileDType::f16 ? 0x1p-11f : 0x1p-8f;
            for (std::size_t i = 0; i < halves.size(); ++i)
                REQUIRE(std::abs(halves[i] - expected[i]) <= tolerance * std::abs(expected[i]) + 0x1p-25f);
            CHECK(halves != expected);
        }
    }
}

TEST_CASE("weights: those that are frozen in FP8 come from the same files, matrix by matrix") {
    for (const bool fused : {false, true}) {
        const TemporaryFolder folder;
        ModelConfig config = tiny_config(false);
        config.hidden_size = 48;
        config.intermediate_size = 80;
        config.head_dim = 16;
        config.qkv_bias = !fused;
        config.fused_projections = fused;
        write_random_model(folder.path(), config, 3, FileDType::bf16, 3);
        const ModelWeights weights(folder.path(), config);
        const std::vector<std::int32_t> tokens = {1, 5, 2, 9, 9, 3};

        const auto cpu = make_cpu_backend(1);
        Parameters whole(*cpu, config, DType::f32);
        weights.load(*cpu, whole);
        CHECK(staging_bytes(whole) == 0);
        Transformer plain(*cpu, config);
        const std::vector<float> expected = plain.logits(whole, tokens);

        reference::Fp8Backend backend(false);
        Parameters frozen(backend, config, FrozenInFp8());
        weights.load(backend, frozen);
        CHECK(frozen.named().size() + frozen.frozen().size() == whole.named().size());
        CHECK(staging_bytes(frozen) > 0);
        Transformer in_fp8(backend, config, Recompute::none, Precision::fp8);
        const std::vector<float> logits = in_fp8.logits(frozen, tokens);
        REQUIRE(logits.size() == expected.size());
        for (std::size_t i = 0; i < logits.size(); ++i)
            CHECK(logits[i] == doctest::Approx(expected[i]).epsilon(1e-4));
        // Elsewhere there is nothing to compute in another precision with.
        CHECK_THROWS_AS(Transformer(backend, config).logits(frozen, tokens), Error);
    }
}

TEST_CASE("weights: a tied model's embedding may be stored as its head, or as both when they are equal") {
    const TemporaryFolder folder;
    write_random_model(folder / "m", tiny_config(true), 3);
    const std::vector<float> expected = load(folder / "m");
    const auto file = folder / "m" / "model.safetensors";
    const std::string embedding = "model.embed_tokens.weight", head = "lm_head.weight";
    // The folder's tensors, and what else there is to be.
    const auto write = [&](const std::function<void(std::vector<OutTensor>&)>& change) {
        write_random_model(folder / "m", tiny_config(true), 3);
        std::vector<OutTensor> tensors;
        std::vector<std::string> data;
        {
            const SafetensorsFile from(file);
            for (const auto& [name, tensor] : from.tensors())
                data.emplace_back(reinterpret_cast<const char*>(tensor.data), tensor.bytes);
            std::size_t next = 0;
            for (const auto& [name, tensor] : from.tensors())
                tensors.push_back({name, tensor.dtype, tensor.shape, std::as_bytes(std::span(data[next++]))});
        }
        change(tensors);
        write_safetensors(file, tensors, {{"format", "pt"}});
    };
    const auto place = [&](std::vector<OutTensor>& tensors) {
        return std::ranges::find(tensors, embedding, &OutTensor::name);
    };
    write([&](auto& tensors) { place(tensors)->name = head; });
    CHECK(load(folder / "m") == expected);
    write([&](auto& tensors) {
        OutTensor copy = *place(tensors);
        copy.name = head;
        tensors.push_back(copy);
    });
    CHECK(load(folder / "m") == expected);
    // Equal numbers of other types: a head in bf16 beside an embedding that bf16 holds.
    std::vector<float> round(static_cast<std::size_t>(61 * 32), 0.5f);
    std::vector<std::uint16_t> bits(round.size(), 0x3f00);
    const auto both = [&](auto& tensors) {
        place(tensors)->data = std::as_bytes(std::span(round));
        tensors.push_back({head, FileDType::bf16, {61, 32}, std::as_bytes(std::span(bits))});
    };
    write(both);
    CHECK_NOTHROW(load(folder / "m"));
    bits.back() = 0x3f01;
    write(both);
    const Error error = error_of([&] { load(folder / "m"); });
    CHECK(std::string(error.what()).find("another head") != std::string::npos);
    CHECK(error.where().ends_with(head));
}

TEST_CASE("weights: wrong files are refused, naming file and tensor") {
    const TemporaryFolder folder;
    const ModelConfig config = tiny_config();
    const auto model = folder / "m";
    const auto refuse = [&](const std::string& what, const std::string& where) {
        const Error error = error_of([&] { load(model); });
        CHECK(error.code() == ExitCode::bad_input);
        CAPTURE(error.what());
        CAPTURE(error.where());
        CHECK((error.what() + std::string(" ") + error.where()).find(what) != std::string::npos);
        CHECK(error.where().find(where) != std::string::npos);
    };

    write_random_model(model, config, 1);
    const std::string weights = read_file(model / "model.safetensors");
    const auto spoil = [&](const std::string& from, const std::string& to) {
        std::string changed = weights;
        changed.replace(changed.find(from), from.size(), to);
        write_file(model / "model.safetensors", changed);
    };
    spoil("model.norm.weight", "model.form.weight");
    refuse("\"model.norm.weight\" is missing", "model.safetensors");
    spoil("\"shape\":[61,32]", "\"shape\":[32,61]");
    refuse("[32, 61], but config.json says [61, 32]", "model.embed_tokens.weight");
    spoil("\"F32\"", "\"I32\"");
    refuse("dtype I32", "model.embed_tokens.weight");
    write_file(model / "model.safetensors", weights.substr(0, weights.size() - 1));
    refuse("does not lie inside", "model.safetensors");

    Json larger = config_json(config);
    larger["num_hidden_layers"] = 1;
    write_file(model / "model.safetensors", weights);
    write_file(model / "config.json", larger.dump());
    refuse("model.layers.1.", "model.safetensors");

    write_file(model / "config.json", config_json(tiny_config(false)).dump());
    refuse("\"lm_head.weight\" is missing", "model.safetensors");

    std::filesystem::remove_all(model);
    write_random_model(model, config, 1, FileDType::f32, 2);
    std::filesystem::remove(model / "model-00002-of-00002.safetensors");
    refuse("shard of the model is missing", "model-00002-of-00002.safetensors");
    const auto index = model / "model.safetensors.index.json";
    const std::string good_index = read_file(index);
    const auto spoil_index = [&](const std::string& from, const std::string& to) {
        std::string changed = good_index;
        changed.replace(changed.find(from), from.size(), to);
        write_file(index, changed);
    };
    spoil_index("model-00001-of", "../model-00001-of");
    refuse("not a plain file name", "index.json");
    spoil_index("weight_map", "height_map");
    refuse("no weight_map", "index.json");
    std::filesystem::remove(index);
    refuse("no weights", "m");
}

TEST_CASE("an export of each family has its folder's tensors and config") {
    const TemporaryFolder folder;
    const std::filesystem::path fixtures = WISHBONE_TEST_FOLDER "/../../test/fixtures/hf";
    int families = 0;
    for (const auto& entry : std::filesystem::directory_iterator(fixtures)) {
        if (!entry.path().filename().string().starts_with("family-")) continue;
        ++families;
        CAPTURE(entry.path().filename().string());
        const auto source = entry.path() / "model";
        const ModelConfig config = read_model_config(source);
        const auto backend = make_cpu_backend(1);
        Parameters parameters(*backend, config, DType::f32);
        ModelWeights(source, config).load(*backend, parameters);
        export_model(folder / "export", {source}, {*backend, parameters});
        CHECK(Json::parse(read_file(folder / "export" / "config.json")) ==
              Json::parse(read_file(source / "config.json")));
        const SafetensorsFile before(source / "model.safetensors"),
            after(folder / "export" / "model.safetensors");
        REQUIRE(before.tensors().size() == after.tensors().size());
        for (const auto& [name, tensor] : before.tensors()) {
            CAPTURE(name);
            const FileTensor& exported = after.at(name);
            CHECK(exported.shape == tensor.shape);
            REQUIRE(exported.bytes == tensor.bytes);
            CHECK(std::memcmp(exported.data, tensor.data, tensor.bytes) == 0);
        }
    }
    CHECK(families >= 13);
}

TEST_CASE("weights are exported in the dtypes that the model's files have, or in the one asked for") {
    const TemporaryFolder folder;
    const ModelConfig config = tiny_config(false);
    const auto source = folder / "source", file = source / "model.safetensors";
    write_random_model(source, config, 11, FileDType::bf16);
    // Norms in F32, as some models have them.
    {
        std::vector<OutTensor> tensors;
        std::vector<std::string> data;
        const SafetensorsFile from(file);
        for (const auto& [name, tensor] : from.tensors()) {
            const bool norm = name.find("norm") != std::string::npos;
            std::vector<float> values(static_cast<std::size_t>(tensor.size()));
            to_float(tensor, values);
            data.emplace_back(norm ? reinterpret_cast<const char*>(values.data())
                                   : reinterpret_cast<const char*>(tensor.data),
                              norm ? values.size() * sizeof(float) : tensor.bytes);
            tensors.push_back({name, norm ? FileDType::f32 : FileDType::bf16, tensor.shape, {}});
        }
        for (std::size_t i = 0; i < data.size(); ++i) tensors[i].data = std::as_bytes(std::span(data[i]));
        write_safetensors(folder / "mixed", tensors, {{"format", "pt"}});
    }
    std::filesystem::rename(folder / "mixed", file);
    const auto backend = make_cpu_backend(2);
    Parameters parameters(*backend, config, DType::f32);
    const ModelWeights weights(source, config);
    weights.load(*backend, parameters);
    // What training leaves is no number of 16 bits.
    for (const NamedTensor& parameter : parameters.named()) backend->scale(parameter.tensor, 1.001f);

    const auto dtype_of = [](const Json& json) { return json.value("torch_dtype", json.value("dtype", "")); };
    const auto check = [&](const ExportDTypes& dtypes, const std::string& said, auto&& expected_dtype) {
        export_model(folder / "export", {source, {}, dtypes}, {*backend, parameters});
        CHECK(dtype_of(Json::parse(read_file(folder / "export" / "config.json"))) == said);
        const SafetensorsFile out(folder / "export" / "model.safetensors");
        for (const NamedTensor& parameter : parameters.named()) {
            CAPTURE(parameter.name);
            const FileTensor& tensor = out.at(parameter.name);
            REQUIRE(tensor.dtype == expected_dtype(parameter.name));
            const auto* values = static_cast<const float*>(parameter.tensor.data);
            std::vector<float> exported(static_cast<std::size_t>(tensor.size()));
            to_float(tensor, exported);
            for (std::size_t i = 0; i < exported.size(); ++i)
                REQUIRE(exported[i] == (tensor.dtype == FileDType::f32 ? values[i]
                                        : tensor.dtype == FileDType::bf16
                                            ? bfloat16_to_float(float_to_bfloat16(values[i]))
                                            : half_to_float(float_to_half(values[i]))));
        }
    };
    const auto all = [](FileDType dtype) { return [dtype](const std::string&) { return dtype; }; };
    check(ExportDTypes(weights), "bfloat16", [](const std::string& name) {
        return name.find("norm") != std::string::npos ? FileDType::f32 : FileDType::bf16;
    });
    check(ExportDTypes(FileDType::f32), "float32", all(FileDType::f32));
    check(ExportDTypes(FileDType::bf16), "bfloat16", all(FileDType::bf16));
    check(ExportDTypes(FileDType::f16), "float16", all(FileDType::f16));
    // Too large for F16: never an infinity.
    static_cast<float*>(parameters.named().front().tensor.data)[3] = 70000.0f;
    check(ExportDTypes(FileDType::f16), "float32", all(FileDType::f32));
    CHECK(names_containing(folder.path(), "tmp").empty());
}

TEST_CASE("an exported model is a Hugging Face folder of the same model") {
    const TemporaryFolder folder;
    for (const bool tied : {true, false}) {
        const ModelConfig config = tiny_config(tied);
        const auto source = folder / "source";
        write_random_model(source, config, 11, FileDType::bf16);
        write_file(source / "chat_template.jinja", "{{ messages }}");
        write_file(source / "generation_config.json", "{\"do_sample\": true}");
        const std::vector<float> weights = load(source);
        const auto backend = make_cpu_backend(1);
        Parameters parameters(*backend, config, DType::f32);
        ModelWeights(source, config).load(*backend, parameters);

        for (const std::uint64_t shard_bytes : {std::uint64_t{5'000'000'000}, std::uint64_t{20000}}) {
            export_model(folder / "export", {source}, {*backend, parameters}, shard_bytes);
            CHECK(load(folder / "export") == weights);
            CHECK(std::filesystem::exists(folder / "export" / "model.safetensors") == (shard_bytes > 20000));
            CHECK(read_file(folder / "export" / "chat_template.jinja") == "{{ messages }}");
            CHECK(read_file(folder / "export" / "generation_config.json") == "{\"do_sample\": true}");
            CHECK(read_file(folder / "export" / "tokenizer.json") == "{}");
            Json expected = config_json(config);
            expected["torch_dtype"] = "float32";
            CHECK(Json::parse(read_file(folder / "export" / "config.json")) == expected);
        }
        const auto shards = names_containing(folder / "export", "model-0");
        CHECK(shards.size() > 1);
        for (const auto& shard : shards) CHECK(std::filesystem::file_size(shard) < 20000 + 2000);
        CHECK(names_containing(folder.path(), "tmp").empty());
    }
}
