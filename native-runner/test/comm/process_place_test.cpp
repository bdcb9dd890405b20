#include <doctest/doctest.h>

#include <map>
#include <string>

#include "comm/processes/hostlist.h"
#include "comm/processes/place.h"
#include "core/error.h"

using namespace wishbone;
using Variables = std::map<std::string, std::string>;

namespace {

ProcessPlace place_of(const Variables& variables) {
    return process_place([&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
}

Variables with(Variables variables, const Variables& more) {
    for (const auto& [name, value] : more) variables[name] = value;
    return variables;
}

/// The variable that is at fault.
std::string fault(const Variables& variables) {
    try {
        (void)place_of(variables);
    } catch (const Error& error) {
        CHECK(error.code() == ExitCode::bad_input);
        CHECK_FALSE(error.advice().empty());
        return error.where();
    }
    return "none";
}

const Variables torchrun = {{"RANK", "3"},
                            {"WORLD_SIZE", "4"},
                            {"LOCAL_RANK", "1"},
                            {"LOCAL_WORLD_SIZE", "2"},
                            {"MASTER_ADDR", "node-1"},
                            {"MASTER_PORT", "29500"}};
const Variables slurm = {{"SLURM_PROCID", "1"},
                         {"SLURM_NTASKS", "2"},
                         {"SLURM_STEP_ID", "0"},
                         {"SLURM_JOB_ID", "4711"},
                         {"SLURM_JOB_NODELIST", "gpu[07-09,11]"},
                         {"SLURM_STEP_NODELIST", "gpu[08,11]"}};

}  // namespace

TEST_CASE("without variables, or with those of one, there is one process") {
    for (const Variables& variables :
         {Variables{}, Variables{{"MASTER_ADDR", "a"}, {"LOCAL_RANK", "1"}},
          Variables{{"RANK", "0"}, {"WORLD_SIZE", "1"}}, Variables{{"RANK", ""}, {"WORLD_SIZE", ""}},
          Variables{{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}, {"SLURM_STEP_ID", "3"}},
          // A batch script: srun was not called yet.
          Variables{{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "1"}},
          // A shell in an allocation.
          Variables{{"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "1"}}}) {
        const ProcessPlace place = place_of(variables);
        CHECK(place.process == 0);
        CHECK(place.processes == 1);
        CHECK(place.locals == 1);
    }
}

TEST_CASE("torchrun's variables say where a process stands") {
    const ProcessPlace place = place_of(torchrun);
    CHECK(place.process == 3);
    CHECK(place.processes == 4);
    CHECK(place.local == 1);
    CHECK(place.locals == 2);
    CHECK(place.host == "node-1");
    CHECK(place.port == 29500);
    CHECK(place.port_from == "MASTER_PORT");
    // Its own store listens at that port.
    CHECK(place_of(with(torchrun, {{"TORCHELASTIC_USE_AGENT_STORE", "True"}})).port == 29501);
    CHECK(place_of(with(torchrun, {{"WISHBONE_PORT", "7000"}})).port == 7000);
    CHECK(place_of(with(torchrun, {{"TORCHELASTIC_RUN_ID", "none"}})).job == "none");
    // They go before Slurm's.
    CHECK(place_of(with(slurm, torchrun)).process == 3);
}

TEST_CASE("Slurm's variables say where a process stands in a step of srun") {
    const ProcessPlace place = place_of(slurm);
    CHECK(place.process == 1);
    CHECK(place.processes == 2);
    CHECK(place.locals == 1);
    CHECK(place.host == "gpu08");
    CHECK(place.job == "4711.0");
    CHECK(place.port > 1024);
    CHECK(place.port < 32768);
    CHECK(place_of(with(slurm, {{"SLURM_STEP_ID", "1"}})).port != place.port);
    CHECK(place_of(with(slurm, {{"SLURM_JOB_ID", "4712"}})).port != place.port);
    Variables whole_job = slurm;
    whole_job.erase("SLURM_STEP_NODELIST");
    CHECK(place_of(whole_job).host == "gpu07");
    CHECK(place_of(with(slurm, {{"MASTER_ADDR", "10.0.0.1"}, {"MASTER_PORT", "3000"}})).host == "10.0.0.1");
    CHECK(place_of(with(slurm, {{"MASTER_PORT", "3000"}})).port == 3000);
    CHECK(place_of(with(slurm, {{"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.9"}})).other_host == "10.0.0.9");
    // Several tasks a node: "2 on each of the first two, then 4".
    const ProcessPlace third = place_of(with(slurm, {{"SLURM_STEP_TASKS_PER_NODE", "2(x2),4"},
                                                     {"SLURM_STEP_NUM_TASKS", "8"},
                                                     {"SLURM_PROCID", "6"},
                                                     {"SLURM_NODEID", "2"},
                                                     {"SLURM_LOCALID", "2"}}));
    CHECK(third.processes == 8);
    CHECK(third.local == 2);
    CHECK(third.locals == 4);
}

TEST_CASE("what is missing, no number or contradicts is named") {
    const auto variable = [](const char* name) { return std::string("environment variable ") + name; };
    const auto without = [](Variables variables, const char* name) {
        variables.erase(name);
        return variables;
    };
    for (const char* name :
         {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) {
        CAPTURE(name);
        CHECK(fault(without(torchrun, name)) == variable(name));
    }
    for (const char* name :
         {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT", "WISHBONE_PORT"})
        for (const char* value : {"two", "-1", "1.5", "1 ", "0x1", "99999999999999999999", "70000"}) {
            CAPTURE(name);
            CAPTURE(value);
            CHECK(fault(with(torchrun, {{name, value}})) == variable(name));
        }
    CHECK(fault(with(torchrun, {{"RANK", "4"}})) == variable("RANK"));
    CHECK(fault(with(torchrun, {{"LOCAL_RANK", "2"}})) == variable("LOCAL_RANK"));
    CHECK(fault(with(torchrun, {{"LOCAL_WORLD_SIZE", "5"}})) == variable("LOCAL_WORLD_SIZE"));
    CHECK(fault(without(slurm, "SLURM_NTASKS")) == variable("SLURM_NTASKS"));
    CHECK(fault(without(slurm, "SLURM_JOB_ID")) == variable("SLURM_JOB_ID"));
    CHECK(fault(with(slurm, {{"SLURM_PROCID", "2"}})) == variable("SLURM_PROCID"));
    CHECK(fault(with(slurm, {{"SLURM_STEP_NODELIST", "gpu[1"}})) == variable("SLURM_STEP_NODELIST"));
    for (const char* list : {"x", "2(x", "2(x0)", "0", "2(y3)", "1", "2(x1),", "2;2"})
        CHECK(fault(with(slurm, {{"SLURM_STEP_TASKS_PER_NODE", list}, {"SLURM_NODEID", "1"}})) ==
              variable("SLURM_STEP_TASKS_PER_NODE"));
}

TEST_CASE("lists of hosts are expanded as Slurm means them") {
    using Hosts = std::vector<std::string>;
    const auto hosts = [](const char* list) { return expanded_hosts(list, "here"); };
    CHECK(hosts("login") == Hosts{"login"});
    CHECK(hosts("a,b-1.example,c") == Hosts{"a", "b-1.example", "c"});
    CHECK(hosts("n[1-3,7]") == Hosts{"n1", "n2", "n3", "n7"});
    CHECK(hosts("n[08-11],m") == Hosts{"n08", "n09", "n10", "n11", "m"});
    CHECK(hosts("r[1-2]n[1-2]") == Hosts{"r1n1", "r1n2", "r2n1", "r2n2"});
    CHECK(hosts("n[1]-ib") == Hosts{"n1-ib"});
    CHECK(hosts("n[001-100]").size() == 100);
    for (const char* list : {"", ",", "a,", "n[", "n[]", "n[1", "n[1-]", "n[-1]", "n[3-1]", "n]", "n[1;2]",
                             "n[a]", "n[1-99999999]", "n[1-4000][1-4000]", "n[9999999999]", "a b", "a\n"}) {
        CAPTURE(list);
        CHECK_THROWS_AS(hosts(list), Error);
    }
}
