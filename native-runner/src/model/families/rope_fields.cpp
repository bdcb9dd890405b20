#include "model/families/rope_fields.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "model/families/rope_object.h"

namespace wishbone {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kinds[] = {"full_attention", "sliding_attention"};

bool has_parts(JsonFields& object) {
    return std::ranges::any_of(kinds, [&](const char* kind) { return object.present(kind); });
}

/// An object with something in it.
std::optional<JsonFields> filled(JsonFields& fields, const char* name) {
    if (!fields.has(name)) return std::nullopt;
    JsonFields object = fields.object(name);
    return object.names().empty() ? std::nullopt : std::optional(std::move(object));
}

/// The object's fields without nulls, the kind by its newer name.
std::map<std::string, Json> said(JsonFields& object) {
    std::map<std::string, Json> all;
    for (const std::string& name : object.names())
        if (name != "type" && object.has(name)) all[name] = object.any(name);
    if (!all.contains("rope_type"))
        all["rope_type"] = object.has("type") ? object.any("type") : Json("default");
    return all;
}

/// Those in `names` must be the same in both.
void refuse_difference(const JsonFields& fields, const std::map<std::string, Json>& scaling,
                       const std::map<std::string, Json>& parameters, const std::set<std::string>& names) {
    const auto value = [](const std::map<std::string, Json>& all, const std::string& name) {
        const auto found = all.find(name);
        return found == all.end() ? Json() : found->second;
    };
    for (const std::string& name : names)
        if (value(scaling, name) != value(parameters, name))
            throw bad_input(
                "\"rope_scaling\" and \"rope_parameters\" contradict each other in \"" + name + "\"",
                fields.where("rope_scaling"), said_twice);
}

std::set<std::string> names_of(const std::map<std::string, Json>& all) {
    std::set<std::string> names;
    for (const auto& [name, value] : all) names.insert(name);
    return names;
}

void read_one(JsonFields& fields, JsonFields* scaling, JsonFields* parameters, const RopeTraits& traits,
              ModelConfig& config) {
    for (const auto& [name, object] :
         {std::pair("rope_scaling", scaling), std::pair("rope_parameters", parameters)})
        if (object != nullptr && has_parts(*object))
            throw bad_input(std::string("\"") + name +
                                "\" has parts for kinds of layers, but all layers of this family turn alike",
                            fields.where(name), "Give one object for all.");
    if (scaling != nullptr && parameters != nullptr) {
        const Json theta = fields.has("rope_theta") ? fields.any("rope_theta") : Json(config.ropes[0].theta);
        auto one = said(*scaling), other = said(*parameters);
        one.try_emplace("rope_theta", theta);
        other.try_emplace("rope_theta", theta);
        std::set<std::string> names = names_of(one);
        names.merge(names_of(other));
        refuse_difference(fields, one, other, names);
    }
    read_rope_object(fields, scaling != nullptr ? scaling : parameters, traits, config, config.ropes[0],
                     "rope_theta");
}

void read_by_layer(JsonFields& fields, JsonFields* scaling, JsonFields* parameters, const RopeTraits& traits,
                   ModelConfig& config) {
    const auto is_kind = [](const std::string& name) { return name == kinds[0] || name == kinds[1]; };
    if (parameters != nullptr && !std::ranges::all_of(parameters->names(), is_kind))
        throw bad_input("\"rope_parameters\" must have an object for each kind of layer, and nothing else",
                        fields.where("rope_parameters"),
                        "Give \"full_attention\" and \"sliding_attention\".");
    if (scaling != nullptr && has_parts(*scaling))
        throw bad_input("\"rope_scaling\" has parts for kinds of layers", fields.where("rope_scaling"),
                        "Move them to \"rope_parameters\".");
    // It is laid over an object that has a kind by its newer name.
    if (scaling != nullptr && scaling->has("type") && !scaling->has("rope_type") && parameters == nullptr)
        throw bad_input("The older name \"type\" counts for nothing in this family", scaling->where("type"),
                        "Call it \"rope_type\".");
    const auto part = [&](const char* kind) {
        return parameters != nullptr && parameters->has(kind) ? std::optional(parameters->object(kind))
                                                              : std::nullopt;
    };
    std::optional<JsonFields> full = part(kinds[0]), sliding = part(kinds[1]);
    if (scaling != nullptr && parameters != nullptr) {
        const auto one = said(*scaling);
        refuse_difference(fields, one, full ? said(*full) : std::map<std::string, Json>(), names_of(one));
    }
    read_rope_object(fields, full ? &*full : scaling, traits, config, config.ropes[0], "rope_theta");
    read_rope_object(fields, sliding ? &*sliding : nullptr, traits, config, config.ropes[1],
                     "rope_local_base_freq");
}

}  // namespace

void read_rope(JsonFields& fields, const RopeTraits& traits, ModelConfig& config) {
    std::optional<JsonFields> scaling = filled(fields, "rope_scaling"),
                              parameters = filled(fields, "rope_parameters");
    (traits.by_layer ? read_by_layer : read_one)(fields, scaling ? &*scaling : nullptr,
                                                 parameters ? &*parameters : nullptr, traits, config);
}

}  // namespace wishbone
