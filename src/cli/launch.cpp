#include "cli/launch.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "cli/console.hpp"
#include "cli/contribute.hpp"
#include "cli/door_file.hpp"
#include "cli/launchers.hpp"
#include "cli/mpi_parameters.hpp"
#include "cli/process_tree.hpp"
#include "cli/run_directory.hpp"
#include "cli/start_watch.hpp"
#include "cli/status_file.hpp"
#include "raven/cli/app.hpp"
#include "raven/cluster/checkpoint.hpp"
#include "raven/core/error.hpp"
#include "raven/job/build.hpp"

namespace raven {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_interval{20};
/// Between two looks at processes that are being started: each reads a file or more of every one.
constexpr std::chrono::milliseconds start_look_interval{100};
/// It takes a fraction of a second, and longer where the machine is busy; if it ends, that is seen.
constexpr std::chrono::seconds server_time{120};
/// How long processes may take to end by themselves once the master has told them.
constexpr std::chrono::seconds farewell{5};

/// A folder that is gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "raven-launch-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw InputError("no temporary folder can be made", "set TMPDIR to a folder with room");
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Whatever happens, nothing that was started stays.
struct LastOneOut {
  LastOneOut() { adopt_orphans(); }
  ~LastOneOut() { kill_descendants(); }
  LastOneOut(const LastOneOut&) = delete;
  LastOneOut& operator=(const LastOneOut&) = delete;
};

std::string first_line_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return in.eof() ? std::string() : line;  // without its end it is still being written
}

}  // namespace

std::filesystem::path sign_of_beginning(const std::filesystem::path& result_file) {
  return result_file.string() + ".begun";
}

namespace {

std::vector<std::string> slurm_nodes() {
  if (std::getenv("SLURM_JOB_NODELIST") == nullptr) return {};
  std::FILE* pipe = ::popen("scontrol show hostnames", "r");
  if (pipe == nullptr) return {};
  std::string names;
  char block[512];
  while (std::fgets(block, sizeof block, pipe) != nullptr) names += block;
  ::pclose(pipe);
  std::istringstream in(names);
  std::vector<std::string> nodes;
  for (std::string name; in >> name;) nodes.push_back(name);
  return nodes;
}

class Launch {
 public:
  Launch(const LaunchOptions& options, std::filesystem::path run)
      : options_(options),
        run_(std::move(run)),
        program_(std::filesystem::read_symlink("/proc/self/exe").string()) {
    const bool in_slurm = options.hostfile.empty() && std::getenv("SLURM_JOB_NODELIST") != nullptr;
    plan_ = plan_launch(options.hostfile.empty() ? slurm_nodes() : hosts_in(options.hostfile),
                        options.contributors);
    if (!plan_.nodes.empty() && options.gateways == 0) {
      throw InputError("other nodes take part through gateways, and there are none",
                       "leave --gateways out, or say 1 or more");
    }
    agent_ = !options.agent.empty() ? options.agent : in_slurm ? "srun" : "ssh";
    // As root, Open MPI wants to be told twice.
    environment_ = {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"};
    // An outer mpirun's words would make this one's processes look for that one; srun needs
    // Slurm's.
    const std::vector<std::string> foreign = launchers_words(SlurmWords::keep);
    environment_.insert(environment_.end(), foreign.begin(), foreign.end());
  }

  int run() {
    if (options_.gateways > 0) start_server();
    int crashes = 0;
    for (;;) {
      const std::optional<std::uint64_t> before = newest_step();
      const std::optional<int> result = run_master();
      if (result) return *result;
      if (newest_step() != before) crashes = 0;
      if (asked_to_stop() != 0) return exit_interrupted;
      if (++crashes > options_.restarts) {
        print_failure("the master crashed " + std::to_string(crashes) +
                      " times without a new checkpoint in between; giving up");
        return exit_failure;
      }
      print_failure("the master crashed; starting it again");
    }
  }

  /// Lets what was started end by itself for a while.
  void wait_for_the_rest() {
    const auto deadline = Clock::now() + farewell;
    const auto all_over = [this] {
      return std::ranges::all_of(started_, [](const auto& child) { return child->is_over(); });
    };
    while (!all_over() && Clock::now() < deadline) std::this_thread::sleep_for(look_interval);
  }

 private:
  void start_server() {
    const std::filesystem::path file = folder_.path() / "server.uri";
    server_ = std::make_unique<Child>(
        std::vector<std::string>{"ompi-server", "--no-daemonize", "-r", file.string()},
        environment_);
    const auto deadline = Clock::now() + server_time;
    std::string address;
    while ((address = first_line_of(file)).empty()) {
      if (server_->is_over() || Clock::now() > deadline) {
        throw InputError("ompi-server does not start", "see what 'raven doctor' says");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    // Other nodes need not see this machine's files.
    server_address_ = address;
    environment_.push_back("OMPI_MCA_pmix_server_uri=" + address);
  }

  [[nodiscard]] std::vector<std::string> mpirun(int processes) const {
    std::vector<std::string> command{
        "mpirun",    "-n",  std::to_string(processes), "--oversubscribe", "--enable-recovery",
        "--bind-to", "none"};
    // mpirun takes a parameter once only, and the user's word comes first.
    const auto given = [this](std::string_view name) {
      return std::ranges::find(options_.mpirun, name) != options_.mpirun.end();
    };
    for (const auto& [name, value] : mpi_parameters) {
      if (!given(name)) command.insert(command.end(), {"-mca", name, value});
    }
    command.insert(command.end(), options_.mpirun.begin(), options_.mpirun.end());
    return command;
  }

  /// Whether newcomers find this launch's master, and not what an earlier one left.
  [[nodiscard]] bool is_open() const {
    if (plan_.nodes.empty()) return false;
    try {
      const std::optional<DoorFile> doors = read_door(run_);
      return doors && doors->mpi_server == server_address_;
    } catch (const InputError&) {
      return false;
    }
  }

  void start_nodes() {
    nodes_started_ = true;
    for (const LaunchPlan::Node& node : plan_.nodes) {
      if (node.contributors == 0) continue;
      // What the agent starts has Slurm's words again; they would make this mpirun span the whole
      // allocation.
      std::string remote = shell_that_leaves_launchers() +
                           "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; exec";
      std::vector<std::string> words = mpirun(node.contributors);
      words.insert(words.end(),
                   {"-mca", "pmix_server_uri", server_address_, program_, "join", run_.string()});
      if (options_.threads > 0) {
        words.insert(words.end(), {"--threads", std::to_string(options_.threads)});
      }
      for (const std::string& word : words) remote += " " + quoted(word);
      std::vector<std::string> command = reach(node.name);
      command.push_back(agent_ == "srun" ? remote : "sh -c " + quoted(remote));
      started_.push_back(std::make_unique<Child>(command, environment_));
    }
  }

  [[nodiscard]] std::vector<std::string> reach(const std::string& node) const {
    if (agent_ != "srun") return {agent_, node};
    return {"srun", "--mpi=none", "--no-kill", "--exact", "--overlap", "-N1",
            "-n1",  "-w",         node,        "sh",      "-c"};
  }

  static std::string quoted(const std::string& word) {
    std::string text = "'";
    for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
  }

  /// None, too, when the folder can't be read: the master tells why.
  [[nodiscard]] std::optional<std::uint64_t> newest_step() const {
    try {
      return newest_checkpoint_step(run_ / run_files::checkpoints);
    } catch (const InputError&) {
      return std::nullopt;
    }
  }

  /// Contributors of earlier mpiruns that outlived their master: they come in by themselves.
  [[nodiscard]] int survivors() const {
    int count = 0;
    for (const auto& child : started_) {
      for (const pid_t pid : descendants_of(child->pid())) {
        const std::optional<std::string> rank = environment_of(pid, "OMPI_COMM_WORLD_RANK");
        const bool of_master = environment_of(pid, "RAVEN_LAUNCH").has_value();
        if (rank && of_master && std::atoi(rank->c_str()) > options_.gateways) ++count;
      }
    }
    return count;
  }

  /// @return what the master made of it; none when it crashed
  std::optional<int> run_master() {
    const std::filesystem::path result = folder_.path() / "result";
    std::error_code ignored;
    std::filesystem::remove(result, ignored);
    std::filesystem::remove(sign_of_beginning(result), ignored);
    const int others = survivors();
    const int missing = std::max(0, plan_.beside_master - others);
    const int ranks = 1 + options_.gateways + missing;
    std::vector<std::string> command = mpirun(ranks);
    // One mpirun over several nodes dies with any of them, so this one stays here.
    command.insert(command.end(), {"--host", "localhost:" + std::to_string(1024)});
    command.insert(command.end(), {program_, "train", options_.job, "--run", run_.string(),
                                   "--gateways", std::to_string(options_.gateways), "--result-file",
                                   result.string(), "--others", std::to_string(others)});
    if (options_.threads > 0) {
      command.insert(command.end(), {"--threads", std::to_string(options_.threads)});
    }
    for (const std::string& word : options_.train) {
      // A restart goes on; beginning anew is for the first.
      if (word != "--fresh" || !was_started_) command.push_back(word);
    }
    was_started_ = true;
    std::vector<std::string> environment = environment_;
    // Slurm's would make this mpirun span the whole allocation.
    const std::vector<std::string> foreign = launchers_words();
    environment.insert(environment.end(), foreign.begin(), foreign.end());
    environment.push_back("RAVEN_LAUNCH=" + std::to_string(::getpid()));
    Child& child = *started_.emplace_back(std::make_unique<Child>(command, environment));
    return watch(child, ranks, result);
  }

  std::optional<int> watch(Child& child, int ranks, const std::filesystem::path& result) {
    std::optional<pid_t> master;
    int passed_on = 0;
    StartingRanks start(child.pid(), static_cast<std::size_t>(ranks), sign_of_beginning(result));
    for (;;) {
      const std::string said = first_line_of(result);
      if (!said.empty()) return std::atoi(said.c_str());
      const bool over = child.is_over();
      if (!master) master = master_of(child.pid());
      if (start.is_stuck()) {
        print_failure("processes of mpirun do not find each other: one died, or all are stuck");
        end_all_of(child);
        return std::nullopt;
      }
      if (!nodes_started_ && is_open()) start_nodes();
      const bool crashed = over || (master && !is_alive(*master));
      if (over && !start.saw_ranks() && first_line_of(result).empty() &&
          WIFEXITED(child.wait_status())) {
        throw InputError("mpirun does not start", "see what it says above, and 'raven doctor'");
      }
      if (crashed) {
        // An mpirun that died takes its ranks along, by and by.
        if (master) end_surely(*master);
        // Its last word may have come between the two looks.
        const std::string last = first_line_of(result);
        return last.empty() ? std::nullopt : std::optional<int>(std::atoi(last.c_str()));
      }
      // Straight to the master: mpirun gives its ranks one second and then kills them.
      if (const int signal = asked_to_stop(); master && signal != 0 && signal != passed_on) {
        ::kill(*master, signal);
        passed_on = signal;
      }
      std::this_thread::sleep_for(look_interval);
    }
  }

  /// Eyes on the ranks of an mpirun until all have found each other.
  class StartingRanks {
   public:
    StartingRanks(pid_t child, std::size_t ranks, std::filesystem::path sign)
        : child_(child), sign_(std::move(sign)), watch_(ranks) {}

    bool is_stuck() {
      const auto now = Clock::now();
      if (begun_ || now - looked_ < start_look_interval) return false;
      looked_ = now;
      const std::vector<pid_t> all = descendants_of(child_);
      StartLook look{.time = now.time_since_epoch(), .ranks = {}};
      for (const pid_t pid : all) {
        if (environment_of(pid, "OMPI_COMM_WORLD_RANK")) look.ranks.push_back(pid);
      }
      look.starved = starvation_.of(all, look.time);
      // After the ranks were counted: one that ends later ends by rights.
      look.begun = std::filesystem::exists(sign_);
      const StartWatch::Verdict verdict = watch_.look(look);
      begun_ = verdict == StartWatch::Verdict::begun;
      return verdict == StartWatch::Verdict::stuck;
    }
    [[nodiscard]] bool saw_ranks() const { return watch_.saw_ranks(); }

   private:
    pid_t child_;
    std::filesystem::path sign_;
    StartWatch watch_;
    Starvation starvation_;
    Clock::time_point looked_{};
    bool begun_ = false;
  };

  static void end_all_of(Child& child) {
    std::vector<pid_t> all = descendants_of(child.pid());
    all.push_back(child.pid());
    for (const pid_t pid : all) ::kill(pid, SIGKILL);
    while (std::ranges::any_of(all, is_alive)) std::this_thread::sleep_for(look_interval);
    (void)child.is_over();
  }

  static void end_surely(pid_t pid) {
    const auto deadline = Clock::now() + std::chrono::seconds(1);
    while (is_alive(pid) && Clock::now() < deadline) std::this_thread::sleep_for(look_interval);
    if (is_alive(pid)) ::kill(pid, SIGKILL);
    while (is_alive(pid)) std::this_thread::sleep_for(look_interval);
  }

  static std::optional<pid_t> master_of(pid_t mpirun) {
    for (const pid_t pid : descendants_of(mpirun)) {
      if (environment_of(pid, "OMPI_COMM_WORLD_RANK") == "0") return pid;
    }
    return std::nullopt;
  }

  const LaunchOptions& options_;
  std::filesystem::path run_;
  std::string program_;
  std::string agent_;
  LaunchPlan plan_;
  TemporaryFolder folder_;
  std::vector<std::string> environment_;
  std::string server_address_;
  std::unique_ptr<Child> server_;
  std::vector<std::unique_ptr<Child>> started_;
  bool was_started_ = false;
  bool nodes_started_ = false;
};

}  // namespace

int launch(const LaunchOptions& options, Programs programs) {
  std::vector<InputError> errors;
  std::vector<std::string> overrides;
  for (std::size_t i = 0; i + 1 < options.train.size(); ++i) {
    if (options.train[i] == "--set") overrides.push_back(options.train[i + 1]);
  }
  const std::optional<JobSpec> job = read_job(options.job, overrides, errors, programs);
  if (!job) {
    print_mistakes(errors);
    return exit_mistake;
  }
  listen_for_signals();
  const LastOneOut last_one_out;
  Launch launch(options, std::filesystem::absolute(
                             options.run.empty() ? default_run_folder(job->name) : options.run));
  const int code = launch.run();
  launch.wait_for_the_rest();
  return code;
}

}  // namespace raven
