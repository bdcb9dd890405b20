#include "model/families/rope_object.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "model/families/layer_fields.h"

namespace wishbone {
namespace {

using Json = nlohmann::ordered_json;

/// A value at the top and within must be the same.
void refuse_twice(JsonFields& top, const char* above, JsonFields* within, const char* name) {
    if (within != nullptr && within->has(name) && top.has(above) && within->any(name) != top.any(above))
        throw bad_input(std::string("\"") + name + "\" contradicts the \"" + above + "\" above it",
                        within->where(name), said_twice);
}

/// One RoPE: what the top of config.json and an object say of it.
class RopeReader {
  public:
    /// `within` may be null.
    RopeReader(JsonFields& top, JsonFields* within, const RopeTraits& traits, const ModelConfig& config)
        : top_(top), within_(within), traits_(traits), config_(config) {}

    /// `theta_field`: what stands for `rope_theta` at the top.
    void read(Rope& rope, const char* theta_field) {
        read_theta(rope, theta_field);
        read_rotated(rope);
        if (within_ == nullptr) return;
        const char* named = within_->present("rope_type") ? "rope_type" : "type";
        within_->not_null({named});
        std::string kind = within_->text(named, "default");
        if (traits_.long_alone && (kind == "su" || kind == "yarn")) kind = "longrope";
        const std::vector<const char*> known =
            traits_.long_alone
                ? std::vector<const char*>{"default", "longrope"}
                : std::vector<const char*>{"default", "linear", "dynamic", "yarn", "longrope", "llama3"};
        if (std::ranges::find(known, kind) == known.end()) {
            std::string all;
            for (const char* one : known) all += (all.empty() ? "\"" : ", \"") + std::string(one) + "\"";
            throw bad_input("RoPE scaling " + Json(kind).dump() + " is not supported",
                            within_->where("rope_type"), "Use a model with one of " + all + ".");
        }
        if (kind == "linear") rope.scaling = LinearRopeScaling{within_->number("factor", 1e-6, 1e6)};
        if (kind == "dynamic") rope.scaling = read_dynamic(rope);
        if (kind == "yarn") rope.scaling = read_yarn();
        if (kind == "longrope") rope.scaling = read_long(rope);
        if (kind == "llama3") rope.scaling = read_llama3();
    }

  private:
    void read_theta(Rope& rope, const char* field) {
        std::optional<double> own, above;
        if (within_ != nullptr && within_->present("rope_theta")) {
            within_->not_null({"rope_theta"});
            own = within_->number("rope_theta", 1, 1e15);
        } else {
            top_.not_null({field});
        }
        if (top_.has(field)) above = top_.number(field, 1, 1e15);
        refuse_twice(top_, field, within_, "rope_theta");
        rope.theta = own.value_or(above.value_or(rope.theta));
    }

    void read_rotated(Rope& rope) {
        constexpr const char* name = "partial_rotary_factor";
        if (traits_.partial) {
            top_.not_null({name});
            if (within_ != nullptr) within_->not_null({name});
        }
        for (JsonFields* fields : {within_, &top_}) {
            if (fields == nullptr || !fields->has(name)) continue;
            if (fields->number(name, 0, 1) != 1 && !traits_.partial)
                throw bad_input("Part of a head turns, but models of this family turn whole heads",
                                fields->where(name), "Use another model.");
        }
        if (!traits_.partial) return;
        refuse_twice(top_, name, within_, name);
        JsonFields& fields = within_ != nullptr && within_->has(name) ? *within_ : top_;
        const auto rotated =
            static_cast<std::int64_t>(fields.number(name, 0, 1, 1) * static_cast<double>(config_.head_dim));
        if (rotated < 2 || rotated % 2 != 0)
            throw bad_input(
                "RoPE rotates pairs, but " + std::to_string(rotated) + " elements of a head are to turn",
                fields.where(name), "Use a model that rotates an even number.");
        rope.rotated = rotated;
    }

    std::int64_t rotated(const Rope& rope) const {
        return rope.rotated > 0 ? rope.rotated : config_.head_dim;
    }

    std::int64_t original_positions() {
        constexpr const char* name = "original_max_position_embeddings";
        const auto size = [&](JsonFields& fields, std::optional<std::int64_t> otherwise = {}) {
            return fields.integer(name, 1, largest_size, otherwise);
        };
        within_->not_null({name});
        top_.not_null({name});
        if (within_->has(name)) size(*within_);
        if (top_.has(name)) size(top_);
        refuse_twice(top_, name, within_, name);
        if (traits_.by_layer) {
            // transformers passes over the field at the top there.
            if (top_.has(name) && !within_->has(name))
                throw bad_input(std::string("\"") + name + "\" belongs to the object of its layers",
                                top_.where(name), "Move it there.");
            return size(*within_, config_.max_position_embeddings);
        }
        if (top_.has(name)) return size(top_);
        if (traits_.original > 0 && within_->has(name) && size(*within_) != traits_.original)
            throw bad_input(std::string("\"") + name +
                                "\" counts at the top of config.json only, where it is missing and means " +
                                std::to_string(traits_.original),
                            within_->where(name), "Give it there too.");
        return traits_.original > 0 ? traits_.original : size(*within_, config_.max_position_embeddings);
    }

    DynamicRopeScaling read_dynamic(const Rope& rope) {
        const double factor = within_->number("factor", 1, 1e6);
        if (rotated(rope) < 4)
            throw bad_input("RoPE scaling \"dynamic\" needs heads of 4 elements or more",
                            within_->where("rope_type"), "Use another model.");
        return {factor, config_.max_position_embeddings};
    }

    YarnRopeScaling read_yarn() {
        YarnRopeScaling yarn{};
        yarn.original_max_position_embeddings = original_positions();
        // Given as null it is the ratio of the contexts.
        std::optional<double> ratio;
        if (within_->present("factor"))
            ratio = static_cast<double>(config_.max_position_embeddings) /
                    static_cast<double>(yarn.original_max_position_embeddings);
        yarn.factor = within_->number("factor", 1, 1e6, ratio);
        yarn.beta_fast = within_->number("beta_fast", 1e-6, 1e6, 32.0);
        yarn.beta_slow = within_->number("beta_slow", 1e-6, 1e6, 1.0);
        yarn.truncate = within_->present("truncate") ? within_->boolean("truncate", false) : true;
        // transformers reads it beside the objects of layers, where no config has it.
        if (traits_.by_layer && !yarn.truncate)
            throw bad_input("YaRN that does not truncate is not supported here", within_->where("truncate"),
                            "Leave it out.");
        const auto magnitude = [&](double scale) {
            return yarn.factor <= 1 ? 1.0 : 0.1 * scale * std::log(yarn.factor) + 1.0;
        };
        const double mscale = within_->number("mscale", 0, 1e6, 0.0),
                     mscale_all_dim = within_->number("mscale_all_dim", 0, 1e6, 0.0);
        const double usual =
            mscale > 0 && mscale_all_dim > 0 ? magnitude(mscale) / magnitude(mscale_all_dim) : magnitude(1);
        yarn.attention_factor = within_->number("attention_factor", 1e-6, 1e6, usual);
        return yarn;
    }

    std::vector<double> read_factors(const char* name, std::int64_t count) {
        const auto& list = within_->any(name);
        const auto refuse = [&](const std::string& what) {
            return bad_input(what, within_->where(name), "Correct config.json.");
        };
        if (!list.is_array() || static_cast<std::int64_t>(list.size()) != count)
            throw refuse("A list of " + std::to_string(count) + " factors is needed, one for each frequency");
        std::vector<double> factors;
        for (const auto& factor : list) {
            if (!factor.is_number() || !(factor.get<double>() > 0))
                throw refuse("A factor is not a number above 0");
            factors.push_back(factor.get<double>());
        }
        return factors;
    }

    LongRopeScaling read_long(const Rope& rope) {
        LongRopeScaling scaled;
        scaled.original_max_position_embeddings = original_positions();
        const auto original = static_cast<double>(scaled.original_max_position_embeddings);
        scaled.short_factor = read_factors("short_factor", rotated(rope) / 2);
        scaled.long_factor = read_factors("long_factor", rotated(rope) / 2);
        const double factor = within_->number(
            "factor", 1e-6, 1e6, static_cast<double>(config_.max_position_embeddings) / original);
        const double usual = factor <= 1 ? 1.0 : std::sqrt(1 + std::log(factor) / std::log(original));
        scaled.attention_factor = within_->number("attention_factor", 1e-6, 1e6, usual);
        return scaled;
    }

    Llama3RopeScaling read_llama3() {
        Llama3RopeScaling llama3{};
        llama3.original_max_position_embeddings = original_positions();
        llama3.factor = within_->number("factor", 1, 1e6);
        llama3.low_freq_factor = within_->number("low_freq_factor", 1e-6, 1e6);
        llama3.high_freq_factor = within_->number("high_freq_factor", 1e-6, 1e6);
        if (llama3.high_freq_factor <= llama3.low_freq_factor)
            throw bad_input("high_freq_factor is not above low_freq_factor",
                            within_->where("high_freq_factor"), "Correct the two factors.");
        return llama3;
    }

    JsonFields& top_;
    JsonFields* within_;
    const RopeTraits& traits_;
    const ModelConfig& config_;
};

}  // namespace

void read_rope_object(JsonFields& top, JsonFields* within, const RopeTraits& traits,
                      const ModelConfig& config, Rope& rope, const char* theta_field) {
    RopeReader(top, within, traits, config).read(rope, theta_field);
}

}  // namespace wishbone
