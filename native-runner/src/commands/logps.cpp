#include <cstdio>
#include <deque>

#include "commands/commands.h"
#include "commands/loaded_model.h"
#include "core/one_behind.h"
#include "io/safetensors.h"
#include "model/plan_fits.h"
#include "pretrained/model_weights.h"
#include "train/trainer.h"

namespace wishbone {

void logps_command(const LogpsArguments& arguments) {
    const Plan plan = Plan::read(arguments.plan);
    LoadedModel model(arguments.model, arguments.backend, arguments.adapter,
                      arguments.fp8 ? Precision::fp8 : Precision::bf16);
    check_plan_fits(plan, arguments.plan.string(), model.config());
    model.transformer().expect_length(plan.longest_position());

    std::vector<double> sums(static_cast<std::size_t>(plan.sequences()), 0.0);
    std::vector<float> target_logps;
    struct Pass {
        std::int64_t bin;
        PendingLogps logps;
        bool is_there() const { return logps.is_there(); }
    };
    OneBehind<Pass> passes([&](const Pass& pass) {
        const std::vector<float> of_bin = pass.logps.logps();
        add_by_sequence(plan.bin(pass.bin), of_bin, sums);
        if (arguments.per_token) target_logps.insert(target_logps.end(), of_bin.begin(), of_bin.end());
        std::fprintf(stderr, "\rbin %lld/%lld", static_cast<long long>(pass.bin + 1),
                     static_cast<long long>(plan.bins()));
    });
    for (std::int64_t b = 0; b < plan.bins(); ++b) {
        const auto device = model.transformer().prepare(plan.bin(b));
        passes.add({b, model.transformer().begin_forward(model.view(), *device, false)});
    }
    passes.end();
    std::fprintf(stderr, "\n");
    const std::vector<float> logps(sums.begin(), sums.end());

    std::vector<OutTensor> out = {
        {"logps", FileDType::f32, {plan.sequences()}, std::as_bytes(std::span(logps))}};
    if (arguments.per_token) {
        out.push_back({"target_logps",
                       FileDType::f32,
                       {static_cast<std::int64_t>(target_logps.size())},
                       std::as_bytes(std::span<const float>(target_logps))});
    }
    std::deque<std::vector<float>> gradients;
    if (arguments.gradients) {
        TrainingOptions options;
        options.loss.beta = arguments.beta;
        Trainer trainer(model.backend(), model.transformer(), model.policy(), options);
        PlanReference reference(plan, std::nullopt);
        reference.logps.assign(reference.keys(), 0.0);
        trainer.set_reference(std::move(reference));
        trainer.loss_and_gradient(plan, 0);
        for (const NamedTensor& parameter : trainer.gradients().named()) {
            const Tensor& tensor = parameter.tensor;
            auto& values = gradients.emplace_back(static_cast<std::size_t>(tensor.size()));
            download_floats(model.backend(), values, tensor);
            out.push_back({"grad." + parameter.name,
                           FileDType::f32,
                           {tensor.shape.begin(), tensor.shape.begin() + tensor.rank},
                           std::as_bytes(std::span<const float>(values))});
        }
    }
    write_safetensors(arguments.out, out, {{"format", "wishbone-logps"}});
}

}  // namespace wishbone
