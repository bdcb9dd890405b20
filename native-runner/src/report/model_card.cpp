#include "report/model_card.h"

#include <cstdio>

#include "core/version.h"
#include "io/hub_origin.h"

namespace wishbone {

namespace {

using Json = nlohmann::ordered_json;

std::string text(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// A path may tell of the machine: the name alone, and of what comes from the hub where it is from.
std::string pinned_name(const std::string& path) {
    const auto origin = hub_origin(path);
    return name_of_path(path) + (origin ? "@" + origin->commit : "");
}

/// `org/name` at its commit, and which of its files; else the last part of what the data were named by, which may be a folder or
/// an entry of a list, or their first file's name.
std::string data_name(const Json& data) {
    const std::string path = text(data, "path");
    const auto names = data.find("names");
    std::string named = path;
    if (names != data.end() && names->is_array() && names->size() == 1 && names->front().is_string())
        named = names->front().get<std::string>();
    std::string shown = std::filesystem::path(named).filename().string();
    // A weight is no part of the name.
    const std::size_t colon = shown.rfind(':');
    if (colon != std::string::npos && colon > 0 &&
        shown.find_first_not_of("0123456789.", colon + 1) == std::string::npos)
        shown.resize(colon);
    // Wildcards say less than a file does.
    if (hub_origin(path) || shown.find_first_of("*?[{") != std::string::npos)
        shown = std::filesystem::path(path).filename().string();
    const std::string file = "`" + shown + "`";
    return hub_origin(path) ? "`" + pinned_name(path) + "`, " + file : file;
}

std::string number(const Json& value) {
    if (!value.is_number()) return value.is_null() ? "not a number" : value.dump();
    if (value.is_number_integer()) return value.dump();
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.4g", value.get<double>());
    return digits;
}

std::string losses_of(const Json& training) {
    const auto loss = training.find("loss_type");
    if (loss == training.end()) return "";
    if (!loss->is_array()) return loss->is_string() ? loss->get<std::string>() : "";
    std::string all;
    for (const Json& one : *loss)
        if (one.is_string()) all += (all.empty() ? "" : " + ") + one.get<std::string>();
    return all;
}

void add_data(std::string& card, const Json& run) {
    card += "\n## Data\n\n| | file | form | pairs | SHA-256 |\n|---|---|---|---|---|\n";
    for (const auto& [field, title] : {std::pair{"dataset", "training"}, {"eval_dataset", "evaluation"}}) {
        const auto data = run.find(field);
        if (data == run.end() || !data->is_object()) continue;
        card += std::string("| ") + title + " | " + data_name(*data) + " | " + text(*data, "format") + " | " +
                number(data->value("pairs", Json(0))) + " | `" + text(*data, "sha256") + "` |\n";
    }
}

void add_figures(std::string& card, const Json& state, std::int64_t step) {
    const Json *last = nullptr, *eval = nullptr;
    for (const Json& entry : state.at("log_history")) {
        if (entry.value("step", std::int64_t{0}) > step) continue;
        (entry.contains("loss") ? last : eval) = &entry;
    }
    if (last == nullptr) return;
    card += "\n## Figures\n\n| metric | training, step ";
    card += std::to_string(step);
    card += eval ? " | evaluation |\n|---|---|---|\n" : " |\n|---|---|\n";
    for (const char* name : {"loss", "rewards/accuracies", "rewards/margins", "rewards/chosen",
                             "rewards/rejected", "logps/chosen", "logps/rejected", "nll_loss"}) {
        const auto value = last->find(name);
        if (value == last->end()) continue;
        card += std::string("| `") + name + "` | " + number(*value) + " |";
        if (eval) {
            const auto of_eval = eval->find(std::string("eval_") + name);
            card += of_eval != eval->end() ? " " + number(*of_eval) + " |" : " |";
        }
        card += "\n";
    }
}

}  // namespace

std::string model_card(const Json& run, const Json& state, const ModelCardFacts& facts) {
    const Json training = run.value("training", Json::object());
    const std::string model = text(run.value("model", Json::object()), "path");
    const std::string base = name_of_path(model);
    const auto origin = hub_origin(model);
    const std::string loss = losses_of(training);
    // Quoted as JSON, which YAML reads.
    std::string card = "---\nbase_model: " + Json(base).dump() +
                       "\nlibrary_name: " + (facts.is_adapter ? "peft" : "transformers") +
                       "\npipeline_tag: text-generation\ntags:\n- wishbone\n- preference-tuning\n- dpo\n";
    if (facts.is_adapter) card += "- lora\n";
    card += "---\n\n# " + text(run, "name") + "\n\n";
    card += std::string(facts.is_adapter ? "A LoRA adapter on" : "Trained from") + " `" + base + "`" +
            (origin ? " (commit `" + origin->commit + "`)" : "") + " with " +
            (loss.empty() ? "" : "the loss `" + loss + "` on ") + "preference pairs, by Wishbone " + version +
            " (preference tuning with prefix sharing), in " + std::to_string(facts.step) + " steps (" +
            number(state.at("epoch")) + " epochs, " + number(state.at("num_input_tokens_seen")) +
            " tokens computed) on " + facts.device + ".\n";
    add_data(card, run);
    add_figures(card, state, facts.step);
    Json settings = {{"plan", run.value("plan", Json::object())}, {"training", training}};
    for (const char* name : {"reference_model", "adapter_name_or_path"})
        if (const auto path = settings["training"].find(name);
            path != settings["training"].end() && path->is_string())
            *path = pinned_name(path->get<std::string>());
    card += "\n## Settings\n\nRun `" + text(run, "id") + "`.\n\n```json\n" + settings.dump(2) + "\n```\n";
    card += "\n## Use\n\n```python\n";
    if (facts.is_adapter)
        card +=
            "from peft import PeftModel\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            "model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(\"" +
            (origin ? base + "\", revision=\"" + origin->commit : "path/to/" + base) +
            "\"), \"path/to/this/folder\")\n";
    else
        card +=
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            "model = AutoModelForCausalLM.from_pretrained(\"path/to/this/folder\")\n";
    return card + "tokenizer = AutoTokenizer.from_pretrained(\"path/to/this/folder\")\n```\n";
}

}  // namespace wishbone
