#include "cli/begin_anew.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace raven {
namespace {

/// Strings that end in NUL, one after the other, as /proc tells them.
std::vector<std::string> words_in(const char* file) {
  std::vector<std::string> words;
  std::ifstream in(file, std::ios::binary);
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  return words;
}

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  // execve() changes none of them; it is older than const.
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Beginning::Beginning() : words_(words_in("/proc/self/cmdline")) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    environment_.emplace_back(*entry);
  }
}

void Beginning::begin_anew() const {
  std::fflush(nullptr);
  std::error_code ignored;
  std::vector<int> open_files;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    open_files.push_back(std::stoi(entry.path().filename().string()));
  }
  for (const int file : open_files) {
    if (file > STDERR_FILENO) ::fcntl(file, F_SETFD, FD_CLOEXEC);
  }
  ::execve("/proc/self/exe", pointers_to(words_).data(), pointers_to(environment_).data());
}

}  // namespace raven
