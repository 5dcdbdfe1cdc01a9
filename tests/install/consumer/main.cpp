#include <array>
#include <cstdio>

#include "raven/cluster/checkpoint.hpp"
#include "raven/nn/module.hpp"
#include "raven/tensor/export.hpp"

// A program of its own against an installed raven: it reaches HDF5, OpenSSL and the tensor room.
int main(int, char** arguments) {
  const std::filesystem::path folder = arguments[1];
  raven::Checkpoint checkpoint;
  checkpoint.step = 7;
  checkpoint.tensors.push_back({"w", raven::Tensor::of({2}, std::array{1.0F, 2.0F}), 1, {}});
  raven::write_checkpoint(folder, checkpoint, 1);
  raven::write_npy(folder / "w.npy", checkpoint.tensors[0].value);
  const auto loaded = raven::newest_checkpoint(folder);
  if (!loaded || raven::module_table().empty()) return 1;
#ifdef __OPTIMIZE__
  const char* const built = ", optimised";
#else
  const char* const built = ", not optimised";
#endif
  std::printf("read back step %d: %zu tensor%s\n", static_cast<int>(loaded->checkpoint.step),
              loaded->checkpoint.tensors.size(), built);
  return 0;
}
