#include "commands/commands.h"
#include "run/run.h"

namespace wishbone {

void train_command(const TrainArguments& arguments) { run_training(arguments.run_folder, arguments.resume); }

}  // namespace wishbone
