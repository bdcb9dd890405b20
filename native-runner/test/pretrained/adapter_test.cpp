#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <string>

#include "core/error.h"
#include "pretrained/adapter.h"
#include "pretrained/model_config.h"
#include "support/files.h"
#include "support/temporary_folder.h"

using namespace wishbone;
using namespace wishbone::test;
using Json = nlohmann::ordered_json;

// The folders are PEFT's own: scripts/fixtures/peft_lora.py.

namespace {

const std::filesystem::path fixtures = WISHBONE_TEST_FOLDER "/../../test/fixtures/hf";

struct Case {
    const char *adapter, *model;
};
constexpr Case cases[] = {{"lora-all-linear", "gqa2-untied-bf16"},
                          {"lora-patterns", "family-qwen2"},
                          {"lora-regex", "family-phi3-short"}};

std::vector<LoraModule> modules_of(const ModelConfig& config, const std::filesystem::path& folder) {
    return lora_modules(config, read_adapter_config(folder), folder.string());
}

void refused(const std::function<void()>& act, const std::string& part) {
    try {
        act();
        FAIL("was not refused");
    } catch (const Error& error) {
        CHECK(error.code() == ExitCode::bad_input);
        const std::string message = error.what() + (" (" + error.where() + ")");
        CAPTURE(message);
        CHECK(message.find(part) != std::string::npos);
    }
}

}  // namespace

TEST_CASE("adapters: what PEFT wrote is read and written again, tensor by tensor and field by field") {
    const TemporaryFolder folder;
    for (const auto& [name, model] : cases) {
        CAPTURE(name);
        const auto source = fixtures / name / "adapter", base = fixtures / model / "model";
        const ModelConfig config = read_model_config(base);
        const std::vector<LoraModule> modules = modules_of(config, source);
        const auto backend = make_cpu_backend(1);
        const Lora adapter(*backend, config, modules, DType::f32);
        AdapterWeights(source, modules).load(*backend, adapter);
        export_adapter(folder / "export", {base}, read_adapter_config(source), {*backend, adapter});

        const SafetensorsFile before(source / "adapter_model.safetensors"),
            after(folder / "export" / "adapter_model.safetensors");
        REQUIRE(before.tensors().size() == after.tensors().size());
        for (const auto& [tensor_name, tensor] : before.tensors()) {
            CAPTURE(tensor_name);
            const FileTensor& exported = after.at(tensor_name);
            CHECK(exported.shape == tensor.shape);
            REQUIRE(exported.bytes == tensor.bytes);
            CHECK(std::memcmp(exported.data, tensor.data, tensor.bytes) == 0);
        }
        const Json theirs = Json::parse(read_file(source / "adapter_config.json")),
                   ours = Json::parse(read_file(folder / "export" / "adapter_config.json"));
        for (const auto& [field, value] : ours.items()) {
            CAPTURE(field);
            if (field == "base_model_name_or_path")
                CHECK(value == base.filename().string());
            else
                CHECK(value == theirs.at(field));
        }
    }
}

TEST_CASE("adapters: another model's, damaged and other kinds are refused, naming file and tensor or field") {
    const auto llama = read_model_config(fixtures / "gqa2-untied-bf16" / "model");
    const auto qwen = read_model_config(fixtures / "family-qwen2" / "model");
    const auto phi = read_model_config(fixtures / "family-phi3-short" / "model");
    const auto open = [](const ModelConfig& config, const std::filesystem::path& folder) {
        AdapterWeights(folder, modules_of(config, folder));
    };
    refused([&] { open(qwen, fixtures / "lora-all-linear" / "adapter"); }, "for another model");
    refused([&] { open(llama, fixtures / "lora-patterns" / "adapter"); }, "for another model");
    refused([&] { open(llama, fixtures / "lora-regex" / "adapter"); }, "No linear layer has a name");
    refused([&] { open(phi, fixtures / "lora-patterns" / "adapter"); }, "no linear layer called \"q_proj\"");
    refused([&] { read_adapter_config(fixtures / "family-qwen2" / "model"); }, "no PEFT adapter");

    const TemporaryFolder folder;
    const auto adapter = folder / "adapter", source = fixtures / "lora-all-linear" / "adapter";
    std::filesystem::create_directory(adapter);
    std::filesystem::copy(source / "adapter_model.safetensors", adapter / "adapter_model.safetensors");
    const Json good = Json::parse(read_file(source / "adapter_config.json"));
    const auto with = [&](const char* field, const Json& value) {
        Json config = good;
        config[field] = value;
        write_file(adapter / "adapter_config.json", config.dump());
        open(llama, adapter);
    };
    with("lora_dropout", 0.1);  // concerns training alone
    refused([&] { with("peft_type", "IA3"); }, "peft_type");
    refused([&] { with("use_dora", true); }, "use_dora");
    refused([&] { with("bias", "all"); }, "bias");
    refused([&] { with("init_lora_weights", "pissa_niter_4"); }, "init_lora_weights");
    refused([&] { with("modules_to_save", {"lm_head"}); }, "modules_to_save");
    refused([&] { with("layers_to_transform", {0}); }, "layers_to_transform");
    refused([&] { with("r", 5); }, "this model needs [5, ");
    refused([&] { with("r", 0); }, ": r");
    refused([&] { with("r", nullptr); }, "\"r\" is missing");
    refused([&] { with("target_modules", Json::array()); }, "target_modules");
    refused([&] { with("target_modules", {"q_proj"}); }, "does not belong");
    refused([&] { with("rank_pattern", {{"nothing", 3}}); }, "nothing");
    refused([&] { with("rank_pattern", {{"q_proj", -3}}); }, "rank_pattern");
    refused(
        [&] {
            write_file(adapter / "adapter_config.json", "{");
            read_adapter_config(adapter);
        },
        "adapter_config.json");
    write_file(adapter / "adapter_config.json", good.dump());
    std::filesystem::resize_file(adapter / "adapter_model.safetensors", 1000);
    refused([&] { open(llama, adapter); }, "adapter_model.safetensors");
}
