#pragma once

namespace raven {

/// Whether Open MPI may end this process when it finds a connection broken.
///
/// Open MPI 4.1 calls its own ompi_rte_abort() when a fragment queued to a peer can't be sent any
/// more, whatever the error handlers say. For raven a lost peer is no reason to end: while this is
/// on, that function returns and Open MPI goes on. Other MPI libraries have no such function and
/// ignore it.
void avert_aborts(bool on);

}  // namespace raven
