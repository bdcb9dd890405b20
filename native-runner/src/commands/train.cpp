#include "comm/processes/place.h"
#include "commands/commands.h"
#include "core/error.h"
#include "run/run.h"

namespace wishbone {

void train_command(const TrainArguments& arguments) {
    if (arguments.run_folder.empty() && !arguments.join)
        throw Error(ExitCode::usage, "run-folder is required", "command line",
                    "See wishbone-runner train --help.");
    if (arguments.join && process_place().process == 0)
        throw Error(ExitCode::usage, "--join is for a process that is not the first of several",
                    "command line", "Give the run folder.");
    run_training(arguments.run_folder, arguments.resume);
}

}  // namespace wishbone
