#include "transport/mpi/entry.hpp"

#include <mutex>
#include <thread>
#include <utility>

#include "raven/core/contract.hpp"

namespace raven {
namespace {

std::string error_text(int error) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(error, text, &length);
  return {text, static_cast<std::size_t>(length)};
}

Entry::Outcome failure_of(std::uint64_t ticket, std::string why) {
  Entry::Outcome outcome;
  outcome.ticket = ticket;
  outcome.failure = std::move(why);
  return outcome;
}

Entry::Outcome outcome_of(std::uint64_t ticket, MPI_Comm comm) {
  Entry::Outcome outcome;
  outcome.ticket = ticket;
  outcome.comm = comm;
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  MPI_Comm_remote_size(comm, &outcome.newcomers);
  return outcome;
}

Entry::Outcome spawn_now(std::uint64_t ticket, std::vector<std::string> command,
                         const SpawnOrder& order) {
  std::vector<char*> arguments;
  for (std::size_t i = 1; i < command.size(); ++i) arguments.push_back(command[i].data());
  arguments.push_back(nullptr);
  MPI_Info info = MPI_INFO_NULL;
  MPI_Info_create(&info);
  if (!order.host.empty()) {
    // "n3" alone means one process there, whatever the count.
    const std::string host = order.host.find(':') == std::string::npos
                                 ? order.host + ":" + std::to_string(order.count)
                                 : order.host;
    MPI_Info_set(info, "host", host.c_str());
  }
  MPI_Comm comm = MPI_COMM_NULL;
  const int error =
      MPI_Comm_spawn(command.front().c_str(), arguments.data(), static_cast<int>(order.count), info,
                     0, MPI_COMM_SELF, &comm, MPI_ERRCODES_IGNORE);
  MPI_Info_free(&info);
  if (error != MPI_SUCCESS || comm == MPI_COMM_NULL) {
    return failure_of(ticket, "MPI_Comm_spawn: " + error_text(error));
  }
  return outcome_of(ticket, comm);
}

Entry::Outcome accept_now(std::uint64_t ticket,
                          const std::function<void(const std::string&)>& tell_port) {
  char port[MPI_MAX_PORT_NAME] = {};
  int error = MPI_Open_port(MPI_INFO_NULL, port);
  if (error != MPI_SUCCESS) {
    return failure_of(ticket, "MPI_Open_port: " + error_text(error));
  }
  tell_port(port);
  MPI_Comm comm = MPI_COMM_NULL;
  error = MPI_Comm_accept(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &comm);
  MPI_Close_port(port);
  if (error != MPI_SUCCESS || comm == MPI_COMM_NULL) {
    return failure_of(ticket, "MPI_Comm_accept: " + error_text(error));
  }
  return outcome_of(ticket, comm);
}

}  // namespace

struct Entry::Shared {
  std::mutex mutex;
  bool busy = false;
  std::optional<Outcome> outcome;
  std::function<void()> woken;
};

Entry::Entry(std::function<void()> woken) : shared_(std::make_shared<Shared>()) {
  shared_->woken = std::move(woken);
}

Entry::~Entry() {
  const std::scoped_lock lock(shared_->mutex);
  shared_->woken = [] {};
}

void Entry::run(std::function<Outcome()> call) {
  expects(!busy(), "an entry makes one communicator at a time");
  since_ = std::chrono::steady_clock::now();
  shared_->busy = true;
  std::thread([shared = shared_, call = std::move(call)] {
    Outcome outcome = call();
    const std::scoped_lock lock(shared->mutex);
    shared->outcome = std::move(outcome);
    shared->woken();
  }).detach();
}

void Entry::spawn(std::uint64_t ticket, const std::vector<std::string>& command,
                  const SpawnOrder& order) {
  run([=] { return spawn_now(ticket, command, order); });
}

void Entry::accept(std::uint64_t ticket, std::function<void(const std::string&)> tell_port) {
  run([=, tell_port = std::move(tell_port)] { return accept_now(ticket, tell_port); });
}

bool Entry::busy() const {
  const std::scoped_lock lock(shared_->mutex);
  return shared_->busy;
}

std::optional<Entry::Outcome> Entry::take() {
  const std::scoped_lock lock(shared_->mutex);
  if (shared_->outcome) shared_->busy = false;
  return std::exchange(shared_->outcome, std::nullopt);
}

}  // namespace raven
