#include "run/reporter.h"

#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "core/terminal.h"
#include "core/version.h"
#include "model/parameters.h"
#include "run/metric_fields.h"
#include "run/process/process_identity.h"

namespace wishbone {

namespace {

using Fields = nlohmann::ordered_json;

long long printed(std::int64_t number) { return static_cast<long long>(number); }

/// Seconds without digits that say nothing: a step of many ranks has many.
std::vector<double> in_microseconds(std::vector<double> seconds) {
    for (double& each : seconds) each = std::round(each * 1e6) / 1e6;
    return seconds;
}

Fields devices_field(const std::vector<DeviceReading>& devices) {
    Fields field = Fields::array();
    for (const DeviceReading& device : devices) {
        Fields one = {{"name", device.name}};
        if (device.utilisation) one["utilisation"] = std::round(*device.utilisation * 1000) / 1000;
        if (device.memory) {
            one["memory"] = device.memory->used;
            one["memoryTotal"] = device.memory->total;
        }
        if (device.temperature) one["temperature"] = *device.temperature;
        if (device.power) one["power"] = std::round(*device.power * 10) / 10;
        field.push_back(std::move(one));
    }
    return field;
}

}  // namespace

Reporter::Reporter(const RunInputs& inputs, const RunLock& lock, EventLog& events, PairRecord& pairs,
                   std::optional<std::int64_t> resumed_after)
    : inputs_(inputs),
      lock_(lock),
      events_(events),
      pairs_(pairs),
      tensorboard_(inputs.folder, resumed_after),
      resumed_after_(resumed_after) {}

void Reporter::start(const Backend& backend) {
    const ProcessIdentity self = identify_this_process();
    events_.write("start", {{"version", version},
                            {"backend", backend.name()},
                            {"device", backend.device_name()},
                            {"threads", backend.threads()},
                            {"pid", self.pid},
                            {"pidStart", self.start},
                            {"bootId", self.boot_id},
                            {"resumedFrom", resumed_after_ ? Fields(*resumed_after_) : Fields(nullptr)},
                            {"steps", inputs_.steps()},
                            {"pairs", inputs_.train.plan.pairs()},
                            {"parameters", parameter_count(inputs_.model)}});
}

void Reporter::watch(std::unique_ptr<DeviceReader> devices) {
    if (!devices) return;
    watch_.emplace(std::move(devices), [&events = events_](const std::vector<DeviceReading>& readings) {
        events.write("devices", {{"devices", devices_field(readings)}});
    });
}

void Reporter::begin_phase(const char* phase) {
    times_.begin(phase);
    events_.write("phase", {{"phase", phase}});
    std::fprintf(stderr, "%s\n", phase);
}

BinProgress Reporter::progress(const char* phase) {
    return [this, phase](std::int64_t done, std::int64_t total) {
        events_.write("progress", {{"phase", phase}, {"done", done}, {"total", total}});
    };
}

void Reporter::recompute(RecomputePlan plan) {
    const RecomputePlan own = plan.within(inputs_.model.layers);
    events_.write("recompute",
                  {{"layers", inputs_.model.layers}, {"mlp", own.mlp_layers}, {"block", own.block_layers}});
    if (!own.is_none()) std::fprintf(stderr, "%s\n", text_of(own, inputs_.model.layers).c_str());
}

void Reporter::ceiling(double flops) {
    ceiling_ = flops;
    events_.write("ceiling", {{"flops", flops}});
}

void Reporter::step(const Step& step) {
    const auto& [done, result, loss, seconds, learning_rate, peak_memory] = step;
    Fields fields = {{"step", done},
                     {"steps", inputs_.steps()},
                     {"epoch", inputs_.epoch_at(done)},
                     {"pairs", result.pairs},
                     {"tokens", result.tokens},
                     {"seconds", seconds},
                     {"flops", result.flops},
                     {"speedOfLight", result.flops / seconds / ceiling_}};
    fields.update(metric_fields(result.mean, loss));
    fields["grad_norm"] = result.grad_norm;
    fields["learning_rate"] = learning_rate;
    fields["memory"] = peak_memory;
    if (result.ranks) {
        fields["communication"] = result.ranks->communication;
        fields["slowest_rank"] = result.ranks->slowest;
        fields["rank_seconds"] = in_microseconds(result.ranks->computing);
        spent("communication", result.ranks->communication);
    }
    const bool is_warm_up = done <= inputs_.options().sft_steps;
    if (is_warm_up) fields["stage"] = "sft";
    if (const auto& names = inputs_.train.plan.sources; !names.empty())
        fields["sources"] = source_fields(result.sources, names);
    // First what the event is of: whoever sees it finds its pairs.
    pairs_.add(is_warm_up ? PairRecord::Kind::warm_up : PairRecord::Kind::step, done,
               inputs_.train.plan.pairs_of_step(done - 1).begin, result.values);
    events_.write("step", fields);
    lock_.check();
    tensorboard_.add(fields);
    std::fprintf(stderr, "step %lld/%lld  loss %.4f  margin %.4f  accuracy %.2f  %.0f tokens/s\n",
                 printed(done), printed(inputs_.steps()), result.mean.loss, result.mean.margins,
                 result.mean.accuracies, static_cast<double>(result.tokens) / seconds);
}

void Reporter::evaluation(const Evaluation& evaluation) {
    const auto& [done, result, metrics, seconds, is_best] = evaluation;
    Fields fields = {{"step", done},
                     {"steps", inputs_.steps()},
                     {"epoch", inputs_.epoch_at(done)},
                     {"pairs", result.all.pairs},
                     {"seconds", seconds}};
    fields.update(metrics);
    if (const auto& names = inputs_.eval->plan.sources; !names.empty())
        fields["sources"] = source_fields(result.sources, names);
    fields["best"] = is_best;
    if (records_evaluation(done, inputs_.steps(), inputs_.options().eval_steps, inputs_.eval->plan.pairs()))
        pairs_.add(PairRecord::Kind::evaluation, done, 0, result.values);
    events_.write("eval", fields);
    lock_.check();
    tensorboard_.add(fields);
    const PreferenceMetrics mean = result.all.mean();
    std::fprintf(stderr, "eval after step %lld  loss %.4f  accuracy %.2f%s\n", printed(done), mean.loss,
                 mean.accuracies, is_best ? "  (best)" : "");
}

void Reporter::stopped_early(const BestModel& best) {
    std::fprintf(stderr, "early stopping: no better evaluation since step %lld\n",
                 printed(best.step().value_or(0)));
}

void Reporter::sample(std::int64_t done, const char* model, const Fields& completed) {
    Fields fields = {{"step", done}, {"model", model}};
    fields.update(completed);
    events_.write("sample", fields);
}

void Reporter::checkpoint(std::int64_t done, const std::string& path) {
    events_.write("checkpoint", {{"step", done}, {"path", path}});
    events_.sync();
}

void Reporter::warning(const std::string& what, const std::string& where, const std::string& advice) {
    warn(what + " (" + where + "). " + advice);
    events_.write("warning", {{"what", what}, {"where", where}, {"advice", advice}});
}

void Reporter::exported(std::optional<std::int64_t> step) {
    Fields fields = {{"path", "export"}};
    if (step) fields["step"] = *step;
    events_.write("export", fields);
}

void Reporter::finished(std::int64_t steps, double seconds, std::size_t peak_memory) {
    watch_.reset();  // Nothing comes after the end.
    events_.write("finished", {{"steps", steps},
                               {"seconds", seconds},
                               {"peakMemory", peak_memory},
                               {"phases", Fields(times_.so_far())}});
    events_.sync();
    std::fprintf(stderr, "finished: %lld steps in %.1f s; %.0f%% of the time was training\n", printed(steps),
                 seconds, percent_trained(seconds));
}

void Reporter::stopped(std::int64_t done, double seconds) {
    watch_.reset();  // Nothing comes after the end.
    events_.write("stopped", {{"step", done}, {"seconds", seconds}, {"phases", Fields(times_.so_far())}});
    events_.sync();
    std::fprintf(stderr, "stopped after step %lld of %lld, in %.1f s; %.0f%% of the time was training\n",
                 printed(done), printed(inputs_.steps()), seconds, percent_trained(seconds));
}

double Reporter::percent_trained(double seconds) {
    const auto& phases = times_.so_far();
    const auto train = phases.find("train");
    return train == phases.end() ? 0.0 : 100 * train->second / seconds;
}

void report_failure(EventLog& events, const Error& error) noexcept {
    try {
        events.write("failed", {{"what", error.what()},
                                {"where", error.where()},
                                {"advice", error.advice()},
                                {"exitCode", static_cast<int>(error.code())}});
        events.sync();
    } catch (const std::exception& second) {
        warn(std::string("the failure could not be logged: ") + second.what());
    }
}

}  // namespace wishbone
