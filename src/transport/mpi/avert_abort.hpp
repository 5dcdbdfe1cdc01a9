#pragma once

namespace raven {

/// How Open MPI may end this process when it finds a connection broken.
///
/// Open MPI 4.1 ends a process whose connection breaks under way, whatever the error handlers say,
/// in two places. For raven a lost peer is no reason to end, and even less to take others along.
/// While this is on, functions in this program stand in for Open MPI's own:
/// - mca_pml_ob1_error_handler(), told of a connection that failed, does nothing: its callers go
/// on.
/// - ompi_rte_abort(), called for a fragment that can't be sent any more, is declared not to
///   return, and after its calls stands whatever code the compiler put there. Called from ob1 it
///   goes on in its caller's caller, found by unwinding, as if that function of ob1 had returned;
///   the fragment is never completed, which is what a dead peer's are anyway. Called from
///   elsewhere it ends this process alone, and says so: contributors find their way to the next
///   master, which goes on from a checkpoint.
/// Other MPI libraries have no such functions and ignore these.
void avert_aborts(bool on);

}  // namespace raven
