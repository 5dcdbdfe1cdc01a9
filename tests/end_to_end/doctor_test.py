"""`raven doctor` tells what is wrong with a machine, and the mend.

usage: doctor_test.py RAVEN [TEST...]
"""

import os
import pathlib
import resource
import subprocess
import tempfile
import time
import unittest

import harness
from harness import DONE, ENVIRONMENT, FAILURE, MPIRUN, OMPI_SERVER

VERDICTS = ("good", "doubtful", "BAD")


def doctor(environment=None, run=None, **more):
    folder = run or tempfile.mkdtemp(dir=harness.workshop())
    result = subprocess.run([harness.raven_program, "doctor", "--run", str(folder)], capture_output=True, text=True,
                            timeout=harness.PATIENCE_S, env=environment or ENVIRONMENT, cwd=folder, **more)
    verdicts = {}
    for line in result.stdout.splitlines():
        if line.split(" ")[0] in VERDICTS:
            verdict, rest = line[:9].strip(), line[10:]
            verdicts[rest[:12].strip()] = (verdict, rest[13:])
    return result, verdicts


@unittest.skipUnless(MPIRUN and OMPI_SERVER, "needs mpirun and ompi-server")
class Doctor(unittest.TestCase):
    def test_a_sound_machine_is_called_sound(self):
        began = time.monotonic()
        result, verdicts = doctor()
        took = time.monotonic() - began
        self.assertEqual(result.returncode, DONE, result.stdout + result.stderr)
        self.assertEqual({*verdicts}, {"mpi", "recovery", "ompi-server", "cores", "quota", "hdf5", "disk", "locks", "limits", "clock",
                                       "network", "join port", "token"})
        self.assertIn("2 others lived on", verdicts["recovery"][1])
        print(f"took {took:.1f} s", flush=True)

    def test_an_mpirun_that_lets_a_death_spread_is_found_out(self):
        # The same mpirun, without the flag.
        folder = pathlib.Path(tempfile.mkdtemp(dir=harness.workshop()))
        (folder / "mpirun").write_text(f'#!/bin/bash\nexec {MPIRUN} "${{@/--enable-recovery/--quiet}}"\n')
        (folder / "mpirun").chmod(0o755)
        result, verdicts = doctor(environment={**ENVIRONMENT, "PATH": f"{folder}:{os.environ['PATH']}"})
        self.assertEqual(result.returncode, FAILURE)
        self.assertEqual(verdicts["recovery"][0], "BAD", result.stdout)
        self.assertIn("mend:", result.stdout)

    def test_a_machine_without_mpi_is_told_what_to_install(self):
        folder = tempfile.mkdtemp(dir=harness.workshop())
        result, verdicts = doctor(environment={**ENVIRONMENT, "PATH": folder})
        self.assertEqual(result.returncode, FAILURE)
        self.assertEqual([verdicts[what][0] for what in ("mpi", "recovery", "ompi-server")], ["BAD"] * 3)
        self.assertIn("openmpi-bin", result.stdout)

    def test_a_small_limit_of_open_files_is_told(self):
        result, verdicts = doctor(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
        self.assertEqual(result.returncode, FAILURE, result.stdout)
        self.assertEqual(verdicts["limits"][0], "BAD")
        self.assertIn("ulimit -n", result.stdout)

    def test_a_forced_core_type_and_an_open_token_are_told(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=harness.workshop()))
        (folder / "join.token").write_text("00" * 32)
        (folder / "join.token").chmod(0o644)
        result, verdicts = doctor(run=folder, environment={**ENVIRONMENT, "OPENBLAS_CORETYPE": "Haswell"})
        self.assertEqual(verdicts.get("cores", (None,))[0], "doubtful", result.stdout + result.stderr)
        self.assertEqual(verdicts["token"][0], "BAD")
        self.assertIn(f"chmod 600 {folder}/join.token", result.stdout)


if __name__ == "__main__":
    harness.main()
