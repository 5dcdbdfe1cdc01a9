#pragma once

#include <array>

namespace raven {

/// A parameter of Open MPI's modules, "-mca name value" for mpirun, OMPI_MCA_name in the
/// environment.
struct MpiParameter {
  const char* name;
  const char* value;
};

/// What 'raven launch' chooses unless told otherwise, and 'raven join' unless what is set here
/// serves as well. Both must speak alike; and that no other module is tried makes MPI_Init three
/// times as fast.
inline constexpr std::array<MpiParameter, 2> mpi_parameters{
    {{"pml", "ob1"}, {"btl", "self,vader,tcp"}}};

}  // namespace raven
