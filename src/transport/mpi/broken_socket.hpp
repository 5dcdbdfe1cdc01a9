#pragma once

namespace raven {

/// From now on a write to a connection that broke is told to Open MPI's TCP module as "try later".
///
/// Open MPI 4.1 sends at once where it can. When that write finds the peer gone, the module closes
/// the socket, and then waits for the closed socket to become writable: its event loop finds that
/// at once, for ever, and never comes back ("invalid connection state (2)"). One death among
/// several in heavy traffic did that to one process in eight. Told to try later, the module waits
/// for a socket that is still open; what it reads there next is the end of the connection, which it
/// handles well.
/// From then on writev() of this program stands in for the C library's. Calls from elsewhere
/// than that module, and all that succeed, are none of its business.
void defer_broken_writes();

}  // namespace raven
